import { type Command, InvalidArgumentError } from 'commander';
import { letterCodes, parseReplayRequest, type ReplayRequest } from '../dead-letters/request.ts';

/** Wrong use: exit code 2. */
export class UsageError extends Error {}

/** Everything that the verbs take; each takes what makes sense for it. */
export interface Options {
  stage?: string;
  json?: boolean;
  yes?: boolean;
  dryRun?: boolean;
  code?: string[];
  case?: string;
  after?: string;
  before?: string;
  maxReplays?: number;
  set?: Record<string, string>;
  limit?: number;
  rate?: number;
}

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An ISO 8601 time, or how long ago. */
const time = (value: string): string => {
  const ago = /^(\d+)([smhd])$/.exec(value);
  if (ago) return new Date(Date.now() - Number(ago[1]) * (UNIT_MS[ago[2] as string] as number)).toISOString();
  return value;
};

const whole = (value: string): number => {
  if (/^\d+$/.test(value)) return Number(value);
  throw new InvalidArgumentError('It must be a whole number.');
};

const list = (value: string, before: string[] = []): string[] => [...before, ...value.split(',')];

const assignment = (value: string, before: Record<string, string> = {}): Record<string, string> => {
  const [, field, text] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (field === undefined || text === undefined) throw new InvalidArgumentError('It must be FIELD=VALUE.');
  return { ...before, [field]: text };
};

export const addCommon = (command: Command): Command =>
  command
    .option(
      '--stage <name>',
      'use the queues of this deployed stage, instead of QUEUE_URL and DEAD_LETTER_QUEUE_URL',
    )
    .option('--json', 'one JSON document on standard output');

export const addFilter = (command: Command): Command =>
  command
    .option('--code <code>', `only this failure code, repeatable: ${letterCodes.join(', ')}`, list)
    .option('--case <id>', 'only this case')
    .option(
      '--after <time>',
      'dead-lettered then or later: ISO 8601 with offset, or how long ago, such as 90m, 12h, 2d',
      time,
    )
    .option('--before <time>', 'dead-lettered earlier than that', time);

export const addLimit = (command: Command, what: string): Command =>
  command.option('--limit <n>', `at most so many ${what}`, whole);

export const addReplay = (command: Command): Command =>
  command
    .option('--max-replays <n>', 'leave what was replayed so often already (default: 3)', whole)
    .option('--set <field=value>', 'set a field of the receipt first, repeatable', assignment)
    .option('--rate <n>', 'at most so many messages in any second', whole);

export const addSafety = (command: Command): Command =>
  command.option('--dry-run', 'say what would happen and change nothing').option('--yes', 'do not ask');

/** The options in the spelling of the replay request, and checked like one. */
export const checkedRequest = (options: Options): ReplayRequest => {
  const { code, case: case_id, after, before, maxReplays, set, limit, rate, dryRun } = options;
  const filter = { failure_code: code, case_id, after, before, max_replays: maxReplays };
  const isAll = Object.values(filter).every(value => value === undefined);
  const request = {
    ...(isAll ? { all: true } : { filter }),
    set,
    limit,
    rate_per_second: rate,
    dry_run: dryRun,
  };
  try {
    // Takes away what is undefined.
    return parseReplayRequest(JSON.parse(JSON.stringify(request)));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
};
