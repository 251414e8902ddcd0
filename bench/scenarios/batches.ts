// Warm batches of 1,000 and 10,000: what a receipt costs.
import type { Run } from '../child.ts';
import type { Batch } from '../events.ts';
import { openPlace, startFunction } from '../processes.ts';
import {
  barsOf,
  besideBefore,
  besideBetter,
  type Compared,
  interleaved,
  medianFor,
  type Result,
  rowsOf,
  type Scenario,
} from '../scenario.ts';
import { digits, medianOf, spread, spreadOf } from '../stats.ts';

type Measured = Run & { calls: number };

interface Course {
  title: string;
  batch: Batch;
  /** Batches before the measured one. */
  warmUps: { batch: Batch; times: number };
  /** One round of so many. @default 1 */
  share?: number;
  judge: (all: Compared<Measured>) => Pick<Result, 'goals' | 'notes' | 'bars'>;
}

/** With 10,000 calls in flight, the peers would run into any shorter time limit, and that is not measured here. */
const PATIENCE_MS = 60_000;

/** Each run has a function and a stand-in of its own. */
const scenarioOf =
  ({ title, batch, warmUps, share = 1, judge }: Course): Scenario =>
  async bench => {
    const rounds = Math.ceil(bench.rounds / share);
    const all = await interleaved({ ...bench, rounds }, async ({ name, file }): Promise<Measured> => {
      await using place = await openPlace(bench.world);
      await using running = await startFunction(file, place, { requestTimeoutMs: PATIENCE_MS });
      for (let seed = 1; seed <= warmUps.times; seed++)
        await running.invoke({ batch: { ...warmUps.batch, seed } });
      const before = place.huawei.load.requests;
      const run = await running.invoke({ batch });
      // The peers' connections may give up where thousands open at once; that is a result, ours would be a fault.
      if (run.failed.length > 0 && name === 'relay')
        throw new Error(`${run.failed.length} of our receipts failed.`);
      return { ...run, calls: place.huawei.load.requests - before };
    });
    return {
      title,
      columns: ['', 'calls', 'failed', 'time, ms', 'CPU per receipt, µs', 'peak memory, MB'],
      rows: rowsOf(
        all,
        runs => digits(medianOf(runs.map(run => run.calls))),
        runs => digits(medianOf(runs.map(run => run.failed.length))),
        runs => spread(spreadOf(runs.map(run => run.ms))),
        runs => spread(spreadOf(runs.map(run => (run.cpuMs * 1000) / batch.receipts))),
        runs => spread(spreadOf(runs.map(run => run.peakMb))),
      ),
      ...judge(all),
    };
  };

const distinct = { receipts: 1000, cases: 1000 };
const many = { receipts: 10_000, cases: 1000 };

export const instant = scenarioOf({
  title: '1,000 receipts, all distinct, instant answers',
  batch: distinct,
  warmUps: { batch: distinct, times: 4 },
  judge: all => ({
    goals: [
      {
        name: 'CPU per receipt beside the better peer',
        value: besideBetter(all, run => run.cpuMs),
        atMost: 0.4,
      },
      ...besideBefore(all, 'calls of a fresh receipt', run => run.calls),
      ...besideBefore(all, 'CPU of a fresh receipt', run => run.cpuMs),
    ],
    notes: [
      'The fifth batch of the process: what a warm function pays for a call with everything around it. On a busy machine the ratio grows: many answers that arrive at once cost the peers less each.',
    ],
    bars: [barsOf(all, 'CPU per receipt, 1,000 distinct', 'µs', run => run.cpuMs)],
  }),
});

export const coalesced = scenarioOf({
  title: '10,000 receipts of 1,000 cases, instant answers',
  batch: many,
  warmUps: { batch: { receipts: 1000, cases: 100 }, times: 2 },
  share: 3,
  judge: all => ({
    goals: [
      {
        name: 'calls per distinct mark',
        value: medianFor(all, 'relay', run => run.calls) / many.cases,
        atMost: 1,
      },
      {
        name: 'CPU per receipt beside the better peer',
        value: besideBetter(all, run => run.cpuMs),
        atMost: 0.1,
      },
      {
        name: 'peak memory beside the better peer',
        value: besideBetter(all, run => run.peakMb),
        atMost: 0.3,
      },
    ],
    notes: [
      'The largest event that Lambda delivers, 6 MB. Peak memory is that of the whole process, Node itself included (about 45 MB). The peers open one connection a receipt; Lambda allows a function 1,024 open files, this machine more.',
    ],
    bars: [
      barsOf(all, 'CPU per receipt, 10,000 of 1,000 cases', 'µs', run => run.cpuMs / 10),
      barsOf(all, 'Peak memory, 10,000 of 1,000 cases', 'MB', run => run.peakMb),
    ],
  }),
});
