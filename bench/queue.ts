import {
  ChangeMessageVisibilityBatchCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { recordOf } from '../local/lambda/sqs-record.ts';
import type { Running } from './processes.ts';

const MOST_ENTRIES = 10;
const ARN = 'arn:aws:sqs:us-east-1:000000000000:';

const tensOf = <T>(items: T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / MOST_ENTRIES) }, (_, i) =>
    items.slice(i * MOST_ENTRIES, (i + 1) * MOST_ENTRIES),
  );

const inTens = async <T>(items: T[], call: (some: T[]) => Promise<unknown>): Promise<void> => {
  for (const hundred of tensOf(tensOf(items))) await Promise.all(hundred.map(call));
};

/** A source queue, its dead-letter queue, and what Lambda does between queue and function. */
export const createQueues = async (endpoint: string, name: string, maxReceiveCount: number) => {
  const sqs = new SQSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const [receipts, letters] = [`${name}-receipts`, `${name}-dead-letters`];
  const queueUrl = `${endpoint}/000000000000/${receipts}`;
  const deadLetterQueueUrl = `${endpoint}/000000000000/${letters}`;
  const redrive = { deadLetterTargetArn: `${ARN}${letters}`, maxReceiveCount };
  await sqs.send(new CreateQueueCommand({ QueueName: letters }));
  await sqs.send(
    new CreateQueueCommand({
      QueueName: receipts,
      Attributes: { RedrivePolicy: JSON.stringify(redrive), VisibilityTimeout: '3600' },
    }),
  );

  const receiveAll = async (QueueUrl: string): Promise<Message[]> => {
    const all: Message[] = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: MOST_ENTRIES,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
          VisibilityTimeout: 3600,
        }),
      );
      if (Messages.length === 0) return all;
      all.push(...Messages);
    }
  };
  const entriesOf = (records: SQSRecord[]) =>
    records.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle }));

  return {
    queueUrl,
    deadLetterQueueUrl,
    send: (bodies: string[]) =>
      inTens(bodies, some =>
        sqs.send(
          new SendMessageBatchCommand({
            QueueUrl: queueUrl,
            Entries: some.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
          }),
        ),
      ),
    sendDeadLetters: (letters: { body: string; failure: string; code: string }[]) =>
      inTens(letters, some =>
        sqs.send(
          new SendMessageBatchCommand({
            QueueUrl: deadLetterQueueUrl,
            Entries: some.map(({ body, failure, code }, index) => ({
              Id: String(index),
              MessageBody: body,
              MessageAttributes: {
                failure: { DataType: 'String', StringValue: failure },
                replays: { DataType: 'Number', StringValue: '0' },
                failure_code: { DataType: 'String', StringValue: code },
              },
            })),
          }),
        ),
      ),
    /**
     * One round of the event source mapping: everything in one batch, what succeeded deleted. What failed is
     * made visible again at once, as if its back-off or visibility timeout were over.
     */
    deliver: async ({ invoke }: Running) => {
      const records = (await receiveAll(queueUrl)).map(message => recordOf(message, `${ARN}${receipts}`));
      if (records.length === 0) return undefined;
      const run = await invoke({ records });
      const failed = new Set(run.failed);
      const left = records.filter(({ messageId }) => failed.has(messageId));
      const done = records.filter(({ messageId }) => !failed.has(messageId));
      await inTens(done, some =>
        sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entriesOf(some) })),
      );
      await inTens(left, some => {
        const Entries = entriesOf(some).map(entry => ({ ...entry, VisibilityTimeout: 0 }));
        return sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
      });
      return { run, records, left };
    },
    receiveDeadLetters: () => receiveAll(deadLetterQueueUrl),
    receiveReceipts: () => receiveAll(queueUrl),
    close: () => sqs.destroy(),
  };
};
