/** Dice that fall the same way for the same seed. */
export interface Dice {
  /** From 0 up to 1. */
  roll(): number;
  /** A whole number from 0 up to `below`. */
  below(below: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** Mulberry32, seeded with a number and a name, so that each fault has dice of its own. */
export const createDice = (seed: number, name: string): Dice => {
  let state = seed ^ hash(name);
  const roll = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    roll,
    below: below => Math.floor(roll() * below),
    chance: probability => roll() < probability,
    pick: from => from[Math.floor(roll() * from.length)] as never,
  };
};

/** FNV-1a: the same case gets the same fate in every run. */
export const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
};

/** Milliseconds since the epoch with fractions, by the clock that the stand-in's log uses. */
export const now = (): number => performance.timeOrigin + performance.now();
