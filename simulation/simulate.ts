// npm run simulate: seasons of days in virtual time, spread over two processes, and what they prove.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { whole } from '../lib/cli/options.ts';
import type { ChildTask } from './child.ts';
import { defects } from './defects.ts';
import { type Fault, faultNames, pairs } from './faults.ts';
import type { SeasonResult } from './season.ts';
import type { Spec } from './spec.ts';

const SEASON_DAYS = 10;
const PROCESSES = 2;
const MOST_STORIES = 3;
/** Of a story, the end tells most; --story tells all. */
const MOST_LINES = 25;

const out = (text: string) => process.stdout.write(`${text}\n`);
const say = (text: string) => process.stderr.write(`${text}\n`);
const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
};

interface Options {
  days?: number;
  seed?: number;
  faults?: Fault[];
  season?: number;
  story?: string;
  turns?: boolean;
  defects?: boolean;
  json?: boolean;
}

const faultsIn = (text: string): Fault[] =>
  text.split(',').flatMap(name => {
    const fault = faultNames.find(one => one === name);
    if (name && !fault) throw new InvalidArgumentError(`There is no fault ${name}.`);
    return fault ?? [];
  });

const options = new Command('npm run simulate --')
  .option('--days <n>', 'how many days (30)', whole(1))
  .option('--seed <n>', 'the seed (7)', whole(0))
  .option('--faults <a,b>', `only these faults: ${faultNames.join(', ')}`, faultsIn)
  .option('--season <n>', 'only this season of the run', whole(0))
  .option('--story <case>', 'tells what happens to a case (with --season)')
  .option('--turns', 'lets the real event loop turn after every event')
  .option('--defects', 'plants each known defect: each must be caught')
  .option('--json', 'one document on standard output')
  .showHelpAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
  .parse()
  .opts<Options>();
const { days = 30, seed = 7, faults, season, story } = options;

type Timed = SeasonResult & { seconds: number };

/** Runs seasons in a process of their own; what it prints otherwise is how it ended. */
const runChild = (task: ChildTask, onResult: (result: Timed) => void = () => {}) =>
  new Promise<{ results: Timed[]; crash: string }>(resolve => {
    const file = fileURLToPath(new URL('./child.ts', import.meta.url));
    const child = spawn(process.execPath, [file, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const results: Timed[] = [];
    let said = '';
    child.stderr.on('data', data => {
      said += data;
    });
    createInterface({ input: child.stdout }).on('line', line => {
      const result: Timed = JSON.parse(line);
      results.push(result);
      onResult(result);
    });
    child.on('close', code => resolve({ results, crash: code === 0 ? '' : said.trim() || `ended: ${code}` }));
  });

const sum = (list: Record<string, number>[]): Record<string, number> => {
  const total: Record<string, number> = {};
  for (const [name, count] of list.flatMap(Object.entries<number>)) total[name] = (total[name] ?? 0) + count;
  return total;
};

/** The least and the most of each figure. */
const rangesOf = (list: Record<string, number>[]): Record<string, string> => {
  const figures = Map.groupBy(list.flatMap(Object.entries<number>), ([name]) => name);
  const range = (values: number[]) =>
    `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  return Object.fromEntries(
    Array.from(figures, ([name, each]) => [name, range(each.map(([, value]) => value))]),
  );
};

const seasons: Spec[] = Array.from({ length: Math.ceil(days / SEASON_DAYS) }, (_, index) => ({
  seed,
  index,
  days: Math.min(SEASON_DAYS, days - index * SEASON_DAYS),
  faults,
  everyTurn: options.turns ?? false,
  story,
})).filter(({ index }) => (season ?? index) === index);

/** Runs all seasons, and sums up what they prove. */
const runAll = async () => {
  const began = performance.now();
  const done = { days: 0, receipts: 0, broken: 0 };
  const onResult = (result: Timed) => {
    done.days += result.days;
    done.receipts += result.receipts;
    done.broken += result.brokenCount;
    progress(`${done.days} of ${days} days, ${done.receipts} receipts, ${done.broken} broken`);
  };
  // Seasons with figures cost most: one in twenty, in turn for each process.
  const shares = Array.from({ length: PROCESSES }, (_, share) =>
    seasons.filter((_, index) => (index + Math.floor(index / 20)) % PROCESSES === share),
  );
  const ended = await Promise.all(shares.map(share => runChild({ seasons: share }, onResult)));
  progress('');
  const results = ended.flatMap(({ results }) => results).sort((a, b) => a.index - b.index);
  const crashed = ended.flatMap(({ crash }) => crash || []);
  const traces = results.map(({ trace }) => trace).join();
  const document = {
    seed,
    ...done,
    broken: done.broken + crashed.length,
    events: results.reduce((all, { events }) => all + events, 0),
    pairs: `${new Set(results.flatMap(one => one.pairs)).size} of ${pairs.length}`,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    trace: createHash('sha256').update(traces).digest('hex').slice(0, 16),
    ends: sum(results.map(({ ends }) => ends)),
    hidden: sum(results.map(({ hidden }) => hidden)),
    measured: rangesOf(results.map(({ measures }) => measures)),
  };
  const failures = results.flatMap(({ index, broken }) => broken.map(one => ({ season: index, ...one })));
  return { document, failures, crashed, told: results.flatMap(({ story }) => story) };
};
type Failure = Awaited<ReturnType<typeof runAll>>['failures'][number];

/** What broke, how it came, and the command that repeats it. */
const tell = async ({ promise, season, atMs, detail, caseId }: Failure) => {
  say(`\nBroken: ${promise}. Seed ${seed}, season ${season}, ${new Date(atMs).toISOString()}\n  ${detail}`);
  const told = seasons.filter(({ index }) => index === season && caseId && !story);
  const { results } = await runChild({
    seasons: told.map(spec => ({ ...spec, story: caseId, storyEndMs: atMs })),
  });
  for (const line of results.flatMap(({ story }) => story).slice(-MOST_LINES)) say(`  ${line}`);
  const words = [`--seed ${seed} --days ${days} --season ${season}`];
  if (faults) words.push(`--faults ${faults.join(',')}`);
  if (caseId) words.push(`--story ${caseId}`);
  say(`  Once more: npm run simulate -- ${words.join(' ')}`);
};

const rowsOf = (document: object, group = ''): string[] =>
  Object.entries(document).flatMap(([name, value]) =>
    typeof value === 'object'
      ? rowsOf(value, `${name}: `)
      : `${`${group}${name}`.padEnd(40)}${typeof value === 'number' ? value.toLocaleString('en') : value}`,
  );

const runDays = async (): Promise<boolean> => {
  const { document, failures, crashed, told } = await runAll();
  if (options.json) out(JSON.stringify({ ...document, failures, crashed }, undefined, 2));
  else out(rowsOf(document).join('\n'));
  for (const words of crashed) say(`\nA season did not end: ${words}`);
  const first = new Map(failures.toReversed().map(one => [one.promise, one]));
  for (const one of [...first.values()].slice(0, MOST_STORIES)) await tell(one);
  if (story) out(told.join('\n'));
  return document.broken === 0;
};

const runDefects = async (): Promise<boolean> => {
  const rows: { name: string; caught: boolean; by: string }[] = [];
  const queue = [...defects];
  const work = async () => {
    for (let defect = queue.shift(); defect; defect = queue.shift()) {
      const { name, spec } = defect;
      const planted = await runChild({ seasons: [spec], defect: name });
      const sound = await runChild({ seasons: [spec] });
      const [first] = planted.results.flatMap(({ broken }) => broken);
      const isSound = sound.results.length === 1 && sound.results[0]?.brokenCount === 0;
      const by = planted.crash || (first?.promise ?? 'nothing');
      rows.push({ name, caught: Boolean(first) && isSound, by: isSound ? by : 'broken without it too' });
      progress(`${rows.length} of ${defects.length} defects`);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  progress('');
  rows.sort((a, b) => a.name.localeCompare(b.name));
  const missed = rows.filter(({ caught }) => !caught).length;
  if (options.json) out(JSON.stringify({ defects: rows.length, missed, rows }, undefined, 2));
  else {
    for (const { name, caught, by } of rows) out(`${caught ? 'caught' : 'MISSED'}  ${name.padEnd(62)}${by}`);
    out(`${rows.length - missed} of ${rows.length} defects caught`);
  }
  return missed === 0;
};

process.exitCode = (await (options.defects ? runDefects() : runDays())) ? 0 : 1;
