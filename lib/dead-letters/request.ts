import * as z from 'zod/mini';
import { failureCodes } from '../failure.ts';
import { caseIdIn } from '../receipt/receipt.ts';
import { repairSchema } from '../receipt/repair.ts';
import { TIME, timeMs } from '../receipt/time.ts';
import { type Letter, UNKNOWN } from './dead-letter.ts';

export const letterCodes = [...failureCodes, UNKNOWN] as const;

/** A message that was replayed so often and is dead again is not cured by one more replay. */
export const MAX_REPLAYS_DEFAULT = 3;

const whole = (least: number, most: number) => {
  const rule = `must be a whole number from ${least} to ${most}`;
  return z.int(rule).check(z.minimum(least, rule), z.maximum(most, rule));
};
const timeRule = 'must be an ISO 8601 time with offset, such as 2026-01-31T09:30:00Z';
const time = z.string(timeRule).check(z.regex(TIME, timeRule));

export const filterSchema = z
  .strictObject(
    {
      /** One of these codes; "unknown" is what SQS moved by itself, or a person put there. */
      failure_code: z.optional(
        z
          .array(z.enum(letterCodes, `must be one of ${letterCodes.join(', ')}`), 'must be a list of codes')
          .check(z.minLength(1, 'must name at least one code')),
      ),
      /** Exactly this case. */
      case_id: z.optional(z.string('must be text')),
      /** Dead-lettered at this time or later; ISO 8601 with offset. */
      after: z.optional(time),
      /** Dead-lettered earlier than this; ISO 8601 with offset. */
      before: z.optional(time),
      /** What was replayed so often already stays, and is counted as guarded; 3 by default. */
      max_replays: z.optional(whole(1, 1_000_000)),
    },
    'must be a JSON object',
  )
  .check(z.refine(filter => Object.keys(filter).length > 0, 'must have at least one field'));

export const replayRequestSchema = z
  .strictObject(
    {
      /** True for all dead letters, where there is no filter. */
      all: z.optional(z.literal(true, 'must be true where it is given')),
      /** Which dead letters; all that is named must hold. */
      filter: z.optional(filterSchema),
      /** Fields to set in each receipt before it is sent, by the rules of a receipt; null takes one away. */
      set: z.optional(repairSchema),
      /** The most messages to send; no limit by default. */
      limit: z.optional(whole(1, Number.MAX_SAFE_INTEGER)),
      /** The most messages to send in any window of one second; no limit by default. */
      rate_per_second: z.optional(whole(1, 100_000)),
      /** Counts and changes nothing. */
      dry_run: z.optional(z.boolean('must be true or false')),
    },
    'it must be a JSON object, such as {"all":true}',
  )
  .check(
    z.refine(
      ({ all, filter }) => (all === undefined) !== (filter === undefined),
      'it needs either "all":true, for all dead letters, or a "filter" with at least one field, and never both',
    ),
  );

export type Filter = z.infer<typeof filterSchema>;
export type ReplayRequest = z.infer<typeof replayRequestSchema>;

/**
 * Reads what a replay was asked for.
 *
 * @throws Error that names every wrong field and what it should be
 */
export const parseReplayRequest = (input: unknown): ReplayRequest => {
  const result = replayRequestSchema.safeParse(input);
  if (result.success) return result.data;
  const wrong = result.error.issues.map(issue => {
    const where = issue.path.join('.');
    if (issue.code !== 'unrecognized_keys') return `${where} ${issue.message}`.trim();
    return `${where ? `${where} has` : 'there is'} no field ${issue.keys.join(', ')}`;
  });
  throw new Error(`The replay request is wrong, nothing was touched: ${wrong.join('; ')}.`);
};

/** Whether a letter is what the filter asks for; the loop guard is the replay's. */
export const createMatch = ({ failure_code, case_id, after, before }: Filter) => {
  const from = timeMs(after) ?? Number.NEGATIVE_INFINITY;
  const until = timeMs(before) ?? Number.POSITIVE_INFINITY;
  const codes: readonly string[] | undefined = failure_code;
  return ({ code, deadLetteredAt, message }: Letter): boolean =>
    (!codes || codes.includes(code)) &&
    deadLetteredAt >= from &&
    deadLetteredAt < until &&
    (case_id === undefined || caseIdIn(message.body) === case_id);
};
