import type { SQSClient } from '@aws-sdk/client-sqs';
import PQueue from 'p-queue';
import { bytesOf, type Message, MOST_BYTES } from './message.ts';

const MOST_ENTRIES = 10;
/** Batches under way at once: enough to settle 10,000 records in seconds, few enough for SQS. */
const MOST_CALLS = 20;
/** One call, its retries by the SDK included. */
const CALL_TIMEOUT_MS = 4_000;

/** Why SQS did not take an item, in its words; undefined where it did. */
export type Refusal = string | undefined;

interface BatchAnswer {
  Successful?: { Id?: string | undefined }[] | undefined;
  Failed?: { Id?: string | undefined; Code?: string | undefined; Message?: string | undefined }[] | undefined;
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

let loading: Promise<typeof import('@aws-sdk/client-sqs')> | undefined;
let client: SQSClient | undefined;

/** The SDK is loaded by the first who needs it: a batch that is marked needs no call to SQS. */
const load = async () => {
  loading ??= import('@aws-sdk/client-sqs');
  const sqs = await loading;
  client ??= new sqs.SQSClient({ maxAttempts: 3 });
  return { sqs, client };
};

/** Verbs over one queue. Each answers item by item, in the order of the items, and never throws. */
export const createQueue = (QueueUrl: string) => {
  const lane = new PQueue({ concurrency: MOST_CALLS });

  const inBatches = async <T>(
    items: T[],
    bytes: (item: T) => number,
    call: (items: T[], abortSignal: AbortSignal) => Promise<BatchAnswer>,
    signal?: AbortSignal,
  ): Promise<Refusal[]> => {
    const refusals: Refusal[] = items.map(() => 'not answered');
    const settle = async (from: number, some: T[]) => {
      try {
        const limit = AbortSignal.timeout(CALL_TIMEOUT_MS);
        const answer = await call(some, signal ? AbortSignal.any([signal, limit]) : limit);
        // Only what SQS names as successful counts.
        for (const { Id } of answer.Successful ?? []) refusals[from + Number(Id)] = undefined;
        for (const { Id, Code, Message } of answer.Failed ?? []) {
          refusals[from + Number(Id)] = [Code, Message].filter(Boolean).join(': ') || 'refused';
        }
      } catch (error) {
        refusals.fill(
          error instanceof Error ? `${error.name}: ${error.message}` : String(error),
          from,
          from + some.length,
        );
      }
    };
    await Promise.all(
      [...batchesOf(items, bytes)].map(({ from, items }) => lane.add(() => settle(from, items))),
    );
    return refusals;
  };

  return {
    /** Sends messages as they stand: attributes, message group and trace header included. */
    send: (messages: Message[], signal?: AbortSignal) =>
      inBatches(
        messages,
        bytesOf,
        async (some, abortSignal) => {
          const { sqs, client } = await load();
          const Entries = some.map(({ body, attributes, groupId, traceHeader }, index) => ({
            Id: String(index),
            MessageBody: body,
            MessageAttributes: attributes,
            ...(groupId && { MessageGroupId: groupId }),
            ...(traceHeader && {
              MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: traceHeader } },
            }),
          }));
          return client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries }), { abortSignal });
        },
        signal,
      ),

    /** Hides received messages for so many seconds from now on; 0 shows them again. */
    hide: (items: { receiptHandle: string; seconds: number }[], signal?: AbortSignal) =>
      inBatches(
        items,
        () => 0,
        async (some, abortSignal) => {
          const { sqs, client } = await load();
          const Entries = some.map(({ receiptHandle, seconds }, index) => ({
            Id: String(index),
            ReceiptHandle: receiptHandle,
            VisibilityTimeout: seconds,
          }));
          return client.send(new sqs.ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }), {
            abortSignal,
          });
        },
        signal,
      ),
  };
};

export type Queue = ReturnType<typeof createQueue>;
