import pMap from 'p-map';
import { type BatchAnswer, type Calls, createCalls, type Entry, MOST_ENTRIES } from './calls.ts';
import { notNamed, type SqsError, sqsErrorOf } from './errors.ts';
import { bytesOf, type Message, MOST_BYTES, type Received } from './message.ts';

/** Batches under way at once: enough to settle 10,000 records in seconds, few enough for SQS. */
const MOST_CALLS = 20;
/** One call, its retries by the SDK included. */
const CALL_TIMEOUT_MS = 4_000;
/** Longer than other calls: what an answer that is not waited for brings stays hidden, and nobody knows it. */
const RECEIVE_TIMEOUT_MS = 10_000;
/** A long poll asks all of SQS's servers; a short one may miss what is there. */
export const WAIT_SECONDS = 1;

/** What SQS made of one item: why it did not take it, or the id that it gave to what was sent. */
export interface Result {
  error?: SqsError;
  messageId?: string;
}

/** How many messages there are, approximately. */
export interface Depth {
  visible: number;
  hidden: number;
  delayed: number;
  /** The time on SQS's clock, ms epoch, in whole seconds; absent where the answer has no Date header. */
  serverTime?: number;
}

/** Groups neighbours into batches of at most ten entries and 1 MiB. */
function* batchesOf<T>(items: T[], bytes: (item: T) => number): Generator<{ from: number; items: T[] }> {
  let from = 0;
  let sum = 0;
  for (const [index, item] of items.entries()) {
    const size = bytes(item);
    if (index > from && (index - from === MOST_ENTRIES || sum + size > MOST_BYTES)) {
      yield { from, items: items.slice(from, index) };
      from = index;
      sum = 0;
    }
    sum += size;
  }
  if (from < items.length) yield { from, items: items.slice(from) };
}

const limited = (ms: number, signal?: AbortSignal): AbortSignal => {
  const limit = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, limit]) : limit;
};

/** Makes batch calls of any number of items, and answers item by item, in their order. Never throws. */
const inBatches = async <T extends object>(
  items: T[],
  bytes: (item: T) => number,
  call: (entries: Entry<T>[], signal: AbortSignal) => Promise<BatchAnswer>,
  signal?: AbortSignal,
): Promise<Result[]> => {
  const results = items.map((): Result => ({ error: notNamed }));
  const settle = async (from: number, some: T[]) => {
    try {
      const entries = some.map((item, index) => ({ ...item, id: String(index) }));
      const { Successful, Failed } = await call(entries, limited(CALL_TIMEOUT_MS, signal));
      // Only what SQS names as successful counts, and only by the names that were given.
      const taken = new Map(Successful?.map(entry => [entry.Id, entry]));
      const failed = new Map(Failed?.map(entry => [entry.Id, entry]));
      for (const index of some.keys()) {
        const refused = failed.get(String(index));
        const accepted = taken.get(String(index));
        if (refused) results[from + index] = { error: sqsErrorOf(refused) };
        else if (accepted)
          results[from + index] = accepted.MessageId ? { messageId: accepted.MessageId } : {};
      }
    } catch (error) {
      results.fill({ error: sqsErrorOf(error) }, from, from + some.length);
    }
  };
  await pMap(batchesOf(items, bytes), ({ from, items }) => settle(from, items), { concurrency: MOST_CALLS });
  return results;
};

/**
 * Verbs over one queue, whoever makes the calls. None throws: those over batches answer item by item, in the order
 * of the items, the others with `error` where they failed.
 */
export const queueOver = (url: string, calls: Calls) => {
  const attributes = () =>
    calls.attributes(limited(CALL_TIMEOUT_MS)).catch((error: unknown) => ({ error: sqsErrorOf(error) }));

  return {
    url,

    /** Sends messages as they stand: attributes, message group and trace header included. */
    send: (messages: Message[], signal?: AbortSignal) =>
      inBatches(messages, bytesOf, calls.sendBatch, signal),

    /** Hides received messages for `seconds` from now on; 0 shows them again. */
    hide: (items: { receiptHandle: string; seconds: number }[], signal?: AbortSignal) =>
      inBatches(items, () => 0, calls.changeVisibilityBatch, signal),

    /** Removes received messages for good. */
    remove: (receiptHandles: string[], signal?: AbortSignal) =>
      inBatches(
        receiptHandles.map(receiptHandle => ({ receiptHandle })),
        () => 0,
        calls.deleteBatch,
        signal,
      ),

    /** Takes up to ten messages, hidden from others for `seconds`; none where a second brought none. */
    async receive(seconds: number): Promise<{ messages: Received[] } | { error: SqsError }> {
      try {
        const how = { hidden: seconds, wait: WAIT_SECONDS };
        return { messages: await calls.receive(how, limited(RECEIVE_TIMEOUT_MS)) };
      } catch (error) {
        return { error: sqsErrorOf(error) };
      }
    },

    /** All of the queue's attributes, as SQS names them. */
    attributes,

    /** Counts what the queue holds, as far as SQS knows, and reads its clock. */
    async depth(): Promise<Depth | { error: SqsError }> {
      const read = await attributes();
      if ('error' in read) return read;
      const count = (name: string) => Number(read.attributes[name] ?? 0);
      return {
        visible: count('ApproximateNumberOfMessages'),
        hidden: count('ApproximateNumberOfMessagesNotVisible'),
        delayed: count('ApproximateNumberOfMessagesDelayed'),
        ...(read.serverTime !== undefined && { serverTime: read.serverTime }),
      };
    },
  };
};

/** A queue at AWS, or whatever speaks its protocol. `maxAttempts` as `createCalls` has it. */
export const createQueue = (url: string, options?: { maxAttempts?: number }) =>
  queueOver(url, createCalls(url, options));

export type Queue = ReturnType<typeof queueOver>;
export type CreateQueue = (url: string, options?: { maxAttempts?: number }) => Queue;
