/** One second, and what clocks that count in whole milliseconds may differ by, here and at the other end. */
const WINDOW_MS = 1010;
/** A 429 leaves so much of the pace. */
const LOWERED_TO = 3 / 4;
/** One call in ten seconds is enough to see that a limit is gone. */
const LEAST_PER_SECOND = 0.1;
/** A second without a 429 gives back so much of the maximum: from nothing to all in twenty. */
const GROWTH = 1 / 20;
const SECOND_MS = 1000;

const sleep = (ms: number, signal: AbortSignal) =>
  new Promise<void>(resolve => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });

/**
 * Lets at most so many calls start in any window of one second, in the order in which they ask; fewer while
 * the gateway says 429. Where a 429 lowers the pace, starts pause until the last second holds no more than the
 * new pace allows: a gateway that counts by the second has opened its next one by then. A queue library that
 * can do this costs a tenth of the call it guards.
 *
 * @param mostPerSecond a whole number; the pace at the start
 */
export const createPace = (mostPerSecond: number) => {
  /** When the last so many calls started. */
  const starts = new Float64Array(mostPerSecond).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  let perSecond = mostPerSecond;
  /** Calls that started before were under way when the pace was lowered: their 429 says nothing new. */
  let loweredAt = Number.NEGATIVE_INFINITY;
  /** The last 429 or growth: a second after it, an answer lets the pace grow. */
  let calmSince = Number.NEGATIVE_INFINITY;
  let last = Promise.resolve(true);
  let lastInHaste = Promise.resolve(true);
  let hasty = 0;

  /** The start that is as many starts ago as a window has room for must be a window ago. */
  const waitMs = () => {
    const room = Math.max(1, Math.floor(perSecond));
    const oldest = starts[(next + mostPerSecond - room) % mostPerSecond] as number;
    return oldest + WINDOW_MS * Math.max(1, 1 / perSecond) - performance.now();
  };

  const waitForRoom = async (signal: AbortSignal, isFirst: () => boolean): Promise<boolean> => {
    // The pace may change while it waits: it looks again at least once in a window.
    for (let ms = waitMs(); (ms > 0 || !isFirst()) && !signal.aborted; ms = waitMs()) {
      await sleep(Math.min(Math.max(ms, 1), WINDOW_MS), signal);
    }
    if (signal.aborted) return false;
    starts[next] = performance.now();
    next = (next + 1) % mostPerSecond;
    return true;
  };

  return {
    /**
     * Waits for a call's turn to start; false where the signal ended the waiting, and the place is free.
     *
     * @param inHaste goes before those that are not: a mark follows its look
     */
    turn(signal: AbortSignal, inHaste = false): Promise<boolean> {
      if (!inHaste) {
        last = last.then(() => waitForRoom(signal, () => hasty === 0));
        return last;
      }
      hasty++;
      lastInHaste = lastInHaste
        .then(() => waitForRoom(signal, () => true))
        .finally(() => {
          hasty--;
        });
      return lastInHaste;
    },

    /**
     * Tells what a call was answered with.
     *
     * @param startedAt when it started, by `performance.now()`
     */
    answered(status: number, startedAt: number) {
      const now = performance.now();
      if (status === 429) {
        calmSince = now;
        if (startedAt <= loweredAt) return;
        loweredAt = now;
        perSecond = Math.max(LEAST_PER_SECOND, perSecond * LOWERED_TO);
      } else if (perSecond < mostPerSecond && now - calmSince >= SECOND_MS) {
        perSecond = Math.min(mostPerSecond, perSecond + mostPerSecond * GROWTH);
        calmSince = now;
      }
    },
  };
};

export type Pace = ReturnType<typeof createPace>;
