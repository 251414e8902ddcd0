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
function* batchesOf<T>(items: T[], bytes: (item: T) => number): Generator<T[]> {
  let batch: T[] = [];
  let sum = 0;
  for (const item of items) {
    const size = bytes(item);
    if (batch.length === MOST_ENTRIES || (batch.length > 0 && sum + size > MOST_BYTES)) {
      yield batch;
      batch = [];
      sum = 0;
    }
    batch.push(item);
    sum += size;
  }
  if (batch.length > 0) yield batch;
}

const limited = (ms: number, signal?: AbortSignal): AbortSignal => {
  const limit = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, limit]) : limit;
};

/** Makes batch calls of any number of items, and answers item by item, in their order. Never throws. */
const inBatches = async <T extends object>(
  items: T[],
  call: (entries: Entry<T>[], signal: AbortSignal) => Promise<BatchAnswer>,
  signal: AbortSignal | undefined,
  bytes: (item: T) => number = () => 0,
): Promise<Result[]> => {
  const results = items.map((): Result => ({ error: notNamed }));
  const entries = items.map((item, index) => ({ ...item, id: String(index) }));
  const settle = async (batch: Entry<T>[]) => {
    try {
      const { Successful, Failed } = await call(batch, limited(CALL_TIMEOUT_MS, signal));
      // Only what SQS names as successful counts, and only by the names that were given.
      for (const { id } of batch) {
        const accepted = Successful?.find(({ Id }) => Id === id);
        const refused = Failed?.find(({ Id }) => Id === id);
        if (refused) results[Number(id)] = { error: sqsErrorOf(refused) };
        else if (accepted) results[Number(id)] = accepted.MessageId ? { messageId: accepted.MessageId } : {};
      }
    } catch (thrown) {
      const error = sqsErrorOf(thrown);
      for (const { id } of batch) results[Number(id)] = { error };
    }
  };
  await pMap(batchesOf(entries, bytes), settle, { concurrency: MOST_CALLS });
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
      inBatches(messages, calls.sendBatch, signal, bytesOf),

    /** Hides received messages for `seconds` from now on; 0 shows them again. */
    hide: (items: { receiptHandle: string; seconds: number }[], signal?: AbortSignal) =>
      inBatches(items, calls.changeVisibilityBatch, signal),

    /** Removes received messages for good. */
    remove: (items: { receiptHandle: string }[], signal?: AbortSignal) =>
      inBatches(items, calls.deleteBatch, signal),

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
