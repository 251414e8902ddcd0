// `npm run bench`: the packaged function beside its peers. Writes bench/results.md and bench/results.svg.
// `--only NAME` (repeatable) runs some scenarios and writes nothing, `--rounds N` measures more often, `--before
// FILE` measures an older bundle of ours beside, where a receipt is cheap or a start quick.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openWorld } from '../local/world.ts';
import { bundleAll, targets } from './bundles.ts';
import { pictureOf } from './picture.ts';
import { goalsOf, reportOf, sectionOf } from './report.ts';
import type { Result, Scenario } from './scenario.ts';
import { coalesced, instant } from './scenarios/batches.ts';
import { coldStart } from './scenarios/cold-start.ts';
import { outage } from './scenarios/outage.ts';
import { replay } from './scenarios/replay.ts';

const scenarios: Record<string, Scenario> = {
  'cold-start': coldStart,
  instant,
  coalesced,
  outage,
  replay,
};
const BESIDE_BEFORE = ['cold-start', 'instant'];

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '9' },
    before: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const names = values.only ?? Object.keys(scenarios);
const unknown = names.filter(name => !Object.hasOwn(scenarios, name));
if (unknown.length > 0 || !(Number.isInteger(rounds) && rounds > 0)) {
  console.error(`Scenarios are ${Object.keys(scenarios).join(', ')}; rounds a whole number from 1.`);
  process.exit(2);
}

await bundleAll();
if (values.before)
  targets.push({ name: 'before', title: 'this project before', file: path.resolve(values.before) });
const world = await openWorld();
const results: Result[] = [];
for (const name of names) {
  console.log(`\n${name} …`);
  const result = await (scenarios[name] as Scenario)({
    rounds,
    targets: targets.filter(target => target.name !== 'before' || BESIDE_BEFORE.includes(name)),
    world,
  });
  results.push(result);
  console.log(sectionOf(result));
}
console.log(`\n${goalsOf(results)}`);

if (!values.only) {
  const write = (name: string, text: string) => writeFile(path.join(import.meta.dirname, name), text);
  await write('results.md', reportOf(results, rounds));
  await write('results.svg', pictureOf(results.flatMap(({ bars = [] }) => bars)));
  console.log('\nWritten: bench/results.md, bench/results.svg.');
}
await world.close();
