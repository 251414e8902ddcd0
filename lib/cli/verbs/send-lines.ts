import { createReadStream } from 'node:fs';
import { isArchived, readArchived } from '../../dead-letters/archive.ts';
import { parseJson } from '../../json.ts';
import { parseReceipt } from '../../receipt/receipt.ts';
import { explain, type SqsError } from '../../sqs/errors.ts';
import { bytesOf, type Message, MOST_ATTRIBUTES, MOST_BYTES } from '../../sqs/message.ts';
import type { Queue } from '../../sqs/queue.ts';
import { tell } from '../screen/output.ts';
import { plain, whyOf } from '../screen/text.ts';

/** Lines sent before their answers are read: enough for SQS to be busy, few enough to say where it stopped. */
const CHUNK = 200;

/** What is to be sent, line by line. */
export interface Source {
  name: string;
  lines: { number: number; message: Message }[];
  bad: { source: string; line: number; reason: string }[];
}

/** What a line says is sent: a receipt as it stands, or an archived message as it was. Or what is wrong with it. */
const messageIn = (text: string): { message: Message } | { wrong: string } => {
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

/** Lines as an archive has them: `\n` ends one, and nothing else does. */
const split = async function* (input: AsyncIterable<unknown>) {
  let rest = '';
  for await (const chunk of input) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest;
};

/** The end of an archive whose discard was killed in the middle of a line. Such a letter was not removed. */
const isCutOff = (text: string) => text.startsWith('{"message_id":') && parseJson(text) === undefined;

/**
 * Reads and checks a file of JSON Lines, or standard input.
 *
 * @param file `-` for standard input
 * @throws Error in words where it cannot be read
 */
export const readLines = async (file: string): Promise<Source> => {
  const name = file === '-' ? 'standard input' : file;
  const input = file === '-' ? process.stdin : createReadStream(file);
  const source: Source = { name, lines: [], bad: [] };
  let number = 0;
  let last = '';
  try {
    input.setEncoding('utf8');
    for await (last of split(input)) {
      number++;
      const text = (number === 1 ? last.replace(/^\uFEFF/, '') : last).replace(/\r$/, '');
      if (text.trim() === '') continue;
      const read = messageIn(text);
      if ('message' in read) source.lines.push({ number, message: read.message });
      else source.bad.push({ source: name, line: number, reason: read.wrong });
    }
  } catch (error) {
    throw new Error(`Cannot read ${plain(name)}: ${whyOf(error as Error)}. Nothing was sent.`);
  }
  if (isCutOff(last)) {
    source.bad.pop();
    tell(
      `In ${plain(name)}, line ${number} is cut off and left out: its letter is still in the dead-letter queue.`,
    );
  }
  return source;
};

interface Sent {
  sent: number;
  failed: number;
  /** The first line that was not sent, and why: there it can be resumed. */
  from?: { line: number; reason: string };
}

/** Sends lines in their order, until SQS refuses one or the signal ends it. */
export const sendLines = async (
  queue: Queue,
  lines: Source['lines'],
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (sent: number) => void } = {},
): Promise<Sent> => {
  let sent = 0;
  for (let from = 0; from < lines.length; from += CHUNK) {
    const chunk = lines.slice(from, from + CHUNK);
    const lineAt = (index: number) => chunk[index]?.number ?? 0;
    if (signal?.aborted) return { sent, failed: 0, from: { line: lineAt(0), reason: 'it was interrupted' } };
    const results = await queue.send(chunk.map(({ message }) => message));
    const failed = results.filter(({ error }) => error).length;
    sent += chunk.length - failed;
    onProgress?.(sent);
    if (failed === 0) continue;
    const first = results.findIndex(({ error }) => error);
    const reason = explain(results[first]?.error as SqsError, queue.url);
    return { sent, failed, from: { line: lineAt(first), reason } };
  }
  return { sent, failed: 0 };
};
