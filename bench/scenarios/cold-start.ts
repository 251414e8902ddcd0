// What a batch waits for on a function that Lambda has just started.
import { setTimeout as sleep } from 'node:timers/promises';
import { sizesOf } from '../bundles.ts';
import { type ColdRun, openPlace, runCold, startFunction } from '../processes.ts';
import {
  type Bench,
  barsOf,
  besideBefore,
  besideBetter,
  interleaved,
  medianFor,
  rowsOf,
  type Scenario,
} from '../scenario.ts';
import { digits, medianOf, ratio, spread, spreadOf } from '../stats.ts';

/** Cold starts are short and vary much: three for each round. */
const TIMES = 3;
const TEN = { receipts: 10, cases: 10 };
/** By then what a function prefetches while it starts is there. */
const PREFETCHED_MS = 250;
const REQUEST_TIMEOUT_MS = 5000;

/** Our start and first batch while log-ins get no answer. */
const withoutIam = async ({ world, targets }: Bench) => {
  await using place = await openPlace(world, { faults: [{ does: 'hang', match: { kind: 'log_in' } }] });
  const [ours] = targets;
  await using running = await startFunction(ours?.file ?? '', place, {
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    functionMs: 30_000,
  });
  const run = await running.invoke({ batch: TEN });
  return { startMs: running.importMs, batchMs: run.ms, failed: run.failed.length };
};

export const coldStart: Scenario = async bench => {
  await using place = await openPlace(bench.world);
  const empty: ColdRun[] = [];
  const all = await interleaved({ ...bench, rounds: bench.rounds * TIMES }, async ({ name, title, file }) => {
    if (name === 'relay') empty.push(await runCold('', place));
    const cold = await runCold(file, place);
    await using running = await startFunction(file, place);
    await sleep(PREFETCHED_MS);
    const first = await running.invoke({ batch: TEN });
    const [failed] = [...cold.failed, ...first.failed];
    if (failed) throw new Error(`${title} failed in its first batch: ${cold.error ?? first.error}`);
    return { cold, first };
  });
  const emptyMs = medianOf(empty.map(run => run.readyMs));
  const emptyCpuMs = medianOf(empty.map(run => run.processCpuMs));
  type Measured = (typeof all)[number]['runs'][number];
  const overMs = ({ cold }: Measured) => cold.readyMs - emptyMs;
  const overCpuMs = ({ cold }: Measured) => cold.processCpuMs - emptyCpuMs;
  const firstMs = ({ first }: Measured) => first.ms;
  const hanging = await withoutIam(bench);
  const startMs = medianFor(all, 'relay', ({ cold }) => cold.importMs);
  const rows = rowsOf(
    all,
    runs => spread(spreadOf(runs.map(overMs))),
    runs => spread(spreadOf(runs.map(({ cold }) => cold.importMs))),
    runs => spread(spreadOf(runs.map(overCpuMs))),
    runs => spread(spreadOf(runs.map(firstMs))),
  );
  return {
    title: 'Cold start: a process and its first batch of ten',
    columns: [
      '',
      'start to the first settled batch, over an empty process, ms',
      'of it import, ms',
      'CPU of it, ms',
      'first batch where the process is up, ms',
      'read at import, KB',
      'whole bundle, KB',
    ],
    rows: rows.map((row, index) => {
      const { atImport, inAll } = sizesOf(bench.targets[index] as Bench['targets'][number]);
      return [...row, digits(atImport), digits(inAll)];
    }),
    goals: [
      {
        name: 'start to the first settled batch, beside the better peer',
        value: besideBetter(all, overMs),
        atMost: 0.38,
      },
      {
        name: 'first batch where the process is up, beside the better peer',
        value: besideBetter(all, firstMs),
        atMost: 0.4,
      },
      ...besideBefore(all, 'start to the first settled batch', overMs),
      ...besideBefore(all, 'CPU of it', overCpuMs),
      ...besideBefore(all, 'first batch where the process is up', firstMs),
      { name: 'IAM hangs: the start takes longer, ms', value: hanging.startMs - startMs, atMost: 2000 },
      {
        name: 'IAM hangs: start and first batch, in request timeouts',
        value: (hanging.startMs + hanging.batchMs) / REQUEST_TIMEOUT_MS,
        atMost: 1.1,
      },
      { name: 'IAM hangs: receipts of ten that go back', value: hanging.failed, atLeast: 10 },
    ],
    notes: [
      `Import of the bundle, secret, log-in and ten calls. An empty process takes ${digits(emptyMs)} ms and ${digits(emptyCpuMs)} ms of CPU here. In CPU ours is ${ratio(besideBetter(all, overCpuMs))} of the better peer. Ours reads the secret and logs in while it starts; so does (a) with the secret, its middleware's prefetch; (b)'s documentation shows none. Ours also looks up whether a log-in was refused before (\`REFUSALS_IN\`), a call that nobody else makes. Where IAM hangs, start and batch together take one request timeout, as a batch alone would without the early log-in.`,
    ],
    bars: [
      barsOf(all, 'Cold start to the first settled batch', 'ms', overMs),
      barsOf(all, 'First batch of ten where the process is up', 'ms', firstMs),
    ],
  };
};
