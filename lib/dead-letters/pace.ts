/** A window of one second, and what a timer may be early. */
const WINDOW_MS = 1001;

/**
 * Lets at most so many messages pass in any window of one second, in batches as large as that allows. A message
 * counts until a second after its answer: so the limit holds at the other end, whatever the network does between.
 *
 * @param perSecond unlimited where undefined
 * @param signal ends all waiting
 */
export const createPace = (perSecond: number | undefined, signal: AbortSignal) => {
  let free = perSecond ?? Number.POSITIVE_INFINITY;
  const waiting: (() => void)[] = [];
  const timers = new Set<NodeJS.Timeout>();
  signal.addEventListener('abort', () => {
    for (const timer of timers) clearTimeout(timer);
    for (const wake of waiting.splice(0)) wake();
  });
  const give = (places: number) => {
    free += places;
    waiting.shift()?.();
  };

  return {
    /** Waits for its turn. Resolves to how many may pass now, at most so many; 0 when the waiting was ended. */
    async take(most: number): Promise<number> {
      while (free < 1 && !signal.aborted) await new Promise<void>(wake => waiting.push(wake));
      if (signal.aborted) return 0;
      const places = Math.min(most, free);
      free -= places;
      if (free > 0) waiting.shift()?.();
      return places;
    },
    /** Places that were not used. */
    giveBack: give,
    /** The answer came for what used so many places. */
    passed(places: number) {
      if (perSecond === undefined) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        give(places);
      }, WINDOW_MS);
      timers.add(timer);
    },
  };
};
