import { CLEAR_LINE, screenColumns } from './output.ts';
import { duration, number } from './text.ts';

/** What stands beside the bar: counts, rate, estimate. */
const WORDS_COLUMNS = 58;
/** As often as an eye follows. */
const EVERY_MS = 100;

/**
 * A bar with rate and estimate, on standard error; none where that is no terminal.
 *
 * @param total 0 for no bar
 * @param mostPerSecond as fast as it may go: the estimate never promises more
 */
export const createProgress = (what: string, total: number, mostPerSecond?: number) => {
  const isShown = total > 0 && process.stderr.isTTY;
  const columns = Math.max(5, screenColumns() - WORDS_COLUMNS);
  const start = performance.now();
  let drawnAt = Number.NEGATIVE_INFINITY;

  const update = (done: number) => {
    const now = performance.now();
    if (!isShown || now - drawnAt < EVERY_MS) return;
    drawnAt = now;
    // More may be there than SQS said.
    const of = Math.max(total, done);
    const rate = (1000 * done) / Math.max(1, now - start);
    const expected = Math.min(rate, mostPerSecond ?? rate) || mostPerSecond;
    const left = expected ? ` · ${duration((1000 * (of - done)) / expected)} left` : '';
    const bar = '█'.repeat(Math.round((columns * done) / of)).padEnd(columns, '░');
    const words = `${number(done)}/${number(of)} · ${number(Math.round(rate))} a second${left}`;
    process.stderr.write(CLEAR_LINE + `${what} ${bar} ${words}`.slice(0, screenColumns() - 1));
  };
  update(0);
  return {
    update,
    end: () => {
      if (isShown) process.stderr.write(CLEAR_LINE);
    },
  };
};
