import type { Metafile } from 'esbuild';
import { type Target, type TargetName, targets } from './bundles.ts';
import type { Service } from './processes.ts';

export interface Goal {
  /** What is held against a limit. */
  name: string;
  value: number;
  atMost?: number;
  atLeast?: number;
}

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
  secrets: Service;
  metafiles: Record<string, Metafile>;
  progress: (text: string) => void;
}

export type Scenario = (bench: Bench) => Promise<Result>;

export const isMet = ({ value, atMost, atLeast }: Goal): boolean =>
  (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);

export const titleOf = (name: TargetName): string =>
  targets.find(target => target.name === name)?.title ?? name;

/**
 * Measures every target in each round, the order turning by one so that nobody is always first.
 *
 * @param roundsOf how many rounds a target takes part in; all by default
 */
export const interleaved = async <T>(
  { rounds, progress }: Bench,
  measure: (target: Target) => Promise<T>,
  roundsOf: (name: TargetName) => number = () => rounds,
): Promise<Record<TargetName, T[]>> => {
  const measured: Record<TargetName, T[]> = { relay: [], middy: [], powertools: [], sequential: [] };
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      const target = targets[(round + turn) % targets.length] as Target;
      if (round >= roundsOf(target.name)) continue;
      progress(`round ${round + 1} of ${rounds}, ${target.title}`);
      measured[target.name].push(await measure(target));
    }
  }
  return measured;
};
