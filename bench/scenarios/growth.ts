import { type TargetName, targets } from '../bundles.ts';
import type { Run } from '../child.ts';
import { startFunction, startHuawei } from '../processes.ts';
import { type Bench, type Goal, interleaved, type Scenario, titleOf } from '../scenario.ts';
import { digits, medianOf } from '../stats.ts';

const SIZES = [10, 100, 1000, 10_000] as const;
const LARGEST = 10_000;
/** Small batches are soon over: the median of several counts. */
const timesOf = (size: number): number => Math.max(1, Math.min(20, Math.floor(2000 / size)));
/** Enough for the compiler, so that batches of ten are not measured cold. */
const WARM_UP = { receipts: 1000, cases: 1000 };
const WARM_UPS = 3;
/** With 10,000 calls in flight, (a) and (b) would run into any shorter time limit. */
const PATIENCE_MS = 60_000;

type Runs = Record<number, Run>;

export const growth: Scenario = async (bench: Bench) => {
  const measure = async (file: string): Promise<Runs> => {
    const runs: Runs = {};
    for (const size of SIZES) {
      // Its own process for each size, as memory is measured at its peak.
      await using huawei = await startHuawei();
      await using running = await startFunction(file, {
        huawei: huawei.url,
        secrets: bench.secrets.url,
        requestTimeoutMs: PATIENCE_MS,
      });
      if (size < LARGEST)
        for (let seed = 1; seed <= WARM_UPS; seed++) await running.invoke({ batch: { ...WARM_UP, seed } });
      const each: Run[] = [];
      for (let seed = 10; seed < 10 + timesOf(size); seed++)
        each.push(await running.invoke({ batch: { receipts: size, cases: size, seed } }));
      runs[size] = {
        ...(each.at(-1) as Run),
        ms: medianOf(each.map(run => run.ms)),
        cpuMs: medianOf(each.map(run => run.cpuMs)),
        failed: each.flatMap(run => run.failed),
      };
    }
    return runs;
  };
  const rounds = Math.ceil(bench.rounds / 2);
  const all = await interleaved(
    { ...bench, rounds },
    ({ file }) => measure(file),
    name => (name === 'sequential' ? 1 : rounds),
  );

  const value = (name: TargetName, size: number, of: (run: Run) => number) =>
    medianOf(all[name].map(runs => of(runs[size] as Run)));
  const perReceipt = (name: TargetName, what: 'ms' | 'cpuMs') => (size: number) =>
    digits((value(name, size, run => run[what]) * 1000) / size);
  const memory = (name: TargetName) => (size: number) => digits(value(name, size, run => run.peakMb));
  const ours = (size: number, what: 'ms' | 'cpuMs') => value('relay', size, run => run[what]) / size;
  const flat = (what: 'ms' | 'cpuMs', name: string): Goal => ({
    name: `${name} per receipt, 10,000 beside 1,000`,
    value: ours(LARGEST, what) / ours(1000, what),
    atMost: 1.5,
  });
  const names = targets.map(({ name }) => name);
  const peak = (name: TargetName) => value(name, LARGEST, run => run.peakMb);
  const failed = names.map(name => `${titleOf(name)}: ${value(name, LARGEST, run => run.failed.length)}`);
  return {
    title:
      'Growth: 10, 100, 1,000 and 10,000 distinct receipts a batch (the last is the largest event Lambda delivers, 6 MB)',
    columns: ['', 'a receipt costs', ...SIZES.map(size => `${digits(size)} a batch`)],
    rows: names.flatMap(name => [
      [titleOf(name), 'time, µs', ...SIZES.map(perReceipt(name, 'ms'))],
      ['', 'CPU, µs', ...SIZES.map(perReceipt(name, 'cpuMs'))],
      ['', 'peak memory of the process, MB', ...SIZES.map(memory(name))],
    ]),
    goals: [
      {
        name: 'peak memory at 10,000 beside the better of (a) and (b)',
        value: peak('relay') / Math.min(peak('middy'), peak('powertools')),
        atMost: 1,
      },
      flat('ms', 'time'),
      flat('cpuMs', 'CPU'),
    ],
    notes: [
      `Records failed at 10,000: ${failed.join('; ')}. (a) and (b) open one connection a receipt; Lambda allows a function 1,024 open files, this machine more. 10,000 is measured in a fresh process, the smaller sizes in warm ones.`,
    ],
  };
};
