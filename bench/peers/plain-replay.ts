// A replay without judgement, in plain SDK calls: the measure of what the queue gives.
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';

const { QUEUE_URL, DEAD_LETTER_QUEUE_URL } = process.env;
const sqs = new SQSClient({});

/** @param event how many loops run at once */
export const handler = async ({ concurrency }: { concurrency: number }) => {
  let replayed = 0;
  const loop = async () => {
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: DEAD_LETTER_QUEUE_URL,
          MaxNumberOfMessages: 10,
          // As AWS advises: a short poll may come back empty from a queue that is not.
          WaitTimeSeconds: 1,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) return;
      await sqs.send(
        new SendMessageBatchCommand({
          QueueUrl: QUEUE_URL,
          Entries: Messages.map(({ Body, MessageAttributes }, index) => ({
            Id: String(index),
            MessageBody: Body,
            MessageAttributes,
          })),
        }),
      );
      await sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: DEAD_LETTER_QUEUE_URL,
          Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
        }),
      );
      replayed += Messages.length;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  return { replayed };
};
