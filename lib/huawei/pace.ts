import { setTimeout as delay } from 'node:timers/promises';

/** One second, and what clocks that count in whole milliseconds may differ by, here and at the other end. */
const WINDOW_MS = 1010;

/**
 * Lets at most so many calls start in any window of one second, in the order in which they ask. A queue library
 * that can do this costs a tenth of the call it guards.
 *
 * @returns a function that waits for its turn; false where the signal ended the waiting, and the place is free
 */
export const createRate = (perSecond: number) => {
  /** When the last so many calls started: the next has to wait for the oldest to be a window old. */
  const starts = new Float64Array(perSecond).fill(Number.NEGATIVE_INFINITY);
  let oldest = 0;
  let last = Promise.resolve(true);

  const waitForOldest = async (signal: AbortSignal): Promise<boolean> => {
    const waitMs = (starts[oldest] as number) + WINDOW_MS - performance.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return false;
    starts[oldest] = performance.now();
    oldest = (oldest + 1) % perSecond;
    return true;
  };

  return (signal: AbortSignal): Promise<boolean> => {
    last = last.then(() => waitForOldest(signal));
    return last;
  };
};
