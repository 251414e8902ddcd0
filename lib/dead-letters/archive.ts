import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';
import type { Message } from '../sqs/message.ts';
import type { Letter } from './letter.ts';

// As SendMessage spells them, bytes in base64: what the AWS CLI reads and writes too.
const attributeSchema = z.strictObject({
  DataType: z.string('must have a DataType'),
  StringValue: z.optional(z.string('must be text')),
  BinaryValue: z.optional(z.base64('must be base64')),
});

const archivedSchema = z.looseObject({
  body: z.string('must be text'),
  attributes: z.optional(z.record(z.string(), attributeSchema)),
  group_id: z.optional(z.string('must be text')),
  trace_header: z.optional(z.string('must be text')),
});

/** One line of an archive: the whole message, and what a person may want to know when reading it. */
export const archiveLineOf = ({ message, messageId, code, failure, diedAt }: Letter): string => {
  const { body, attributes, groupId, traceHeader } = message;
  const spelt = Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
    name,
    BinaryValue
      ? { DataType, BinaryValue: Buffer.from(BinaryValue).toString('base64') }
      : { DataType, StringValue },
  ]);
  return JSON.stringify({
    message_id: messageId,
    code,
    detail: failure?.detail,
    dead_lettered_at: new Date(diedAt).toISOString(),
    body,
    attributes: Object.fromEntries(spelt),
    group_id: groupId,
    trace_header: traceHeader,
  });
};

/** Whether JSON is an archived message rather than a receipt: a receipt has a case_id, an envelope no body. */
export const isArchived = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.hasOwn(value, 'body') &&
  !Object.hasOwn(value, 'case_id');

/** Reads an archived message back, or says what is wrong with it. */
export const readArchived = (value: unknown): { message: Message } | { wrong: string } => {
  const result = archivedSchema.safeParse(value);
  if (!result.success) {
    return {
      wrong: result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '),
    };
  }
  const { body, attributes = {}, group_id, trace_header } = result.data;
  const spelt = Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => {
    const value: MessageAttributeValue =
      BinaryValue === undefined
        ? { DataType, ...(StringValue !== undefined && { StringValue }) }
        : { DataType, BinaryValue: Buffer.from(BinaryValue, 'base64') };
    return [name, value];
  });
  return {
    message: {
      body,
      attributes: Object.fromEntries(spelt),
      ...(group_id && { groupId: group_id }),
      ...(trace_header && { traceHeader: trace_header }),
    },
  };
};
