import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';
import { parseJson } from '../json.ts';
import { caseIdIn } from '../receipt/receipt.ts';
import { bytesOf, type Message, MOST_ATTRIBUTES, MOST_BYTES, type Received } from '../sqs/message.ts';
import { isOurs, replaysOf } from './dead-letter.ts';
import { type Filter, UNKNOWN } from './request.ts';

// Read softly: anyone can put an attribute of this name on a message.
const failureSchema = z.looseObject({
  code: z.string(),
  detail: z.catch(z.optional(z.string()), undefined),
  attempts: z.catch(z.optional(z.number()), undefined),
  dead_lettered_at: z.catch(z.optional(z.iso.datetime({ offset: true })), undefined),
  source_message_id: z.catch(z.optional(z.string()), undefined),
});

/** A dead letter as it lies in the queue. */
export interface Letter extends Received {
  /** Why it died, or `unknown`. */
  code: string;
  failure: z.infer<typeof failureSchema> | undefined;
  /** When it died, in milliseconds; where nobody wrote that down, when it was sent. */
  diedAt: number;
  replays: number;
}

export const letterOf = (received: Received): Letter => {
  const { attributes } = received.message;
  const parsed = failureSchema.safeParse(parseJson(attributes.failure?.StringValue ?? ''));
  const failure = parsed.success ? parsed.data : undefined;
  const diedAt = failure?.dead_lettered_at;
  return {
    ...received,
    code: failure?.code ?? UNKNOWN,
    failure,
    diedAt: diedAt ? Date.parse(diedAt) : received.sentAt,
    replays: replaysOf(received.message),
  };
};

/** Whether a letter is what the filter asks for. The loop guard is the caller's. */
export const createMatch = ({ failure_code, case_id, after, before }: Filter) => {
  const from = after === undefined ? Number.NEGATIVE_INFINITY : Date.parse(after);
  const until = before === undefined ? Number.POSITIVE_INFINITY : Date.parse(before);
  const codes: readonly string[] | undefined = failure_code;
  return ({ code, diedAt, message }: Letter): boolean =>
    (!codes || codes.includes(code)) &&
    diedAt >= from &&
    diedAt < until &&
    (case_id === undefined || caseIdIn(message.body) === case_id);
};

/**
 * The message to send back: the letter without why it died, and with one replay more. Where SQS's limits leave no
 * room for that number, the message goes without it, and so without a guard against replaying it for ever.
 */
export const replayOf = (
  { message, replays }: Letter,
  body: string,
): { message: Message; guarded: boolean } => {
  const own = Object.entries(message.attributes).filter(([name]) => !isOurs(name));
  const count: MessageAttributeValue = { DataType: 'Number', StringValue: String(replays + 1) };
  const bare = { ...message, body, attributes: Object.fromEntries(own) };
  const counted = { ...bare, attributes: { ...bare.attributes, replays: count } };
  const guarded = own.length < MOST_ATTRIBUTES && bytesOf(counted) <= MOST_BYTES;
  return { message: guarded ? counted : bare, guarded };
};
