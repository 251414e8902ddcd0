// What a batch waits for on a function that Lambda has just started.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HuaweiOptions } from '../../local/huawei/options.ts';
import type { Place } from '../../local/world.ts';
import { sizesOf, type Target } from '../bundles.ts';
import { type ColdRun, openPlace, runCold, startFunction } from '../processes.ts';
import { barsOf, besideBefore, besideBetter, interleaved, type Scenario, tableOf } from '../scenario.ts';
import { digits, medianOf } from '../stats.ts';

/** Cold starts are short and vary much: three for each round. */
const TIMES = 3;
const TEN = { receipts: 10, cases: 10 };
/** By then what a function prefetches while it starts is there. */
const PREFETCHED_MS = 250;

/** From the start of our process until it takes a batch. */
const startMs = async (place: Place, [ours]: Target[]): Promise<number> => {
  const start = performance.now();
  await using _ = await startFunction(ours?.file ?? '', place);
  return performance.now() - start;
};

const iamHangs: HuaweiOptions = { faults: [{ does: 'hang', match: { kind: 'log_in' } }] };

export const coldStart: Scenario = async bench => {
  await using place = await openPlace(bench.world);
  await using withoutIam = await openPlace(bench.world, iamHangs);
  const empty: ColdRun[] = [];
  const all = await interleaved({ ...bench, rounds: bench.rounds * TIMES }, async target => {
    const { name, title, file } = target;
    if (name === 'relay') empty.push(await runCold('', place));
    const cold = await runCold(file, place);
    await using running = await startFunction(file, place);
    await sleep(PREFETCHED_MS);
    const first = await running.invoke({ batch: TEN });
    const [failed] = [...cold.failed, ...first.failed];
    if (failed) throw new Error(`${title} failed in its first batch: ${cold.error ?? first.error}`);
    return { cold, first, ...sizesOf(target) };
  });
  const emptyMs = medianOf(empty.map(run => run.readyMs));
  const emptyCpuMs = medianOf(empty.map(run => run.processCpuMs));
  type Measured = (typeof all)[number]['runs'][number];
  const overMs = ({ cold }: Measured) => cold.readyMs - emptyMs;
  const overCpuMs = ({ cold }: Measured) => cold.processCpuMs - emptyCpuMs;
  const firstMs = ({ first }: Measured) => first.ms;
  const longerMs = (await startMs(withoutIam, bench.targets)) - (await startMs(place, bench.targets));
  return {
    title: 'Cold start: a process and its first batch of ten',
    ...tableOf(all, {
      'start to the first settled batch, over an empty process, ms': overMs,
      'of it import, ms': ({ cold }) => cold.importMs,
      'CPU of it, ms': overCpuMs,
      'first batch where the process is up, ms': firstMs,
      'read at import, KB': ({ atImport }) => atImport,
      'whole bundle, KB': ({ inAll }) => inAll,
    }),
    goals: [
      ['start to the first settled batch, beside the better peer', besideBetter(all, overMs), '≤', 0.38],
      ['first batch where the process is up, beside the better peer', besideBetter(all, firstMs), '≤', 0.4],
      ...besideBefore(all, 'start to the first settled batch', overMs),
      ...besideBefore(all, 'CPU of it', overCpuMs),
      ...besideBefore(all, 'first batch where the process is up', firstMs),
      ['IAM hangs: the start takes longer, ms', longerMs, '≤', 2000],
    ],
    notes: [
      `Import of the bundle, secret, log-in and ten calls. An empty process takes ${digits(emptyMs)} ms and ${digits(emptyCpuMs)} ms of CPU here. In CPU ours is ${digits(besideBetter(all, overCpuMs))} × of the better peer. Ours reads the secret and logs in while it starts; so does (a) with the secret, its middleware's prefetch; (b)'s documentation shows none. Ours also looks up whether a log-in was refused before (\`REFUSALS_IN\`), a call that nobody else makes.`,
    ],
    bars: [
      barsOf(all, 'Cold start to the first settled batch', 'ms', overMs),
      barsOf(all, 'First batch of ten where the process is up', 'ms', firstMs),
    ],
  };
};
