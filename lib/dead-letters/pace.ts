/** A window of one second, and what a timer may be early. */
const WINDOW_MS = 1001;

/**
 * Lets at most `perSecond` messages pass in any window of one second, in batches as large as that allows. A message
 * counts until a second after its answer: so the limit holds at the other end, whatever the network does between.
 *
 * @param perSecond unlimited where undefined
 * @param halted ends all waiting
 */
export const createPace = (perSecond: number | undefined, halted: AbortSignal) => {
  let free = perSecond ?? Number.POSITIVE_INFINITY;
  let last = Promise.resolve(0);
  let wake = () => {};
  halted.addEventListener('abort', () => wake());

  return {
    /** Waits for its turn, one after the other; how many may pass now, at most `most`; 0 when it was halted. */
    take(most: number): Promise<number> {
      last = last.then(async () => {
        while (free < 1 && !halted.aborted)
          await new Promise<void>(resolve => {
            wake = resolve;
          });
        const places = halted.aborted ? 0 : Math.min(most, free);
        free -= places;
        return places;
      });
      return last;
    },

    /** The answer came for what used so many places. */
    passed(places: number) {
      if (perSecond === undefined) return;
      setTimeout(() => {
        free += places;
        wake();
      }, WINDOW_MS);
    },
  };
};
