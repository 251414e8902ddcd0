import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';

/** Messages a call, by SQS. */
const MOST_ENTRIES = 10;

interface Consumed {
  client: SQSClient;
  queueUrl: string;
  queueArn: string;
}

const attributesOf = (attributes: Message['MessageAttributes'] = {}): SQSRecord['messageAttributes'] =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType = '', StringValue, BinaryValue }]) => [
      name,
      {
        ...(StringValue !== undefined && { stringValue: StringValue }),
        ...(BinaryValue && { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
        stringListValues: [],
        binaryListValues: [],
        dataType: DataType,
      },
    ]),
  );

/** A received message as the record of a Lambda event, which spells `stringValue` and gives bytes as base64. */
export const recordOf = (message: Message, eventSourceARN: string): SQSRecord => ({
  messageId: message.MessageId ?? '',
  receiptHandle: message.ReceiptHandle ?? '',
  body: message.Body ?? '',
  attributes: { ...message.Attributes } as unknown as SQSRecord['attributes'],
  messageAttributes: attributesOf(message.MessageAttributes),
  ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
  md5OfBody: message.MD5OfBody ?? '',
  eventSource: 'aws:sqs',
  eventSourceARN,
  awsRegion: eventSourceARN.split(':')[3] ?? '',
});

/** What Lambda does with a queue before and after an invocation; messages come as the records of its event. */
export const createConsumer = ({ client, queueUrl: QueueUrl, queueArn }: Consumed) => {
  /** One call for each ten. */
  const inTens = async (
    records: SQSRecord[],
    call: (entries: { Id: string; ReceiptHandle: string }[]) => Promise<unknown>,
  ): Promise<void> => {
    const entries = records.map(({ receiptHandle }, index) => ({
      Id: `${index}`,
      ReceiptHandle: receiptHandle,
    }));
    while (entries.length > 0) await call(entries.splice(0, MOST_ENTRIES));
  };

  return {
    /** Calls until so many are there or the queue gives no more. @default all */
    async receive(most = Number.POSITIVE_INFINITY): Promise<SQSRecord[]> {
      const records: SQSRecord[] = [];
      while (records.length < most) {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({
            QueueUrl,
            MaxNumberOfMessages: Math.min(MOST_ENTRIES, most - records.length),
            MessageAttributeNames: ['All'],
            MessageSystemAttributeNames: ['All'],
          }),
        );
        if (Messages.length === 0) break;
        records.push(...Messages.map(message => recordOf(message, queueArn)));
      }
      return records;
    },
    /** Deletes them; what SQS does not delete comes back. */
    remove: (records: SQSRecord[]) =>
      inTens(records, Entries =>
        client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })).catch(() => {}),
      ),
    /** Shows them again at once, as if their time were over. */
    show: (records: SQSRecord[]) =>
      inTens(records, entries => {
        const Entries = entries.map(entry => ({ ...entry, VisibilityTimeout: 0 }));
        return client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
      }),
  };
};

export type Consumer = ReturnType<typeof createConsumer>;
