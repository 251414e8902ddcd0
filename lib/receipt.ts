import * as z from 'zod/mini';
import { type Failure, failure } from './failure.ts';

const field = (pattern: RegExp, rule: string) => z.string(rule).check(z.regex(pattern, rule));

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

type Json = Record<string, unknown>;
type Opened = { inside: unknown; where: string } | { failure: Failure };

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parseJson = (text: string, where: string): Opened => {
  try {
    return { inside: JSON.parse(text), where };
  } catch (error) {
    // V8 quotes what it could not read; the dead letter holds the text anyway, a log should not.
    const reason = (error as Error).message.replace(/, (\.{3})?".*$/s, '');
    return { failure: failure('malformed', `${where} is not JSON: ${reason}`) };
  }
};

const filled = (inside: unknown, where: string): Opened =>
  inside === undefined || inside === null
    ? { failure: failure('malformed', `${where} is missing`) }
    : { inside, where };

/** Takes what an envelope holds out of it; an object with a case_id is always bare. */
const open = (body: unknown): Opened => {
  if (isObject(body) && !Object.hasOwn(body, 'case_id')) {
    if (body.Type === 'Notification') {
      const where = 'Message of the SNS notification';
      return typeof body.Message === 'string' ? parseJson(body.Message, where) : filled(null, where);
    }
    if (Object.hasOwn(body, 'detail-type')) return filled(body.detail, 'detail of the EventBridge event');
    if (Object.hasOwn(body, 'specversion')) return filled(body.data, 'data of the CloudEvent');
  }
  return { inside: body, where: 'the body' };
};

/**
 * Reads a receipt out of a message's body, bare or in one of the three envelopes.
 *
 * @returns the receipt, or the failure `malformed` (not JSON, or an empty envelope) or `invalid` (JSON,
 * but not a receipt; its detail names the field and the rule)
 */
export const parseReceipt = (body: string): { receipt: Receipt } | { failure: Failure } => {
  const parsed = parseJson(body, 'the body');
  const opened = 'inside' in parsed ? open(parsed.inside) : parsed;
  if ('failure' in opened) return opened;
  const result = receiptSchema.safeParse(opened.inside);
  if (result.success) return { receipt: result.data };
  const broken = result.error.issues.map(({ path, message }) => [...path, message].join(' '));
  return { failure: failure('invalid', `${opened.where}: ${broken.join('; ')}`) };
};
