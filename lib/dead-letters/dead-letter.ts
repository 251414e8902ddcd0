import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { type Failure, failureCodes } from '../failure.ts';
import { parseJson, toJson } from '../json.ts';
import { timeMs } from '../receipt/time.ts';
import {
  bytesOf,
  type Message,
  MOST_ATTRIBUTES,
  MOST_BYTES,
  messageOf,
  type Received,
} from '../sqs/message.ts';

/** What the attribute `failure` holds, as JSON. schemas/ publishes the fields' comments. */
export const failureSchema = z.object({
  /** What happened, one of the codes of docs/runbook.md; also in the attribute failure_code. */
  code: z.enum(failureCodes),
  /** The same for people, in a sentence; without secrets. Shortened where the message is near 1 MiB. */
  detail: z.string(),
  /** HTTP status of Huawei's answer, where there was one. */
  status: z.optional(z.int().check(z.minimum(100), z.maximum(999))),
  /** Huawei's own code, such as OSM.01010015. */
  error_code: z.optional(z.string()),
  /** Huawei's id of the call: name it in a ticket to them. */
  request_id: z.optional(z.string()),
  /** How often the receipt had been received, this time included. */
  attempts: z.int().check(z.minimum(1)),
  /** When the receipt was first sent, before all replays: it hides nothing that was written later. ISO 8601, UTC. */
  sent_at: z.iso.datetime(),
  /** When it was received first. ISO 8601, UTC. */
  first_received_at: z.iso.datetime(),
  /** When it became a dead letter. ISO 8601, UTC. */
  dead_lettered_at: z.iso.datetime(),
  /** The SQS message id that it had in the queue of receipts. */
  source_message_id: z.string(),
});

// Read softly: anyone can put an attribute of this name on a message, and other versions write other fields.
// Not by `z.catch`, which drags all of zod's helpers into the bundle.
const absent = z.pipe(
  z.unknown(),
  z.transform(() => undefined),
);
const softly = <T extends z.ZodMiniType>(schema: T) => z.union([z.optional(schema), absent]);
const readSchema = z.catchall(
  z.object({
    code: z.string(),
    detail: softly(z.string()),
    attempts: softly(z.number()),
    sent_at: softly(z.union([z.string(), z.number()])),
    first_received_at: softly(z.string()),
    dead_lettered_at: softly(z.string()),
    source_message_id: softly(z.string()),
  }),
  // Lists and objects may be nested too deep to be printed.
  softly(z.union([z.string(), z.number(), z.boolean()])),
);

/** A dead letter as it lies in the queue. */
export interface Letter extends Received {
  /** Why it is dead, or `unknown`. */
  code: string;
  failure: z.infer<typeof readSchema> | undefined;
  /** When it was dead-lettered, ms epoch; where nobody wrote that down, when it was sent. */
  deadLetteredAt: number;
  /** How often it was replayed before. */
  replays: number;
}

/** Dead without our knowing why: SQS moved it, or a person put it there. */
export const UNKNOWN = 'unknown';

export const failureIn = ({ attributes }: Message): Letter['failure'] => {
  const text = attributes.failure?.StringValue;
  return text === undefined ? undefined : readSchema.safeParse(parseJson(text)).data;
};

/** How often a message was replayed before: its `replays` attribute, 0 where there is none. */
export const replaysOf = ({ attributes }: Message): number => {
  const replays = Number(attributes.replays?.StringValue);
  return Number.isSafeInteger(replays) && replays > 0 ? replays : 0;
};

export const letterOf = (received: Received): Letter => {
  const failure = failureIn(received.message);
  return {
    ...received,
    code: failure?.code ?? UNKNOWN,
    failure,
    deadLetteredAt: timeMs(failure?.dead_lettered_at) ?? received.sentAt,
    replays: replaysOf(received.message),
  };
};

/** The id that the message had in the queue of receipts; SQS keeps it where it moves a message. */
export const sourceIdOf = ({ failure, messageId }: Letter): string => failure?.source_message_id ?? messageId;

/** This service did not exist before. */
const SENT_AT_LEAST = Date.UTC(2020, 0);

/**
 * When a message was first sent, ms epoch: its SentTimestamp, or what a replay (attribute `sent_at`) or a dead
 * letter that was moved back (`failure`) says, where that is earlier and to be believed. Undefined where nothing is.
 */
export const firstSentAt = (
  message: Message,
  sentTimestamp: number,
  now = Date.now(),
): number | undefined => {
  const { sent_at, first_received_at } = failureIn(message) ?? {};
  const isBelieved = (ms: unknown): ms is number =>
    Number.isInteger(ms) && Number(ms) >= SENT_AT_LEAST && Number(ms) <= now;
  const carried = [
    Number(message.attributes.sent_at?.StringValue),
    typeof sent_at === 'string' ? timeMs(sent_at) : sent_at,
  ].filter(isBelieved);
  const said = carried.length > 0 ? carried : [timeMs(first_received_at)].filter(isBelieved);
  const times = [sentTimestamp, ...said].filter(Number.isFinite);
  return times.length > 0 ? Math.min(...times) : undefined;
};

const string = (StringValue: string): MessageAttributeValue => ({ DataType: 'String', StringValue });
export const number = (value: number): MessageAttributeValue => ({
  DataType: 'Number',
  StringValue: String(value),
});
export type Attributes = [name: string, value: MessageAttributeValue][];

export const OURS = ['failure', 'replays', 'failure_code'];

/** The attributes that are not ours. */
export const ownOf = (message: Message, ...ours: string[]): Attributes =>
  Object.entries(message.attributes).filter(([name]) => !ours.includes(name));
/** The message with its own attributes, and as many of ours, from the first on, as SQS's limits leave room for. */
export const withRoomFor = (message: Message, own: Attributes, ours: Attributes): Message => {
  const kept = ours.slice(0, Math.max(0, MOST_ATTRIBUTES - own.length));
  const whole = { ...message, attributes: Object.fromEntries([...own, ...kept]) };
  return kept.length > 0 && bytesOf(whole) > MOST_BYTES
    ? withRoomFor(message, own, kept.slice(0, -1))
    : whole;
};

/** Cuts the detail, where it must, so that it takes at most `room` bytes of the JSON text. */
const shorten = (detail: string, room: number): string => {
  const characters = [...detail];
  while (Buffer.byteLength(toJson(characters.join(''))) - 2 > room) characters.pop();
  return characters.join('');
};

/**
 * The dead letter of a record: the message itself, byte for byte, and `failure`, `replays` and `failure_code` as far
 * as SQS's ten attributes and 1 MiB reach, stale ones replaced. Where the whole would pass 1 MiB, first the detail is
 * shortened, then our attributes are left out from the last: a dead letter is never refused for what we added.
 *
 * @param now ms epoch
 */
export const deadLetterOf = (record: SQSRecord, failure: Failure, now: number): Message => {
  const message = messageOf(record);
  const replays = replaysOf(message);
  // On what was replayed `sent_at` is ours too, and told in `failure` now.
  const own = ownOf(message, ...OURS, ...(replays > 0 ? ['sent_at'] : []));
  const { ApproximateReceiveCount, SentTimestamp, ApproximateFirstReceiveTimestamp } = record.attributes;
  const iso = (ms = Number.NaN) => (Number.isNaN(ms) ? undefined : new Date(ms).toISOString());
  const { code, status, error_code, request_id } = failure;
  const describe = (detail: string) =>
    string(
      toJson({
        ...{ code, detail, status, error_code, request_id },
        attempts: Number(ApproximateReceiveCount),
        sent_at: iso(firstSentAt(message, Number(SentTimestamp), now)),
        first_received_at: iso(Number(ApproximateFirstReceiveTimestamp)),
        dead_lettered_at: iso(now),
        source_message_id: record.messageId,
      }),
    );
  const added: Attributes = [
    ['failure', describe('')],
    ['replays', number(replays)],
    ['failure_code', string(code)],
  ];
  const letter = withRoomFor(message, own, added);
  // Where nothing of ours has room, `sent_at` stays where it was.
  if (!letter.attributes.failure) return withRoomFor(message, ownOf(message, ...OURS), []);
  letter.attributes.failure = describe(shorten(failure.detail, MOST_BYTES - bytesOf(letter)));
  return letter;
};
