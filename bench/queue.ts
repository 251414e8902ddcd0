import {
  CreateQueueCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { createConsumer, inTens } from '../local/lambda/consumer.ts';
import { awsVariables } from '../local/world.ts';
import type { Running } from './processes.ts';

const ARN = 'arn:aws:sqs:us-east-1:000000000000:';
/** Longer than any scenario: nothing comes back by itself. */
const HIDDEN_SECONDS = 3600;

type Entry = Omit<SendMessageBatchRequestEntry, 'Id'>;

/** A source queue, its dead-letter queue, and what Lambda does between queue and function. */
export const createQueues = async (endpoint: string, name: string, maxReceiveCount: number) => {
  const client = new SQSClient({
    endpoint,
    region: awsVariables.AWS_REGION,
    credentials: {
      accessKeyId: awsVariables.AWS_ACCESS_KEY_ID,
      secretAccessKey: awsVariables.AWS_SECRET_ACCESS_KEY,
    },
  });
  const create = async (QueueName: string, Attributes: Record<string, string> = {}) => {
    await client.send(new CreateQueueCommand({ QueueName, Attributes }));
    const queueUrl = `${endpoint}/000000000000/${QueueName}`;
    return { queueUrl, ...createConsumer({ client, queueUrl, queueArn: ARN + QueueName }) };
  };
  const letters = await create(`${name}-dead-letters`);
  const redrive = { deadLetterTargetArn: `${ARN}${name}-dead-letters`, maxReceiveCount };
  const receipts = await create(`${name}-receipts`, { RedrivePolicy: JSON.stringify(redrive) });

  const sendTo = async (QueueUrl: string, messages: Entry[]): Promise<void> => {
    for (const calls of inTens(inTens(messages)))
      await Promise.all(
        calls.map(some =>
          client.send(
            new SendMessageBatchCommand({
              QueueUrl,
              Entries: some.map((entry, index) => ({ Id: String(index), ...entry })),
            }),
          ),
        ),
      );
  };
  const receiveAll = (from: typeof receipts) => from.receiveAll({ visibilitySeconds: HIDDEN_SECONDS });

  return {
    queueUrl: receipts.queueUrl,
    deadLetterQueueUrl: letters.queueUrl,
    send: (bodies: string[]) =>
      sendTo(
        receipts.queueUrl,
        bodies.map(MessageBody => ({ MessageBody })),
      ),
    sendDeadLetters: (dead: { body: string; failure: string; code: string }[]) =>
      sendTo(
        letters.queueUrl,
        dead.map(({ body, failure, code }) => ({
          MessageBody: body,
          MessageAttributes: {
            failure: { DataType: 'String', StringValue: failure },
            replays: { DataType: 'Number', StringValue: '0' },
            failure_code: { DataType: 'String', StringValue: code },
          },
        })),
      ),
    /**
     * One round of the event source mapping: everything in one batch, what succeeded deleted. What failed is
     * made visible again at once, as if its back-off or visibility timeout were over.
     */
    deliver: async ({ invoke }: Running) => {
      const records = await receiveAll(receipts);
      if (records.length === 0) return undefined;
      const run = await invoke({ records });
      const failed = new Set(run.failed);
      const left = records.filter(({ messageId }) => failed.has(messageId));
      await receipts.remove(records.filter(({ messageId }) => !failed.has(messageId)));
      await receipts.show(left);
      return { run, records, left };
    },
    receiveDeadLetters: () => receiveAll(letters),
    close: () => client.destroy(),
  };
};
