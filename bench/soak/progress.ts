import type { Progress } from './soak.ts';

const PLAIN_EVERY_MS = 5_000;

/** Where the run is, on standard error: one line that changes on a terminal, a line now and then elsewhere. */
export const createProgress = () => {
  const { stderr } = process;
  let last = Number.NEGATIVE_INFINITY;
  return {
    tell({ fault, step, steps, sent, calls, waiting }: Progress) {
      const text = `${String(step).padStart(2)}/${steps} ${fault}: ${sent} receipts sent, ${calls} calls to Huawei, ${waiting} in the queue`;
      if (stderr.isTTY) {
        stderr.write(`\r\x1b[K${text}`);
        return;
      }
      if (performance.now() - last < PLAIN_EVERY_MS) return;
      last = performance.now();
      stderr.write(`${text}\n`);
    },
    end() {
      if (stderr.isTTY) stderr.write('\r\x1b[K');
    },
  };
};
