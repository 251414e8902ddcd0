import type { SQSClient, Message as Taken } from '@aws-sdk/client-sqs';
import { CALL_TIMEOUT_MS, inBatches, MOST_ENTRIES, timeLimit } from './batches.ts';
import { bytesOf, type Message } from './message.ts';

export type { Refusal } from './batches.ts';

/** Longer than other calls: what an answer that is not waited for brings stays hidden, and nobody knows it. */
const RECEIVE_TIMEOUT_MS = 10_000;
/** A long poll asks all of SQS's servers; a short one may miss what is there. */
const WAIT_SECONDS = 1;

/** A message as it was received. */
export interface Received {
  messageId: string;
  receiptHandle: string;
  message: Message;
  /** SentTimestamp; a message that SQS itself moved here keeps the time it was first sent. */
  sentAt: number;
  receives: number;
}

/** How many messages there are, approximately, and the time on SQS's clock. */
export interface Depth {
  visible: number;
  hidden: number;
  delayed: number;
  at: number;
}

const received = ({ MessageId, ReceiptHandle, Body, MessageAttributes, Attributes }: Taken): Received => {
  const { SentTimestamp, ApproximateReceiveCount, MessageGroupId, AWSTraceHeader } = Attributes ?? {};
  return {
    messageId: MessageId ?? '',
    receiptHandle: ReceiptHandle ?? '',
    message: {
      body: Body ?? '',
      // The SDK loses the value of an attribute that is called __proto__.
      attributes: Object.fromEntries(Object.entries(MessageAttributes ?? {}).filter(([, value]) => value)),
      ...(MessageGroupId && { groupId: MessageGroupId }),
      ...(AWSTraceHeader && { traceHeader: AWSTraceHeader }),
    },
    sentAt: Number(SentTimestamp),
    receives: Number(ApproximateReceiveCount),
  };
};

let loading: Promise<typeof import('@aws-sdk/client-sqs')> | undefined;

/**
 * Verbs over one queue. Those over batches answer item by item, in the order of the items, and never throw.
 *
 * @param maxAttempts how often the SDK makes one call; 1 where a repeat could do a thing twice unnoticed
 */
export const createQueue = (QueueUrl: string, { maxAttempts = 3 } = {}) => {
  let client: SQSClient | undefined;

  /** The SDK is loaded by the first who needs it: a batch that is marked needs no call to SQS. */
  const load = async () => {
    loading ??= import('@aws-sdk/client-sqs');
    const sqs = await loading;
    // A queue is called at its own host and in its own region, whatever the environment says.
    const endpoint = new URL(QueueUrl).origin;
    const region = /^https:\/\/sqs\.([a-z0-9-]+)\.amazonaws\./.exec(endpoint)?.[1];
    client ??= new sqs.SQSClient({ maxAttempts, endpoint, ...(region && { region }) });
    return { sqs, client };
  };

  return {
    url: QueueUrl,

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

    /** Removes received messages for good. */
    remove: (receiptHandles: string[], signal?: AbortSignal) =>
      inBatches(
        receiptHandles,
        () => 0,
        async (some, abortSignal) => {
          const { sqs, client } = await load();
          const Entries = some.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
          return client.send(new sqs.DeleteMessageBatchCommand({ QueueUrl, Entries }), { abortSignal });
        },
        signal,
      ),

    /**
     * Takes up to ten messages, hidden from others for so many seconds. None means that there are none now; where
     * it did not wait, only that some of SQS's servers have none.
     *
     * @throws whatever the SDK does
     */
    async receive(seconds: number, { waits = true } = {}): Promise<Received[]> {
      const { sqs, client } = await load();
      const command = new sqs.ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: MOST_ENTRIES,
        VisibilityTimeout: seconds,
        WaitTimeSeconds: waits ? WAIT_SECONDS : 0,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      });
      const abortSignal = timeLimit(RECEIVE_TIMEOUT_MS);
      return ((await client.send(command, { abortSignal })).Messages ?? []).map(received);
    },

    /**
     * All of the queue's attributes, as SQS names them.
     *
     * @throws whatever the SDK does
     */
    async attributes(): Promise<Partial<Record<string, string>>> {
      const { sqs, client } = await load();
      const command = new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
      return (await client.send(command, { abortSignal: timeLimit(CALL_TIMEOUT_MS) })).Attributes ?? {};
    },

    /**
     * Counts what the queue holds, as far as SQS knows, and reads its clock.
     *
     * @throws whatever the SDK does
     */
    async depth(): Promise<Depth> {
      const { sqs, client } = await load();
      const [visible, hidden, delayed] = [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ] as const;
      const command = new sqs.GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: [visible, hidden, delayed],
      });
      let date = Number.NaN;
      command.middlewareStack.add(
        next => async args => {
          const result = await next(args);
          const { headers } = result.response as { headers?: Record<string, string> };
          date = Date.parse(headers?.date ?? '');
          return result;
        },
        { step: 'deserialize' },
      );
      const asked = Date.now();
      const { Attributes = {} } = await client.send(command, { abortSignal: timeLimit(CALL_TIMEOUT_MS) });
      // A Date header has whole seconds: our own clock is finer, and believed where the two agree.
      const at = Number.isNaN(date) ? asked : Math.min(Math.max(asked, date), date + 999);
      const count = (name: keyof typeof Attributes) => Number(Attributes[name] ?? 0);
      return { visible: count(visible), hidden: count(hidden), delayed: count(delayed), at };
    },
  };
};

export type CreateQueue = typeof createQueue;
export type Queue = ReturnType<CreateQueue>;
