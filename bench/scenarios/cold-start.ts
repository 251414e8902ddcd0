import { type TargetName, targets } from '../bundles.ts';
import { type ColdRun, runCold, startHuawei } from '../processes.ts';
import { type Bench, interleaved, type Scenario, titleOf } from '../scenario.ts';
import { digits, medianOf, spread, spreadOf } from '../stats.ts';

/** Cold starts are short and vary much: three for each round. */
const TIMES = 3;

export const coldStart: Scenario = async (bench: Bench) => {
  await using huawei = await startHuawei();
  const surroundings = { huawei: huawei.url, secrets: bench.secrets.url };
  const empty: ColdRun[] = [];
  const more = { ...bench, rounds: bench.rounds * TIMES };
  const all = await interleaved(more, async target => {
    if (target.name === 'relay') empty.push(await runCold('', surroundings));
    const run = await runCold(target.file, surroundings);
    if (run.failed.length > 0) throw new Error(`${target.title} failed in its first batch: ${run.error}`);
    return run;
  });
  const emptyMs = medianOf(empty.map(run => run.readyMs));
  const emptyCpuMs = medianOf(empty.map(run => run.processCpuMs));
  const over = (name: TargetName) => spreadOf(all[name].map(run => run.readyMs - emptyMs));
  const cpuOver = (name: TargetName) => spreadOf(all[name].map(run => run.processCpuMs - emptyCpuMs));
  const names = targets.map(target => target.name);
  const beside = (name: TargetName, of = over) => of('relay').median / of(name).median;
  return {
    title: 'Cold start: from the start of the process to the first settled batch of ten',
    columns: ['', 'time over an empty process, ms', 'of it import, ms', 'CPU over an empty process, ms'],
    rows: names.map(name => [
      titleOf(name),
      spread(over(name)),
      spread(spreadOf(all[name].map(run => run.importMs))),
      spread(cpuOver(name)),
    ]),
    goals: [
      { name: 'time beside (b)', value: beside('powertools'), atMost: 0.4 },
      { name: 'time beside (a)', value: beside('middy'), atMost: 0.45 },
    ],
    notes: [
      `Import of the bundle, secret, log-in and ten calls. An empty process takes ${digits(emptyMs)} ms and ${digits(emptyCpuMs)} ms of CPU here; Lambda gives a function of 512 MB less than a third of a CPU, so that CPU time is what it waits for. In CPU ours is ${beside('powertools', cpuOver).toFixed(2)} of (b) and ${beside('middy', cpuOver).toFixed(2)} of (a).`,
    ],
    bars: [
      {
        title: 'Cold start to the first settled batch',
        unit: 'ms',
        bars: names.map(name => ({ title: titleOf(name), value: over(name).median })),
      },
    ],
  };
};
