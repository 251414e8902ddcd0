// npm run simulate: seasons of days in virtual time, two processes at a time, and what they prove.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command, InvalidArgumentError } from 'commander';
import pMap from 'p-map';
import { whole } from '../lib/cli/options.ts';
import { defects } from './defects.ts';
import { type Fault, faultNames, pairs } from './faults.ts';
import type { SeasonResult } from './season.ts';
import { SEASON_DAYS, type Spec } from './spec.ts';

const TWO_AT_A_TIME = { concurrency: 2 };
const MOST_STORIES = 3;
const CRASH = 'a season comes to its end';

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

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

/** Runs a season in a process of its own, with a defect planted where one is named. */
const runSeason = async (spec: Spec, defect = ''): Promise<SeasonResult> => {
  try {
    const { stdout } = await run(process.execPath, [CHILD, JSON.stringify(spec), defect], { maxBuffer: 1e9 });
    return JSON.parse(stdout);
  } catch (error) {
    const counts = { days: 0, receipts: 0, events: 0, ends: {}, hidden: {}, measures: {}, brokenCount: 1 };
    const broken = [{ promise: CRASH, atMs: 0, detail: (error as Error).message, story: [] }];
    return { index: spec.index, ...counts, broken, pairs: [], trace: CRASH, story: [] };
  }
};

const seasons: Spec[] = Array.from({ length: Math.ceil(days / SEASON_DAYS) }, (_, index) => ({
  seed,
  index,
  days: Math.min(SEASON_DAYS, days - index * SEASON_DAYS),
  faults,
  everyTurn: options.turns ?? false,
  story,
})).filter(({ index }) => (season ?? index) === index);

const sum = (list: Record<string, number>[]): Record<string, number> => {
  const total: Record<string, number> = {};
  for (const [name, count] of list.flatMap(Object.entries<number>)) total[name] = (total[name] ?? 0) + count;
  return total;
};

/** The least and the most of each figure. */
const rangesOf = (list: Record<string, number>[]): Record<string, string> => {
  const ranges: Record<string, string> = {};
  for (const [name, all] of Map.groupBy(list.flatMap(Object.entries<number>), ([name]) => name)) {
    const values = all.map(([, value]) => value);
    ranges[name] = `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  }
  return ranges;
};

const rowsOf = (document: object, group = ''): string[] =>
  Object.entries(document).flatMap(([name, value]) =>
    typeof value === 'object'
      ? rowsOf(value, `${name}: `)
      : `${`${group}${name}`.padEnd(40)}${typeof value === 'number' ? value.toLocaleString('en') : value}`,
  );

/** Runs all seasons, and tells what they prove; what broke with its story and the command that repeats it. */
const runDays = async (): Promise<boolean> => {
  const began = performance.now();
  const done = { days: 0, receipts: 0, broken: 0 };
  const work = async (spec: Spec) => {
    const result = await runSeason(spec);
    done.days += result.days;
    done.receipts += result.receipts;
    done.broken += result.brokenCount;
    progress(`${done.days} of ${days} days, ${done.receipts} receipts, ${done.broken} broken`);
    return result;
  };
  const results = await pMap(seasons, work, TWO_AT_A_TIME);
  progress('');
  const traces = results.map(({ trace }) => trace).join();
  const document = {
    seed,
    ...done,
    events: results.reduce((all, { events }) => all + events, 0),
    pairs: `${new Set(results.flatMap(one => one.pairs)).size} of ${pairs.length}`,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    trace: createHash('sha256').update(traces).digest('hex').slice(0, 16),
    ends: sum(results.map(({ ends }) => ends)),
    hidden: sum(results.map(({ hidden }) => hidden)),
    measured: rangesOf(results.map(({ measures }) => measures)),
  };
  const failures = results.flatMap(({ index, broken }) => broken.map(one => ({ season: index, ...one })));
  if (options.json) out(JSON.stringify({ ...document, failures }, undefined, 2));
  else out(rowsOf(document).join('\n'));
  const firsts = [...new Map(failures.toReversed().map(one => [one.promise, one])).values()];
  for (const { promise, season, atMs, detail, caseId, story } of firsts.slice(0, MOST_STORIES)) {
    say(`\nBroken: ${promise}. Seed ${seed}, season ${season}, ${new Date(atMs).toISOString()}\n  ${detail}`);
    for (const line of story) say(`  ${line}`);
    const command = [`npm run simulate -- --seed ${seed} --days ${days} --season ${season}`];
    if (faults) command.push(`--faults ${faults.join(',')}`);
    if (caseId) command.push(`--story ${caseId}`);
    say(`  Once more: ${command.join(' ')}`);
  }
  if (story) out(results.flatMap(({ story }) => story).join('\n'));
  return done.broken === 0;
};

const runDefects = async (): Promise<boolean> => {
  let done = 0;
  const work = async ({ name, spec }: (typeof defects)[number]) => {
    const [planted, sound] = [await runSeason(spec, name), await runSeason(spec)];
    progress(`${++done} of ${defects.length} defects`);
    const { promise = 'nothing', detail = '' } = planted.broken[0] ?? {};
    if (sound.brokenCount > 0) return { name, caught: false, by: 'broken without it too' };
    if (promise === CRASH) return { name, caught: false, by: detail };
    return { name, caught: planted.brokenCount > 0, by: promise };
  };
  const rows = await pMap(defects, work, TWO_AT_A_TIME);
  progress('');
  const missed = rows.filter(({ caught }) => !caught).length;
  if (options.json) out(JSON.stringify({ defects: rows.length, missed, rows }, undefined, 2));
  else {
    for (const { name, caught, by } of rows) out(`${caught ? 'caught' : 'MISSED'}  ${name.padEnd(62)}${by}`);
    out(`${rows.length - missed} of ${rows.length} defects caught`);
  }
  return missed === 0;
};

process.exitCode = (await (options.defects ? runDefects() : runDays())) ? 0 : 1;
