import { type Command, InvalidArgumentError } from 'commander';
import { letterCodes, parseReplayRequest, type ReplayRequest } from '../dead-letters/request.ts';
import { receiptSchema } from '../receipt/receipt.ts';
import { repairSchema } from '../receipt/repair.ts';
import { timeMs } from '../receipt/time.ts';

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
  unset?: string[];
  limit?: number;
  rate?: number;
  wait?: boolean;
}

/** Of an option that means one thing: the second would silently win. */
const once =
  <T>(read: (value: string) => T) =>
  (value: string, before: T | undefined): T => {
    if (before !== undefined) throw new InvalidArgumentError('Give it once.');
    return read(value);
  };
export const text = once(value => value);

export const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  once((value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`;
    throw new InvalidArgumentError(`It takes a whole number from ${least}${range}.`);
  });

export const RATE = whole(1, 100_000);

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** How long ago, or a time; @throws InvalidArgumentError that says what it takes */
export const time = once((value: string): string => {
  const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(value) ?? [];
  const ms = amount === undefined ? timeMs(value) : Date.now() - Number(amount) * (UNIT_MS[unit] as number);
  const date = new Date(ms ?? Number.NaN);
  // What lies before year 0 or behind 9999 has no spelling that others read.
  if (!/^\d{4}-/.test(Number.isNaN(date.getTime()) ? '' : date.toISOString()))
    throw new InvalidArgumentError(
      'It takes how long ago, such as 90m, 12h or 2d, or a time in ISO 8601 with offset, such as 2026-01-31T09:30:00Z.',
    );
  return date.toISOString();
});

export const codes = (value: string, before: string[] = []): string[] => {
  const named = value.split(',');
  for (const code of named)
    if (!(letterCodes as readonly string[]).includes(code))
      throw new InvalidArgumentError(`It takes ${letterCodes.join(', ')}.`);
  return [...before, ...named];
};

export const FIELDS = Object.keys(repairSchema.shape);

export const assignment = (value: string, before: Record<string, string> = {}): Record<string, string> => {
  const [, field = '', set = ''] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (!FIELDS.includes(field))
    throw new InvalidArgumentError(`It takes FIELD=VALUE, with ${FIELDS.join(', ')} for a field.`);
  if (Object.hasOwn(before, field)) throw new InvalidArgumentError(`Give ${field} once.`);
  const result = repairSchema.safeParse({ [field]: set });
  if (!result.success)
    throw new InvalidArgumentError(
      result.error.issues.map(({ message }) => `${field} ${message}.`).join(' '),
    );
  return { ...before, [field]: set };
};

export const OPTIONAL = FIELDS.filter(field => field !== 'case_id');

export const unset = (value: string, before: string[] = []): string[] => {
  if (!OPTIONAL.includes(value)) throw new InvalidArgumentError(`It takes ${OPTIONAL.join(', ')}.`);
  return [...before, value];
};

/** An option is called as its field: `case_id` is --case, `read_at` --read-at. */
const optionOf = (field: unknown) => `--${`${field}`.replace(/_id$/, '').replace('_', '-')}`;

/**
 * Checks what options say of one receipt.
 *
 * @throws UsageError that names the wrong options
 */
export const checkReceipt = (receipt: object): void => {
  const { success, error } = receiptSchema.safeParse(receipt);
  if (success) return;
  const words = error.issues.map(({ path: [field], message }) => `${optionOf(field)} ${message}.`);
  throw new UsageError(words.join('\n'));
};

/** As Serverless takes it, and so short that the function's name is not too long (resources/params.ts). */
const stage = once((value: string): string => {
  if (/^[A-Za-z0-9-]{1,32}$/.test(value)) return value;
  throw new InvalidArgumentError('It takes the name of a stage, 1 to 32 letters, digits and hyphens.');
});

export const addCommon = (command: Command): Command =>
  command
    .option(
      '--stage <name>',
      'the queues of this deployed stage; without it, of QUEUE_URL and DEAD_LETTER_QUEUE_URL',
      stage,
    )
    .option('--json', 'one JSON document on standard output');

export const addFilter = (command: Command, limited: string): Command =>
  command
    .option('--code <code>', `only this failure code, repeatable: ${letterCodes.join(', ')}`, codes)
    .option('--case <id>', 'only this case', text)
    .option(
      '--after <time>',
      'dead-lettered then or later: 90m, 12h, 2d (ago), or ISO 8601 with offset',
      time,
    )
    .option('--before <time>', 'dead-lettered earlier than that', time)
    .option('--limit <n>', `at most so many ${limited}`, whole(1));

export const addRepair = (command: Command): Command =>
  command
    .option(
      '--set <field=value>',
      `set a field of each receipt first, repeatable: ${FIELDS.join(', ')}`,
      assignment,
    )
    .option('--unset <field>', `take a field away first, repeatable: ${OPTIONAL.join(', ')}`, unset)
    .option('--max-replays <n>', 'leave what was replayed so often already (default: 3)', whole(1, 1_000_000))
    .option('--rate <n>', 'at most so many messages in any second', RATE)
    .option('--wait', 'stay until what was sent has been taken, and say what came back dead');

export const addSafety = (command: Command): Command =>
  command.option('--dry-run', 'say what would happen and change nothing').option('--yes', 'do not ask');

/** Those of a filter, a repair and a rate as they are typed. */
export const optionWords = ({ set = {}, unset = [], ...options }: Options): string[] => [
  ...(options.code ?? []).flatMap(code => ['--code', code]),
  ...(['case', 'after', 'before', 'rate'] as const).flatMap(name =>
    options[name] === undefined ? [] : [`--${name}`, `${options[name]}`],
  ),
  ...Object.entries(set).flatMap(([field, value]) => ['--set', `${field}=${value}`]),
  ...unset.flatMap(field => ['--unset', field]),
];

/**
 * The options in the spelling of the replay request.
 *
 * @throws UsageError where two of them contradict each other
 */
export const requestOf = (options: Options): ReplayRequest => {
  const { code, case: case_id, after, before, maxReplays, limit, rate, dryRun } = options;
  const set: Record<string, string | null> = { ...options.set };
  for (const field of options.unset ?? []) {
    if (Object.hasOwn(set, field)) throw new UsageError(`Give --set or --unset for ${field}, not both.`);
    set[field] = null;
  }
  if (after !== undefined && before !== undefined && after >= before)
    throw new UsageError('Nothing is after --after and before --before: turn them round.');
  const named = { failure_code: code, case_id, after, before, max_replays: maxReplays };
  const isFiltered = Object.values(named).some(value => value !== undefined);
  const request = {
    ...(isFiltered ? { filter: named } : { all: true }),
    ...(Object.keys(set).length > 0 && { set }),
    limit,
    rate_per_second: rate,
    dry_run: dryRun,
  };
  // Takes away what is undefined.
  return parseReplayRequest(JSON.parse(JSON.stringify(request)));
};
