import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import PQueue from 'p-queue';
import { recordOf } from './sqs-record.ts';

/** Messages a call, by SQS. */
const MOST_ENTRIES = 10;
const CALLS_AT_ONCE = 10;

interface Receive {
  /** More than ten are ten. @default 10 */
  most?: number;
  /** @default 0 */
  waitSeconds?: number;
  /** @default the queue's own */
  visibilitySeconds?: number;
}

interface Consumed {
  client: SQSClient;
  queueUrl: string;
  queueArn: string;
}

/** Splits what goes with one call each. */
const inTens = <T>(items: T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / MOST_ENTRIES) }, (_, index) =>
    items.slice(index * MOST_ENTRIES, (index + 1) * MOST_ENTRIES),
  );

/** What Lambda does with a queue before and after an invocation; messages come as the records of its event. */
export const createConsumer = ({ client, queueUrl: QueueUrl, queueArn }: Consumed) => {
  const calls = new PQueue({ concurrency: CALLS_AT_ONCE });
  const entriesOf = (records: SQSRecord[]) =>
    records.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle }));

  const receive = async ({ most = MOST_ENTRIES, waitSeconds = 0, visibilitySeconds }: Receive = {}) => {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(MOST_ENTRIES, most),
        WaitTimeSeconds: waitSeconds,
        ...(visibilitySeconds !== undefined && { VisibilityTimeout: visibilitySeconds }),
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      }),
    );
    return Messages.map(message => recordOf(message, queueArn));
  };

  return {
    /** One call. */
    receive,
    /** Calls until so many are there or the queue gives no more. @default all */
    async receiveAll({ most = Number.POSITIVE_INFINITY, ...how }: Receive = {}): Promise<SQSRecord[]> {
      const records: SQSRecord[] = [];
      while (records.length < most) {
        const some = await receive({ ...how, most: most - records.length });
        if (some.length === 0) break;
        records.push(...some);
      }
      return records;
    },
    /** Deletes them; what SQS does not delete comes back. */
    async remove(records: SQSRecord[]): Promise<void> {
      const removed = inTens(records).map(some =>
        calls.add(async () => {
          const Entries = entriesOf(some);
          await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })).catch(() => {});
        }),
      );
      await Promise.all(removed);
    },
    /** Shows them again at once, as if their time were over. */
    async show(records: SQSRecord[]): Promise<void> {
      const shown = inTens(records).map(some => {
        const Entries = entriesOf(some).map(entry => ({ ...entry, VisibilityTimeout: 0 }));
        return calls.add(() => client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries })));
      });
      await Promise.all(shown);
    },
  };
};
