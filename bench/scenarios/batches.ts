// Warm batches of 1,000 and 10,000: what a receipt costs.
import type { TargetName } from '../bundles.ts';
import type { Run } from '../child.ts';
import type { Batch } from '../events.ts';
import { loadOf, startFunction, startHuawei } from '../processes.ts';
import { type Bench, interleaved, type Result, type Scenario, titleOf } from '../scenario.ts';
import { digits, medianOf, ratio, spread, spreadOf } from '../stats.ts';

interface Measured extends Run {
  calls: number;
  peakInFlight: number;
}

interface Course {
  batch: Batch;
  latencyMs: number;
  /** Batches before the measured one, of the same size but for the seed. */
  warmUps: { batch: Batch; times: number };
  roundsOf: (name: TargetName, rounds: number) => number;
}

/** With 10,000 calls in flight, (a) and (b) would run into any shorter time limit, and that is not measured here. */
const PATIENCE_MS = 60_000;

/** Each run has a function and a stand-in of its own. */
const measureAll = async (bench: Bench, { batch, latencyMs, warmUps, roundsOf }: Course) =>
  interleaved(
    bench,
    async target => {
      await using huawei = await startHuawei({ latencyMs });
      const surroundings = { huawei: huawei.url, secrets: bench.secrets.url, requestTimeoutMs: PATIENCE_MS };
      await using running = await startFunction(target.file, surroundings);
      for (let seed = 1; seed <= warmUps.times; seed++) {
        // One by one, a warm-up of this size would take longer than the rest of the bench.
        const small = target.name === 'sequential' && latencyMs > 0;
        await running.invoke({ batch: { ...(small ? { receipts: 10, cases: 10 } : warmUps.batch), seed } });
      }
      const before = await loadOf(huawei);
      const run = await running.invoke({ batch });
      const after = await loadOf(huawei);
      // The peers' connections may give up where thousands open at once; that is a result, ours would be a fault.
      if (run.failed.length > 0 && target.name === 'relay')
        throw new Error(`${run.failed.length} of our receipts failed.`);
      return { ...run, calls: after.requests - before.requests, peakInFlight: after.peakInFlight };
    },
    name => roundsOf(name, bench.rounds),
  );

type All = Record<TargetName, Measured[]>;

const tableOf = (all: All, receipts: number) => ({
  columns: ['', 'calls', 'failed', 'time, ms', 'CPU per receipt, µs', 'peak memory, MB', 'most in flight'],
  rows: Object.entries(all).map(([name, runs]) => [
    titleOf(name as TargetName),
    digits(medianOf(runs.map(run => run.calls))),
    digits(medianOf(runs.map(run => run.failed.length))),
    spread(spreadOf(runs.map(run => run.ms))),
    spread(spreadOf(runs.map(run => (run.cpuMs * 1000) / receipts))),
    spread(spreadOf(runs.map(run => run.peakMb))),
    digits(medianOf(runs.map(run => run.peakInFlight))),
  ]),
});

/** Ours beside the best of the peers. */
const beside = (all: All, what: 'cpuMs' | 'peakMb' | 'ms') => {
  const median = (name: TargetName) => medianOf(all[name].map(run => run[what]));
  return median('relay') / Math.min(median('middy'), median('powertools'), median('sequential'));
};

const barsOf = (all: All, title: string, unit: string, value: (run: Measured) => number) => ({
  title,
  unit,
  bars: Object.entries(all).map(([name, runs]) => ({
    title: titleOf(name as TargetName),
    value: medianOf(runs.map(value)),
  })),
});

export const paced: Scenario = async bench => {
  const batch = { receipts: 1000, cases: 1000 };
  const [latencyMs, inFlight] = [20, 50];
  const limitMs = (batch.cases * latencyMs) / inFlight;
  const all = await measureAll(bench, {
    batch,
    latencyMs,
    warmUps: { batch, times: 2 },
    roundsOf: (name, rounds) => (name === 'sequential' ? 1 : rounds),
  });
  const reached = limitMs / medianOf(all.relay.map(run => run.ms));
  return {
    title: '1,000 receipts, all distinct, answers after 20 ms',
    ...tableOf(all, batch.receipts),
    goals: [
      { name: 'share of the physical limit (distinct × latency ÷ in flight)', value: reached, atLeast: 0.9 },
    ],
    notes: [
      `The physical limit with ${inFlight} in flight is ${limitMs} ms. (a) and (b) know no limit: they send everything at once, which Huawei's gateway (200 a second) would answer with 429. (c) sends one at a time.`,
    ],
  };
};

export const instant: Scenario = async bench => {
  const batch = { receipts: 1000, cases: 1000 };
  const all = await measureAll(bench, {
    batch,
    latencyMs: 0,
    warmUps: { batch, times: 4 },
    roundsOf: (_, rounds) => rounds,
  });
  return {
    title: '1,000 receipts, all distinct, instant answers',
    ...tableOf(all, batch.receipts),
    goals: [{ name: 'CPU per receipt beside the better peer', value: beside(all, 'cpuMs'), atMost: 0.4 }],
    notes: [
      'The fifth batch of the process: what a warm function pays for a call with everything around it.',
    ],
    bars: [barsOf(all, 'CPU per receipt, 1,000 distinct', 'µs', run => (run.cpuMs * 1000) / batch.receipts)],
  };
};

export const coalesced: Scenario = async bench => {
  const batch = { receipts: 10_000, cases: 1000 };
  const all = await measureAll(bench, {
    batch,
    latencyMs: 0,
    warmUps: { batch: { receipts: 1000, cases: 100 }, times: 2 },
    roundsOf: (name, rounds) => (name === 'sequential' ? 1 : Math.ceil(rounds / 2)),
  });
  const calls = medianOf(all.relay.map(run => run.calls));
  return {
    title: '10,000 receipts of 1,000 cases, instant answers',
    ...tableOf(all, batch.receipts),
    goals: [
      { name: 'calls per distinct mark', value: calls / batch.cases, atMost: 1 },
      { name: 'CPU per receipt beside the better peer', value: beside(all, 'cpuMs'), atMost: 0.1 },
      { name: 'peak memory beside the better peer', value: memoryBeside(all), atMost: 0.3 },
    ],
    notes: [
      `Peak memory is that of the whole process, Node itself included (about 45 MB); ours is ${ratio(beside(all, 'peakMb'))} of the least of all three. The goal speaks of (a) and (b), which work in parallel; (c) holds little because it waits for each call.`,
    ],
    bars: [
      barsOf(all, 'CPU per receipt, 10,000 of 1,000 cases', 'µs', run => (run.cpuMs * 1000) / batch.receipts),
      barsOf(all, 'Peak memory, 10,000 of 1,000 cases', 'MB', run => run.peakMb),
    ],
  } satisfies Result;
};

/** Beside the peers that work in parallel. */
const memoryBeside = (all: All): number => {
  const median = (name: TargetName) => medianOf(all[name].map(run => run.peakMb));
  return median('relay') / Math.min(median('middy'), median('powertools'));
};
