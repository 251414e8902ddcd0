import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';

/** A message as it is sent on: body, attributes, and the system attributes that travel. */
export interface Message {
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  /** MessageGroupId, on a standard queue the tenant of a fair queue. */
  groupId?: string;
  /** AWSTraceHeader, the X-Ray trace. */
  traceHeader?: string;
}

/** A message as it was received. */
export interface Received {
  messageId: string;
  receiptHandle: string;
  message: Message;
  /** SentTimestamp, ms epoch; a message that SQS itself moved here keeps the time it was first sent. */
  sentAt: number;
  receives: number;
}

/** What SQS takes at most: attributes a message, bytes a message and a batch (body and attributes). */
export const MOST_ATTRIBUTES = 10;
export const MOST_BYTES = 1_048_576;

/** A Lambda event spells `stringValue` and base64 where SendMessage wants `StringValue` and bytes. */
export const messageOf = ({ body, messageAttributes, attributes }: SQSRecord): Message => {
  const { MessageGroupId: groupId, AWSTraceHeader: traceHeader } = attributes;
  return {
    body,
    attributes: Object.fromEntries(
      Object.entries(messageAttributes ?? {}).map(([name, { dataType, stringValue, binaryValue }]) => [
        name,
        typeof binaryValue === 'string'
          ? { DataType: dataType, BinaryValue: Buffer.from(binaryValue, 'base64') }
          : { DataType: dataType, StringValue: stringValue },
      ]),
    ),
    ...(groupId && { groupId }),
    ...(traceHeader && { traceHeader }),
  };
};

/** Bytes as SQS counts them: body, and name, type and value of each attribute, in UTF-8. */
export const bytesOf = ({ body, attributes }: Message): number => {
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType = '', StringValue = '', BinaryValue }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType);
    bytes += BinaryValue?.byteLength ?? Buffer.byteLength(StringValue);
  }
  return bytes;
};
