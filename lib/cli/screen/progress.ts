import cliProgress from 'cli-progress';
import { screenColumns, tell } from './output.ts';
import { duration, number } from './text.ts';

/** For who reads a log instead of a terminal. */
const LINE_EVERY_MS = 5_000;
/** What stands beside the bar: counts, rate, estimate. */
const WORDS_COLUMNS = 58;

/** The bar on the terminal now, which must go before anything else is written there. */
let endBar = () => {};
export const endProgress = () => endBar();

interface Plan {
  total: number;
  /** Nobody looks, or it would be gone at once. */
  quiet: boolean;
  /** As fast as it may go at most, a second: the estimate never promises more. */
  mostPerSecond?: number | undefined;
}

/** A bar with rate and estimate on a terminal, a line from time to time elsewhere; on standard error. */
export const createProgress = (what: string, { total, quiet, mostPerSecond }: Plan) => {
  if (quiet || total === 0) return { update: () => {}, end: () => {} };
  const start = performance.now();
  const said = (done: number, of: number) => {
    const rate = done / Math.max(0.001, (performance.now() - start) / 1000);
    const expected = Math.min(rate, mostPerSecond ?? rate) || mostPerSecond;
    const left = expected ? `${duration((1000 * (of - done)) / expected)} left` : '';
    return { rate: number(Math.round(rate)), left };
  };
  if (!process.stderr.isTTY) {
    let told = start;
    return {
      update(done: number) {
        if (performance.now() - told < LINE_EVERY_MS) return;
        told = performance.now();
        const { rate, left } = said(done, total);
        tell(`${what}: ${number(done)} of about ${number(total)}, ${rate} a second, ${left}`);
      },
      end: () => {},
    };
  }
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
