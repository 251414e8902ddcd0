import cliProgress from 'cli-progress';
import { screenColumns } from './output.ts';
import { duration, number } from './text.ts';

/** What stands beside the bar: counts, rate, estimate. */
const WORDS_COLUMNS = 58;

/** The bar on the terminal now, which must go before anything else is written there. */
let endBar = () => {};
export const endProgress = () => endBar();

/**
 * A bar with rate and estimate, on standard error; none where that is no terminal.
 *
 * @param total 0 for no bar
 * @param mostPerSecond as fast as it may go: the estimate never promises more
 */
export const createProgress = (what: string, total: number, mostPerSecond?: number) => {
  if (total === 0 || !process.stderr.isTTY) return { update: () => {}, end: () => {} };
  const start = performance.now();
  const said = (done: number, of: number) => {
    const rate = done / Math.max(0.001, (performance.now() - start) / 1000);
    const expected = Math.min(rate, mostPerSecond ?? rate) || mostPerSecond;
    const left = expected ? `${duration((1000 * (of - done)) / expected)} left` : '';
    return { rate: number(Math.round(rate)), left };
  };
  const bar = new cliProgress.SingleBar(
    {
      format: `${what} {bar} {value}/{total} · {rate} a second · {left}`,
      stream: process.stderr,
      hideCursor: true,
      gracefulExit: false,
      clearOnComplete: true,
      barsize: Math.max(5, screenColumns() - WORDS_COLUMNS),
      formatValue: (value, _, type) => (type === 'value' || type === 'total' ? number(value) : String(value)),
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0, said(0, total));
  let isOver = false;
  const end = () => {
    if (!isOver) bar.stop();
    isOver = true;
  };
  endBar = end;
  return {
    update(done: number) {
      if (isOver) return;
      // More may be there than SQS said.
      if (done > bar.getTotal()) bar.setTotal(done);
      bar.update(done, said(done, bar.getTotal()));
    },
    end,
  };
};
