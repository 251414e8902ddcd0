/** Mixes a number into a hash of 32 bits (the finalizer of MurmurHash3). */
export const mix = (hash: number, value: number): number => {
  let h = Math.imul(hash ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

const hashOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
};

/**
 * A stream of its own for each purpose, so that one more draw in one place changes nothing elsewhere (mulberry32).
 *
 * @param purpose a name within the seed
 */
export const createRandom = (seed: number, purpose: string) => {
  let state = mix(seed >>> 0, hashOf(purpose));
  /** From 0 up to, not including, 1. */
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return Object.assign(random, {
    /** A whole number, both ends included. */
    int: (least: number, most: number) => least + Math.floor(random() * (most - least + 1)),
    between: (least: number, most: number) => least + random() * (most - least),
    chance: (probability: number) => random() < probability,
    pick: <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T,
    /** Exponentially distributed: the time to the next of what comes at random. */
    wait: (mean: number) => -mean * Math.log(1 - random()),
  });
};

export type Random = ReturnType<typeof createRandom>;
