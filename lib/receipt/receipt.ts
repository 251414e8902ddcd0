import * as z from 'zod/mini';
import { type Failure, failure } from '../failure.ts';
import { isObject } from '../json.ts';
import { open } from './envelope.ts';
import { TIME, timeMs } from './time.ts';

/** Enough of a wrong value to know it again, and little enough for a line of a log. */
const SHOWN_CHARACTERS = 24;

/** The beginning of what came, on one line and without what moves a cursor or turns a line round. */
const shown = (value: unknown): string => {
  if (Array.isArray(value)) return '[…]';
  if (typeof value === 'object' && value !== null) return '{…}';
  if (typeof value !== 'string') return String(value);
  const [start, rest] = [value.slice(0, SHOWN_CHARACTERS), value.length > SHOWN_CHARACTERS ? '…' : ''];
  return `"${start.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd')}${rest}"`;
};

const field = (pattern: RegExp, rule: string) =>
  z
    .string({
      error: ({ input }) =>
        `${input === undefined ? 'is missing' : `${shown(input)} must be text`}: it must be ${rule}`,
    })
    .check(z.regex(pattern, { error: ({ input }) => `${shown(input)} must be ${rule}` }));

// The `u` flag makes {1,64} count code points, as Huawei documents lengths, not UTF-16 units.
const caseId = field(
  /^(?!\.{1,2}$)[^\p{Cc}\p{Cs}]{1,64}$/u,
  '1 to 64 characters, without control characters or lone surrogates, and not "." or ".."',
);
const groupId = field(/^[\s\S]{0,64}$/u, '0 to 64 characters');
const header = field(/^[\x21-\x7e]{1,32}$/, '1 to 32 visible ASCII characters');
const time = field(
  TIME,
  'an ISO 8601 time with offset, such as 2026-01-31T09:30:00Z or 2026-01-31T17:30:00+08:00',
);

/** One person read the messages of one case. Unknown fields are ignored. schemas/ publishes the fields' comments. */
export const receiptSchema = z.object(
  {
    /**
     * The ticket, by the id that Huawei Cloud gives it: 1 to 64 characters (Unicode code points), without control
     * characters or lone surrogates, and not "." or "..". All unread messages of this case are marked as read.
     */
    case_id: caseId,
    /**
     * Id of the IAM user group; 0 to 64 characters (Unicode code points), empty or null = absent. Huawei demands it
     * where the ticket belongs to another member of the group, and answers OSM.01010002 without it.
     */
    group_id: z.nullish(groupId),
    /**
     * Language of Huawei's answers, 1 to 32 visible ASCII characters, such as "en-us"; null = absent. Goes into the
     * header X-Language; Huawei takes zh-cn without it.
     */
    language: z.nullish(header),
    /**
     * Time zone of Huawei's answers, 1 to 32 visible ASCII characters, such as "GMT+8"; null = absent. Goes into the
     * header X-Time-Zone; Huawei takes GMT+8 without it.
     */
    time_zone: z.nullish(header),
    /**
     * When the person read: ISO 8601, a date that exists and a time with offset; "T", "t" or a space between, seconds
     * and fraction optional, "Z", "z", "+08:00" or "+0800"; null = absent. Always send it: a receipt that arrives late
     * then hides nothing that was written after this time. Huawei never sees it.
     */
    read_at: z.nullish(time),
  },
  'must be a JSON object with a case_id',
);
export type Receipt = z.infer<typeof receiptSchema>;

export interface Parsed {
  receipt: Receipt;
  /** `read_at` in milliseconds; absent where the receipt has none. */
  readAt?: number;
  /** The envelope's own time in milliseconds: SNS `Timestamp`, EventBridge and CloudEvents `time`. */
  at?: number;
}

/**
 * Reads a receipt out of a message's body, bare or in one of the three envelopes. Never throws.
 *
 * @returns the receipt and its times, or the failure `malformed` (not JSON, or an empty envelope) or `invalid`
 * (JSON, but not a receipt; its detail names field and rule, and shows the beginning of what came)
 */
export const parseReceipt = (body: string): Parsed | { failure: Failure } => {
  const opened = open(body);
  if ('failure' in opened) return opened;
  const result = receiptSchema.safeParse(opened.inside);
  if (!result.success) {
    const wrong = result.error.issues.map(({ path, message }) => [...path, message].join(' '));
    return { failure: failure('invalid', `${opened.where}: ${wrong.join('; ')}`) };
  }
  const readAt = timeMs(result.data.read_at);
  return {
    receipt: result.data,
    ...(readAt !== undefined && { readAt }),
    ...(opened.at !== undefined && { at: opened.at }),
  };
};

/** The case_id of what may be no valid receipt: what a person would search for. */
export const caseIdIn = (body: string): string | undefined => {
  const opened = open(body);
  const id = 'inside' in opened && isObject(opened.inside) ? opened.inside.case_id : undefined;
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
};
