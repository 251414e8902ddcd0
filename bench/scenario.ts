import type { World } from '../local/world.ts';
import type { Target } from './bundles.ts';
import { medianOf, spread } from './stats.ts';

/** What is held against a limit. */
export type Goal = [what: string, value: number, is: '≤' | '≥', limit: number];

export interface Bars {
  title: string;
  unit: string;
  bars: { title: string; value: number }[];
}

export interface Result {
  title: string;
  columns: string[];
  rows: string[][];
  goals: Goal[];
  /** How to read it. */
  notes: string[];
  /** For the picture. */
  bars?: Bars[];
}

export interface Bench {
  rounds: number;
  targets: Target[];
  world: World;
}

export type Scenario = (bench: Bench) => Promise<Result>;

/** What was measured of each target. */
export type Compared<T, C = Target> = { target: C; runs: T[] }[];

/** Measures every target in each round, the order turning by one so that nobody is always first. */
export const interleaved = async <T, C = Target>(
  { rounds, targets }: { rounds: number; targets: C[] },
  measure: (target: C) => Promise<T>,
): Promise<Compared<T, C>> => {
  const all = targets.map(target => ({ target, runs: [] as T[] }));
  for (let round = 0; round < rounds; round++) {
    const first = round % all.length;
    for (const { target, runs } of [...all.slice(first), ...all.slice(0, first)])
      runs.push(await measure(target));
  }
  return all;
};

/** The median over a target's runs; NaN where it took no part. */
export const medianFor = <T>(all: Compared<T>, name: Target['name'], value: (run: T) => number): number =>
  medianOf(all.find(({ target }) => target.name === name)?.runs.map(value) ?? []);

/** Ours ÷ the better peer's. */
export const besideBetter = <T>(all: Compared<T>, value: (run: T) => number): number =>
  medianFor(all, 'relay', value) /
  Math.min(medianFor(all, 'middy', value), medianFor(all, 'powertools', value));

/** What an older bundle of ours took part with is not to grow, but for the noise of two medians. */
export const besideBefore = <T>(all: Compared<T>, what: string, value: (run: T) => number): Goal[] => {
  const before = medianFor(all, 'before', value);
  if (Number.isNaN(before)) return [];
  return [[`${what} beside before`, medianFor(all, 'relay', value) / before, '≤', 1.05]];
};

/** A row for each target, and in it what its runs gave for each column. */
export const tableOf = <T>(
  all: Compared<T, { title: string }>,
  values: Record<string, (run: T) => number>,
): Pick<Result, 'columns' | 'rows'> => ({
  columns: ['', ...Object.keys(values)],
  rows: all.map(({ target, runs }) => [
    target.title,
    ...Object.values(values).map(value => spread(runs.map(value))),
  ]),
});

export const barsOf = <T>(
  all: Compared<T>,
  title: string,
  unit: string,
  value: (run: T) => number,
): Bars => ({
  title,
  unit,
  bars: all
    .filter(({ target }) => target.name !== 'before')
    .map(({ target, runs }) => ({ title: target.title, value: medianOf(runs.map(value)) })),
});
