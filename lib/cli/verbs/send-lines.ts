import { isArchived, readArchived } from '../../dead-letters/archive.ts';
import { parseJson } from '../../json.ts';
import { parseReceipt } from '../../receipt/receipt.ts';
import { explain, type SqsError } from '../../sqs/errors.ts';
import { bytesOf, type Message, MOST_ATTRIBUTES, MOST_BYTES } from '../../sqs/message.ts';
import type { Queue } from '../../sqs/queue.ts';

export interface Line {
  number: number;
  text: string;
}

/** Lines sent before their answers are read: enough for SQS to be busy, few enough to say where it stopped. */
const CHUNK = 200;

/** What a line says is sent: a receipt as it stands, or an archived message as it was. Or what is wrong with it. */
export const messageIn = (text: string): { message: Message } | { wrong: string } => {
  const value = parseJson(text);
  if (isArchived(value)) return checked(readArchived(value));
  const parsed = parseReceipt(text);
  if ('failure' in parsed) return { wrong: parsed.failure.detail };
  return checked({ message: { body: text, attributes: {} } });
};

const checked = (read: { message: Message } | { wrong: string }) => {
  if ('wrong' in read) return read;
  const attributes = Object.keys(read.message.attributes).length;
  if (attributes > MOST_ATTRIBUTES)
    return { wrong: `it has ${attributes} attributes, SQS takes ${MOST_ATTRIBUTES}` };
  const bytes = bytesOf(read.message);
  return bytes > MOST_BYTES ? { wrong: `it is ${bytes} bytes long, SQS takes ${MOST_BYTES}` } : read;
};

export interface Sent {
  sent: number;
  failed: number;
  /** The first line that was not sent, and why: there it can be resumed. */
  from?: { line: number; reason: string };
}

/** Sends lines that were checked before, in their order, until SQS refuses one or the signal ends it. */
export const sendLines = async (
  queue: Queue,
  lines: Line[],
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (sent: number) => void } = {},
): Promise<Sent> => {
  let sent = 0;
  for (let from = 0; from < lines.length; from += CHUNK) {
    const chunk = lines.slice(from, from + CHUNK);
    const [{ number: line }] = chunk as [Line];
    if (signal?.aborted) return { sent, failed: 0, from: { line, reason: 'it was interrupted' } };
    const messages = chunk.flatMap(({ text }) => {
      const read = messageIn(text);
      return 'message' in read ? [read.message] : [];
    });
    const results = await queue.send(messages);
    const failed = results.filter(({ error }) => error).length;
    sent += chunk.length - failed;
    onProgress?.(sent);
    if (failed === 0) continue;
    const first = results.findIndex(({ error }) => error);
    const reason = explain(results[first]?.error as SqsError, queue.url);
    return { sent, failed, from: { line: (chunk[first] as Line).number, reason } };
  }
  return { sent, failed: 0 };
};
