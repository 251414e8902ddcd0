// Warm batches of 1,000 and 10,000: what a receipt costs.
import type { Run } from '../child.ts';
import type { Batch } from '../events.ts';
import { openPlace, startFunction } from '../processes.ts';
import {
  type Bench,
  barsOf,
  besideBefore,
  besideBetter,
  type Compared,
  interleaved,
  medianFor,
  type Scenario,
  tableOf,
} from '../scenario.ts';

type Measured = Run & { calls: number };

/** With 10,000 calls in flight, the peers would run into any shorter time limit, and that is not measured here. */
const PATIENCE_MS = 60_000;

/** Each run has a function and a stand-in of its own, and batches before the measured one. */
const measure = (
  bench: Pick<Bench, 'world' | 'targets' | 'rounds'>,
  batch: Batch,
  warmUps: Batch[],
): Promise<Compared<Measured>> =>
  interleaved(bench, async ({ name, file }) => {
    await using place = await openPlace(bench.world);
    await using running = await startFunction(file, place, { requestTimeoutMs: PATIENCE_MS });
    for (const [index, warmUp] of warmUps.entries())
      await running.invoke({ batch: { ...warmUp, seed: index + 1 } });
    const before = place.huawei.load.requests;
    const run = await running.invoke({ batch });
    // The peers' connections may give up where thousands open at once; that is a result, ours would be a fault.
    if (run.failed.length > 0 && name === 'relay')
      throw new Error(`${run.failed.length} of our receipts failed.`);
    return { ...run, calls: place.huawei.load.requests - before };
  });

const tableFor = (all: Compared<Measured>, receipts: number) =>
  tableOf(all, {
    calls: run => run.calls,
    failed: run => run.failed.length,
    'time, ms': run => run.ms,
    'CPU per receipt, µs': run => (run.cpuMs * 1000) / receipts,
    'peak memory, MB': run => run.peakMb,
  });

export const instant: Scenario = async bench => {
  const batch = { receipts: 1000, cases: 1000 };
  const all = await measure(bench, batch, [batch, batch, batch, batch]);
  const cpuMs = (run: Measured) => run.cpuMs;
  return {
    title: '1,000 receipts, all distinct, instant answers',
    ...tableFor(all, batch.receipts),
    goals: [
      ['CPU per receipt beside the better peer', besideBetter(all, cpuMs), '≤', 0.4],
      ...besideBefore(all, 'calls of a fresh receipt', run => run.calls),
      ...besideBefore(all, 'CPU of a fresh receipt', cpuMs),
    ],
    notes: [
      'The fifth batch of the process: what a warm function pays for a call with everything around it. On a busy machine the ratio grows: many answers that arrive at once cost the peers less each.',
    ],
    bars: [barsOf(all, 'CPU per receipt, 1,000 distinct', 'µs', cpuMs)],
  };
};

export const coalesced: Scenario = async bench => {
  const batch = { receipts: 10_000, cases: 1000 };
  const warmUp = { receipts: 1000, cases: 100 };
  const all = await measure({ ...bench, rounds: Math.ceil(bench.rounds / 3) }, batch, [warmUp, warmUp]);
  const calls = medianFor(all, 'relay', run => run.calls);
  const cpuMs = (run: Measured) => run.cpuMs;
  const peakMb = (run: Measured) => run.peakMb;
  return {
    title: '10,000 receipts of 1,000 cases, instant answers',
    ...tableFor(all, batch.receipts),
    goals: [
      ['calls per distinct mark', calls / batch.cases, '≤', 1],
      ['CPU per receipt beside the better peer', besideBetter(all, cpuMs), '≤', 0.1],
      ['peak memory beside the better peer', besideBetter(all, peakMb), '≤', 0.3],
    ],
    notes: [
      'The largest event that Lambda delivers, 6 MB. Peak memory is that of the whole process, Node itself included (about 45 MB). The peers open one connection a receipt; Lambda allows a function 1,024 open files, this machine more.',
    ],
    bars: [
      barsOf(all, 'CPU per receipt, 10,000 of 1,000 cases', 'µs', run => run.cpuMs / 10),
      barsOf(all, 'Peak memory, 10,000 of 1,000 cases', 'MB', peakMb),
    ],
  };
};
