// `npm run bench`: the packaged function beside its peers. Writes bench/results.md and bench/results.svg.
// `--only NAME` (repeatable) runs some scenarios and writes nothing, `--rounds N` measures more often, `--before
// FILE` measures an older bundle of ours beside, where a receipt is cheap or a start quick.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openWorld } from '../local/world.ts';
import { bundleAll, targets } from './bundles.ts';
import { pictureOf } from './picture.ts';
import { reportOf } from './report.ts';
import { isMet, type Result, type Scenario } from './scenario.ts';
import { coalesced, instant } from './scenarios/batches.ts';
import { coldStart } from './scenarios/cold-start.ts';
import { hanging } from './scenarios/hanging.ts';
import { replay } from './scenarios/replay.ts';
import { late, limit, outage } from './scenarios/trouble.ts';
import { digits } from './stats.ts';

const scenarios: Record<string, Scenario> = {
  'cold-start': coldStart,
  instant,
  coalesced,
  outage,
  hanging,
  limit,
  late,
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

const started = performance.now();
const seconds = () => Math.round((performance.now() - started) / 1000);
/** One line that changes on a terminal, nothing elsewhere. */
const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${seconds()} s  ${text}`);
};

const print = ({ title, columns, rows, goals }: Result) => {
  progress('');
  console.log(`\n${title}`);
  console.table(
    rows.map(row => Object.fromEntries(columns.map((column, index) => [column || 'function', row[index]]))),
  );
  for (const goal of goals) {
    const limit = goal.atMost === undefined ? `at least ${goal.atLeast}` : `at most ${goal.atMost}`;
    console.log(`${isMet(goal) ? 'met   ' : 'MISSED'}  ${goal.name}: ${digits(goal.value)} (${limit})`);
  }
};

progress('bundling');
await bundleAll();
if (values.before)
  targets.push({ name: 'before', title: 'this project before', file: path.resolve(values.before) });
const world = await openWorld();
const results: Result[] = [];
for (const name of names) {
  console.log(`\n${seconds()} s: ${name} …`);
  const scenario = scenarios[name] as Scenario;
  const result = await scenario({
    rounds,
    targets: targets.filter(target => target.name !== 'before' || BESIDE_BEFORE.includes(name)),
    world,
    progress: text => progress(`${name}: ${text}`),
  });
  results.push(result);
  print(result);
}

if (!values.only) {
  const write = (name: string, text: string) => writeFile(path.join(import.meta.dirname, name), text);
  await write('results.md', reportOf(results, rounds));
  await write('results.svg', pictureOf(results.flatMap(({ bars = [] }) => bars)));
  console.log('\nWritten: bench/results.md, bench/results.svg.');
}
await world.close();
const missed = results.flatMap(({ goals }) => goals.filter(goal => !isMet(goal)));
console.log(`${missed.length === 0 ? 'All goals met' : `${missed.length} goals missed`}, ${seconds()} s.`);
