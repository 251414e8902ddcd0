import type { MessageAttributeValue } from 'fauxqs';
import { ID_ATTRIBUTE, type Receipt, type Verdict } from './receipts.ts';

export type QueueName = 'receipts' | 'dead-letters';
export type Caller = 'producer' | 'mapping' | 'function' | 'replay';

/** One message in one queue: a receipt, its dead letter, or its replay. Times in milliseconds since the epoch. */
export interface Message {
  id: string;
  queue: QueueName;
  receipt: Receipt;
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  /** What the contract says of this body; a replay may have repaired it. */
  verdict: Verdict;
  sentBy: Caller;
  sentAt: number;
  /** When the answer that SQS took it went to the sender; absent where that answer was lost. */
  confirmedAt?: number;
  /** ApproximateFirstReceiveTimestamp. */
  firstReceivedAt?: number;
  receives: { at: number; handle: string }[];
  deleted?: { at: number; by: Caller; handle: string };
}

export interface SentMessage {
  id: string;
  queue: QueueName;
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  sentBy: Caller;
  sentAt: number;
  confirmedAt?: number;
}

interface Delivery {
  handle: string;
  at: number;
  firstReceivedAt: number;
}

/** What a repaired body asks for; where it cannot be a repair of the original, undefined. */
type Judge = (receipt: Receipt, body: string) => Verdict | undefined;

/** Everything that SQS did, by message and by receipt. */
export const createLedger = (judge: Judge) => {
  const receipts = new Map<number, Receipt>();
  const messages = new Map<string, Message>();
  const byReceipt = new Map<number, Message[]>();
  const byHandle = new Map<string, Message>();
  /** What nobody sent, or came back changed: each is a broken promise. */
  const strange: { receipt?: Receipt; why: string }[] = [];
  const sentBy: Partial<Record<Caller, number>> = {};
  /** A delivery can be quicker than the answer to who sent it. */
  const early = new Map<string, Delivery[]>();

  const receive = (message: Message, { handle, at, firstReceivedAt }: Delivery) => {
    message.firstReceivedAt ??= firstReceivedAt;
    message.receives.push({ at, handle });
    byHandle.set(handle, message);
  };

  return {
    receipts,
    messages,
    strange,
    /** How many messages each caller sent, and was told that SQS has them. */
    sentBy,
    of: (receipt: Receipt): Message[] => byReceipt.get(receipt.id) ?? [],
    expect: (receipt: Receipt) => receipts.set(receipt.id, receipt),

    sent(message: SentMessage) {
      if (message.confirmedAt !== undefined) sentBy[message.sentBy] = (sentBy[message.sentBy] ?? 0) + 1;
      const receipt = receipts.get(Number(message.attributes[ID_ATTRIBUTE]?.StringValue));
      if (!receipt) {
        strange.push({ why: `${message.sentBy} sent a message that is no receipt's: ${message.body}` });
        return;
      }
      const verdict = message.body === receipt.body ? receipt.verdict : judge(receipt, message.body);
      if (!verdict) strange.push({ receipt, why: `${message.sentBy} changed the body to ${message.body}` });
      const entry: Message = { ...message, receipt, receives: [], verdict: verdict ?? receipt.verdict };
      messages.set(message.id, entry);
      for (const delivery of early.get(message.id) ?? []) receive(entry, delivery);
      early.delete(message.id);
      const others = byReceipt.get(receipt.id);
      if (others) others.push(entry);
      else byReceipt.set(receipt.id, [entry]);
    },

    received(id: string, delivery: Delivery) {
      const message = messages.get(id);
      if (message) receive(message, delivery);
      else early.set(id, [...(early.get(id) ?? []), delivery]);
    },

    /** Deliveries of what nobody sent. */
    unknown: () => [...early.keys()],

    deleted(handle: string, at: number, by: Caller) {
      const message = byHandle.get(handle);
      // A receipt handle that has been given out anew deletes nothing.
      if (!message || message.receives.at(-1)?.handle !== handle) return;
      message.deleted ??= { at, by, handle };
    },
  };
};

export type Ledger = ReturnType<typeof createLedger>;

export interface Failure {
  code: string;
  detail: string;
  source_message_id?: string;
}

/** What a dead letter says of itself; undefined where it had no room for it. */
export const failureOf = ({ attributes }: Message): Failure | undefined => {
  const text = attributes.failure?.StringValue;
  return text === undefined ? undefined : JSON.parse(text);
};
