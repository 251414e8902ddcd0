// npm run simulate: seasons of days in virtual time, spread over two processes, and what they prove.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ChildTask } from './child.ts';
import { defects } from './defects.ts';
import type { Broken } from './oracle/oracle.ts';
import type { SeasonResult } from './season.ts';
import type { SeasonSpec } from './spec.ts';
import { type Fault, faultNames, pairs } from './world/faults.ts';

const SEASON_DAYS = 10;
const PROCESSES = 2;
const PER_DAY = 1_050;
const MOST_STORIES = 3;
/** Of a story, the end tells most; --story tells all. */
const MOST_LINES = 25;

const usage = `npm run simulate -- [options]
  --days N        how many days (30)
  --seed N        the seed (7)
  --faults a,b    only these faults: ${faultNames.join(', ')}
  --season N      only this season of the run
  --story CASE    tells what happens to a case (with --season)
  --turns         lets the real event loop turn after every event
  --telemetry     with Powertools, as in the function
  --defects       plants each known defect: each must be caught
  --json          one document on standard output`;

const fail = (words: string): never => {
  process.stderr.write(`${words}\n\n${usage}\n`);
  process.exit(2);
};

const readOptions = () => {
  try {
    const { values } = parseArgs({
      options: {
        days: { type: 'string', default: '30' },
        seed: { type: 'string', default: '7' },
        faults: { type: 'string' },
        season: { type: 'string' },
        story: { type: 'string' },
        turns: { type: 'boolean', default: false },
        telemetry: { type: 'boolean', default: false },
        defects: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const whole = (name: string, text: string, least: number): number =>
      /^\d{1,9}$/.test(text) && Number(text) >= least
        ? Number(text)
        : fail(`--${name} is no whole number: ${text}`);
    const faults = values.faults?.split(',').filter(Boolean);
    const unknown = faults?.find(name => !(faultNames as readonly string[]).includes(name));
    if (unknown) fail(`There is no fault ${unknown}.`);
    return {
      ...values,
      days: whole('days', values.days, 1),
      seed: whole('seed', values.seed, 0),
      season: values.season === undefined ? undefined : whole('season', values.season, 0),
      faults: faults as Fault[] | undefined,
    };
  } catch (error) {
    return fail((error as Error).message);
  }
};

const options = readOptions();
if (options.help) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}

type Timed = SeasonResult & { seconds: number };
type Failure = Broken & { season: number };

/** Runs seasons in a process of their own; what it prints otherwise is how it ended. */
const runChild = (task: ChildTask, onResult: (result: Timed) => void) =>
  new Promise<string>(resolve => {
    const file = fileURLToPath(new URL('./child.ts', import.meta.url));
    const child = spawn(process.execPath, [file, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', data => {
      said += data;
    });
    createInterface({ input: child.stdout }).on('line', line => onResult(JSON.parse(line)));
    child.on('close', code => resolve(code === 0 ? '' : said.trim() || `ended with ${code}`));
  });

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
};

const sum = (list: Record<string, number>[]): Record<string, number> => {
  const total: Record<string, number> = {};
  for (const one of list)
    for (const [name, count] of Object.entries(one)) total[name] = (total[name] ?? 0) + count;
  return total;
};

/** The least and the most of each figure. */
const rangesOf = (list: Record<string, number>[]): Record<string, string> => {
  const names = new Set(list.flatMap(one => Object.keys(one)));
  const range = (name: string) => {
    const values = list.flatMap(one => one[name] ?? []);
    return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  };
  return Object.fromEntries(Array.from(names, name => [name, range(name)]));
};

const table = (rows: [string, unknown][]) =>
  rows
    .map(
      ([name, value]) =>
        `${name.padEnd(34)}${typeof value === 'number' ? value.toLocaleString('en') : value}`,
    )
    .join('\n');

const specsOf = (): SeasonSpec[] => {
  const { days, seed, faults, turns, telemetry, season, story } = options;
  const specs = Array.from({ length: Math.ceil(days / SEASON_DAYS) }, (_, index) => ({
    seed,
    index,
    days: Math.min(SEASON_DAYS, days - index * SEASON_DAYS),
    perDay: PER_DAY,
    faults,
    everyTurn: turns,
    realTelemetry: telemetry,
    story,
  }));
  return season === undefined ? specs : specs.filter(({ index }) => index === season);
};

/** Runs all seasons, and sums up what they prove. */
const runAll = async (specs: SeasonSpec[]) => {
  const began = performance.now();
  const results: Timed[] = [];
  const total = (of: (result: Timed) => number) => results.reduce((all, result) => all + of(result), 0);
  // Seasons with figures cost most: one in twenty, in turn for each process.
  const runShare = async (share: number) => {
    const seasons = specs.filter((_, index) => (index + Math.floor(index / 20)) % PROCESSES === share);
    return runChild({ seasons }, result => {
      results.push(result);
      const [days, receipts] = [total(one => one.days), total(one => one.receipts)];
      progress(
        `${days} of ${options.days} days, ${receipts} receipts, ${total(one => one.brokenCount)} broken`,
      );
    });
  };
  const ended = await Promise.all(Array.from({ length: PROCESSES }, (_, share) => runShare(share)));
  progress('');
  results.sort((a, b) => a.index - b.index);
  const crashed = ended.filter(Boolean);
  const document = {
    seed: options.seed,
    days: total(({ days }) => days),
    receipts: total(({ receipts }) => receipts),
    events: total(({ events }) => events),
    broken: total(({ brokenCount }) => brokenCount) + crashed.length,
    hidden: sum(results.map(({ hidden }) => hidden)),
    ends: sum(results.map(({ ends }) => ends)),
    measures: rangesOf(results.map(({ measures }) => measures)),
    pairs: `${new Set(results.flatMap(one => one.pairs)).size} of ${pairs.length}`,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    trace: createHash('sha256')
      .update(results.map(({ trace }) => trace).join())
      .digest('hex')
      .slice(0, 16),
  };
  const failures = results.flatMap(({ index, broken }) => broken.map(one => ({ season: index, ...one })));
  return { document, failures, crashed, story: results.flatMap(({ story }) => story) };
};

/** What broke, how it came, and the command that repeats it. */
const tell = async ({ promise, season, atMs, detail, caseId }: Failure, specs: SeasonSpec[]) => {
  const { seed, days, faults } = options;
  const words = [`--seed ${seed} --days ${days} --season ${season}`];
  if (faults) words.push(`--faults ${faults.join(',')}`);
  if (caseId) words.push(`--story ${caseId}`);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  say(`\nBroken: ${promise}. Seed ${seed}, season ${season}, ${new Date(atMs).toISOString()}\n  ${detail}`);
  const spec = specs.find(({ index }) => index === season);
  if (spec && caseId && !options.story) {
    await runChild({ seasons: [{ ...spec, story: caseId, storyEndMs: atMs }] }, ({ story }) => {
      for (const line of story.slice(-MOST_LINES)) say(`  ${line}`);
    });
  }
  say(`  Once more: npm run simulate -- ${words.join(' ')}`);
};

const runDays = async (): Promise<number> => {
  const specs = specsOf();
  const { document, failures, crashed, story } = await runAll(specs);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ...document, failures, crashed }, undefined, 2)}\n`);
  else {
    const { hidden, ends, measures, ...rest } = document;
    const under = (group: string, all: object): [string, unknown][] =>
      Object.entries(all).map(([name, value]) => [`${group}: ${name}`, value]);
    const rows = [
      ...Object.entries(rest),
      ...under('receipts', ends),
      ...under('hidden', hidden),
      ...under('measured', measures),
    ];
    process.stdout.write(`${table(rows)}\n`);
  }
  for (const words of crashed) process.stderr.write(`\nA season did not end: ${words}\n`);
  const first = new Map(failures.toReversed().map(one => [one.promise, one]));
  for (const one of [...first.values()].slice(0, MOST_STORIES)) await tell(one, specs);
  if (options.story) process.stdout.write(`${story.join('\n')}\n`);
  return document.broken > 0 ? 1 : 0;
};

const runDefects = async (): Promise<number> => {
  const rows: { name: string; caught: boolean; by: string }[] = [];
  const queue = [...defects];
  const work = async () => {
    for (let defect = queue.shift(); defect; defect = queue.shift()) {
      const { name, file: _file, from: _from, to: _to, ...world } = defect;
      const seasons = [{ ...world, index: 0, perDay: PER_DAY }];
      const [planted, sound] = [[] as Timed[], [] as Timed[]];
      const crash = await runChild({ seasons, defect: name }, result => planted.push(result));
      await runChild({ seasons }, result => sound.push(result));
      const [first] = planted.flatMap(({ broken }) => broken);
      const isSound = sound.length === 1 && sound[0]?.brokenCount === 0;
      const by = crash || (first ? first.promise : 'nothing');
      rows.push({ name, caught: first !== undefined && isSound, by: isSound ? by : 'broken without it too' });
      progress(`${rows.length} of ${defects.length} defects`);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  progress('');
  rows.sort((a, b) => a.name.localeCompare(b.name));
  const missed = rows.filter(({ caught }) => !caught).length;
  if (options.json)
    process.stdout.write(`${JSON.stringify({ defects: rows.length, missed, rows }, undefined, 2)}\n`);
  else {
    const lines = rows.map(
      ({ name, caught, by }) => `${caught ? 'caught' : 'MISSED'}  ${name.padEnd(62)}${by}`,
    );
    process.stdout.write(`${lines.join('\n')}\n${rows.length - missed} of ${rows.length} defects caught\n`);
  }
  return missed > 0 || rows.length < defects.length ? 1 : 0;
};

process.exitCode = await (options.defects ? runDefects() : runDays());
