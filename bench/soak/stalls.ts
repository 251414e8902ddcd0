import { now } from './random.ts';

const TICK_MS = 20;

/** Notices when this process, and with it the stand-in's clock, was kept waiting by a busy machine. */
export const watchStalls = () => {
  const stalls: { from: number; to: number }[] = [];
  let last = now();
  const timer = setInterval(() => {
    const at = now();
    if (at - last > 2 * TICK_MS) stalls.push({ from: last + TICK_MS, to: at });
    last = at;
  }, TICK_MS);
  timer.unref();
  return {
    /** Milliseconds lost in this span of time. */
    between: (from: number, to: number): number =>
      stalls.reduce(
        (sum, stall) => sum + Math.max(0, Math.min(to, stall.to) - Math.max(from, stall.from)),
        0,
      ),
    stop: () => clearInterval(timer),
  };
};
