import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod/mini';
import { isObject } from '../json.ts';
import type { Message } from '../sqs/message.ts';
import { firstSentAt, type Letter } from './dead-letter.ts';
import { withSentAt } from './send-back.ts';

// As SendMessage spells them, bytes in base64: what the AWS CLI reads and writes too.
const attributeSchema = z.strictObject({
  DataType: z.string('must have a DataType'),
  StringValue: z.optional(z.string('must be text')),
  BinaryValue: z.optional(
    z.pipe(
      z.base64('must be base64'),
      z.transform(text => Buffer.from(text, 'base64')),
    ),
  ),
});

const archivedSchema = z.looseObject({
  body: z.string('must be text'),
  attributes: z.optional(z.record(z.string(), attributeSchema)),
  group_id: z.optional(z.string('must be text')),
  trace_header: z.optional(z.string('must be text')),
  first_sent_at: z.optional(z.iso.datetime('must be an ISO 8601 time in UTC')),
});

/** One line of an archive: the whole message, and what a person may want to know when reading it. */
export const archiveLineOf = ({ message, messageId, code, failure, deadLetteredAt, sentAt }: Letter) => {
  const firstSent = firstSentAt(message, sentAt);
  const spelt = Object.entries(message.attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
    name,
    { DataType, StringValue, BinaryValue: BinaryValue && Buffer.from(BinaryValue).toString('base64') },
  ]);
  return JSON.stringify({
    message_id: messageId,
    code,
    detail: failure?.detail,
    dead_lettered_at: new Date(deadLetteredAt).toISOString(),
    first_sent_at: firstSent && new Date(firstSent).toISOString(),
    body: message.body,
    attributes: Object.fromEntries(spelt),
    group_id: message.groupId,
    trace_header: message.traceHeader,
  });
};

/** Whether JSON is an archived message rather than a receipt: a receipt has a case_id, an envelope no body. */
export const isArchived = (value: unknown): boolean =>
  isObject(value) && Object.hasOwn(value, 'body') && !Object.hasOwn(value, 'case_id');

/**
 * Reads an archived message back, or says what is wrong with it. It is as it was; where nothing on it tells when it was
 * first sent, the attribute `sent_at` tells what the archive knows.
 */
export const readArchived = (value: unknown): { message: Message } | { wrong: string } => {
  const { success, data, error } = archivedSchema.safeParse(value);
  if (!success)
    return { wrong: error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ') };
  const { body, attributes = {}, group_id, trace_header, first_sent_at } = data;
  const message: Message = {
    body,
    attributes,
    ...(group_id && { groupId: group_id }),
    ...(trace_header && { traceHeader: trace_header }),
  };
  return { message: first_sent_at === undefined ? message : withSentAt(message, Date.parse(first_sent_at)) };
};

/** The file's name must outlive a crash too. Where a folder cannot be opened (Windows), it does without. */
const syncFolder = async (file: string) => {
  const folder = await open(path.dirname(file), 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
};

/**
 * A file that letters are written to, opened by the first of them; never an existing one, whose lines would be mixed
 * with these. It ends in a whole line, whatever goes wrong.
 */
export const createArchive = (file: string) => {
  let opening: ReturnType<typeof open> | undefined;
  let last: Promise<void> = Promise.resolve();
  /** Bytes that are on the disk for sure. */
  let safeBytes = 0;

  const append = async (letters: Letter[]) => {
    // A dead letter may hold what is nobody else's business.
    opening ??= open(file, 'wx', 0o600);
    const handle = await opening;
    const bytes = Buffer.from(letters.map(letter => `${archiveLineOf(letter)}\n`).join(''));
    try {
      // A disk that fills up takes a part of the bytes, and says so in the number only.
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, safeBytes + at);
        if (bytesWritten === 0) throw new Error('nothing more could be written');
        at += bytesWritten;
      }
      await handle.sync();
      if (safeBytes === 0) await syncFolder(file);
      safeBytes += bytes.length;
    } catch (error) {
      await handle.truncate(safeBytes);
      throw error;
    }
  };

  return {
    /** Whether letters are in it. */
    holdsLetters: () => safeBytes > 0,
    /** Resolves when the lines are on the disk, rejects where not all are. One at a time: lines must not mix. */
    write(letters: Letter[]): Promise<void> {
      const written = last.then(() => append(letters));
      last = written.catch(() => {});
      return written;
    },
    async close() {
      await last;
      const handle = await opening?.catch(() => undefined);
      await handle?.close();
      if (handle && safeBytes === 0) await rm(file, { force: true });
    },
  };
};
