import * as z from 'zod/mini';
import { type Failure, failure } from '../failure.ts';
import { isObject } from '../json.ts';
import { findMember, type Member, setMembers } from './json-text.ts';

const field = (pattern: RegExp, rule: string) =>
  z
    .string({ error: ({ input }) => `${input === undefined ? 'is missing' : 'must be text'}: it ${rule}` })
    .check(z.regex(pattern, rule));

// The `u` flag makes {1,64} count code points, as Huawei documents lengths, not UTF-16 units.
const caseId = field(
  /^(?!\.{1,2}$)[^\p{Cc}\p{Cs}]{1,64}$/u,
  'must be 1 to 64 characters, without control characters or lone surrogates, and not "." or ".."',
);
const groupId = field(/^[\s\S]{0,64}$/u, 'must be 0 to 64 characters');
const header = field(/^[\x21-\x7e]{1,32}$/, 'must be 1 to 32 visible ASCII characters');
const time = z.iso.datetime({
  offset: true,
  error: 'must be an ISO 8601 time with offset, such as 2026-01-31T09:30:00Z or 2026-01-31T17:30:00+08:00',
});

/** One person read the messages of one case. Unknown fields are ignored; `null` means absent. */
export const receiptSchema = z.object(
  {
    case_id: caseId,
    group_id: z.nullish(groupId),
    language: z.nullish(header),
    time_zone: z.nullish(header),
    read_at: z.nullish(time),
  },
  'must be a JSON object with a case_id',
);
export type Receipt = z.infer<typeof receiptSchema>;

/** Fields to set in a receipt; `null` takes one away. */
export const repairSchema = z.strictObject(z.partial(receiptSchema).shape);
export type Repair = z.infer<typeof repairSchema>;

/** What an envelope holds, and the name of the field it is in: undefined where there is no envelope. */
type Opened = { inside: unknown; where: string; field?: string } | { failure: Failure };

const parseJson = (text: string, where: string): Opened => {
  try {
    return { inside: JSON.parse(text), where };
  } catch (error) {
    // V8 quotes what it could not read; the dead letter holds the text anyway, a log should not.
    const reason = (error as Error).message.replace(/, (\.{3})?".*/s, '');
    return { failure: failure('malformed', `${where} is not JSON: ${reason}`) };
  }
};

const filled = (inside: unknown, where: string, field: string): Opened =>
  inside === undefined || inside === null
    ? { failure: failure('malformed', `${where} is missing`) }
    : { inside, where, field };

/** Takes what an envelope holds out of it; an object with a case_id is always bare. */
const open = (body: unknown): Opened => {
  if (isObject(body) && !Object.hasOwn(body, 'case_id')) {
    if (body.Type === 'Notification') {
      const where = 'Message of the SNS notification';
      if (typeof body.Message !== 'string') return filled(null, where, 'Message');
      return { ...parseJson(body.Message, where), field: 'Message' };
    }
    if (Object.hasOwn(body, 'detail-type'))
      return filled(body.detail, 'detail of the EventBridge event', 'detail');
    if (Object.hasOwn(body, 'specversion')) return filled(body.data, 'data of the CloudEvent', 'data');
  }
  return { inside: body, where: 'the body' };
};

const openText = (body: string): Opened => {
  const parsed = parseJson(body, 'the body');
  return 'inside' in parsed ? open(parsed.inside) : parsed;
};

/**
 * Reads a receipt out of a message's body, bare or in one of the three envelopes.
 *
 * @returns the receipt, or the failure `malformed` (not JSON, or an empty envelope) or `invalid` (JSON,
 * but not a receipt; its detail names the field and the rule)
 */
export const parseReceipt = (body: string): { receipt: Receipt } | { failure: Failure } => {
  const opened = openText(body);
  if ('failure' in opened) return { failure: opened.failure };
  const result = receiptSchema.safeParse(opened.inside);
  if (result.success) return { receipt: result.data };
  const broken = result.error.issues.map(({ path, message }) => [...path, message].join(' '));
  return { failure: failure('invalid', `${opened.where}: ${broken.join('; ')}`) };
};

/** The case_id of what may be no valid receipt: what a person would search for. */
export const caseIdIn = (body: string): string | undefined => {
  const opened = openText(body);
  const id = 'inside' in opened && isObject(opened.inside) ? opened.inside.case_id : undefined;
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
};

/**
 * Sets fields of the receipt inside its envelope; the rest of the body stays as it was written.
 *
 * @returns the new body, or why there is no valid receipt in it
 */
export const repair = (body: string, set: Repair): { body: string } | { failure: Failure } => {
  const opened = openText(body);
  if ('failure' in opened) return { failure: opened.failure };
  const { inside, where, field } = opened;
  if (!isObject(inside)) return { failure: failure('invalid', `${where}: must be a JSON object`) };
  const repaired = setInside(body, field, set);
  const result = parseReceipt(repaired);
  return 'failure' in result ? result : { body: repaired };
};

const setInside = (body: string, field: string | undefined, set: Repair): string => {
  if (field === undefined) return setMembers(body, 0, set);
  const { from, to } = findMember(body, field) as Member;
  if (body[from] !== '"') return setMembers(body, from, set);
  const inner = setMembers(JSON.parse(body.slice(from, to)), 0, set);
  return body.slice(0, from) + JSON.stringify(inner) + body.slice(to);
};
