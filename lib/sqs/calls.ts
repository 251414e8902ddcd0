import type { SQSClient, Message as Taken } from '@aws-sdk/client-sqs';
import type { Message, Received } from './message.ts';

/** Most of what one call takes, and gives. */
export const MOST_ENTRIES = 10;

/** SQS's answer to a call over a batch: each entry by the id that the call gave it. */
export interface BatchAnswer {
  Successful?: { Id?: string | undefined; MessageId?: string | undefined }[] | undefined;
  Failed?: { Id?: string | undefined; Code?: string | undefined; Message?: string | undefined }[] | undefined;
}

/** An item of a batch, with the id by which the answer names it. */
export type Entry<T> = T & { id: string };

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
 * The five calls that this service makes of SQS, for one queue, as the AWS SDK spells them. Each rejects with whatever
 * SQS or the SDK says. The SDK is loaded by the first that is made: a batch whose receipts are all marked needs none.
 *
 * @param maxAttempts how often the SDK makes one call, 3 by default; 1 where a repeat could do a thing twice unnoticed
 */
export const createCalls = (QueueUrl: string, { maxAttempts = 3 } = {}) => {
  let client: SQSClient | undefined;
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
    async sendBatch(entries: Entry<Message>[], abortSignal: AbortSignal): Promise<BatchAnswer> {
      const { sqs, client } = await load();
      const Entries = entries.map(({ id, body, attributes, groupId, traceHeader }) => ({
        Id: id,
        MessageBody: body,
        MessageAttributes: attributes,
        ...(groupId && { MessageGroupId: groupId }),
        ...(traceHeader && {
          MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: traceHeader } },
        }),
      }));
      return client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries }), { abortSignal });
    },

    async changeVisibilityBatch(
      entries: Entry<{ receiptHandle: string; seconds: number }>[],
      abortSignal: AbortSignal,
    ): Promise<BatchAnswer> {
      const { sqs, client } = await load();
      const Entries = entries.map(({ id, receiptHandle, seconds }) => ({
        Id: id,
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: seconds,
      }));
      return client.send(new sqs.ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }), { abortSignal });
    },

    async deleteBatch(
      entries: Entry<{ receiptHandle: string }>[],
      abortSignal: AbortSignal,
    ): Promise<BatchAnswer> {
      const { sqs, client } = await load();
      const Entries = entries.map(({ id, receiptHandle }) => ({ Id: id, ReceiptHandle: receiptHandle }));
      return client.send(new sqs.DeleteMessageBatchCommand({ QueueUrl, Entries }), { abortSignal });
    },

    /** Up to ten messages, hidden from others for a time, in seconds; waits for the first one. */
    async receive(
      { hidden, wait }: { hidden: number; wait: number },
      abortSignal: AbortSignal,
    ): Promise<Received[]> {
      const { sqs, client } = await load();
      const command = new sqs.ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: MOST_ENTRIES,
        VisibilityTimeout: hidden,
        WaitTimeSeconds: wait,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      });
      return ((await client.send(command, { abortSignal })).Messages ?? []).map(received);
    },

    /** All attributes by SQS's names, and the time of the answer's Date header, ms epoch, where it has one. */
    async attributes(
      abortSignal: AbortSignal,
    ): Promise<{ attributes: Partial<Record<string, string>>; serverTime?: number }> {
      const { sqs, client } = await load();
      const command = new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
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
      const { Attributes = {} } = await client.send(command, { abortSignal });
      return { attributes: Attributes, ...(!Number.isNaN(date) && { serverTime: date }) };
    },
  };
};

export type Calls = ReturnType<typeof createCalls>;
