import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Queue } from '../../sqs/queue.ts';
import { type Options, UsageError } from '../options.ts';
import { count, createProgress, number, plain, print, printJson, tell, untilInterrupted } from '../screen.ts';
import { type Line, messageIn, sendLines } from './send-lines.ts';

interface SendOptions extends Options {
  group?: string;
  language?: string;
  timeZone?: string;
  readAt?: string;
  from?: number;
}

/** So many bad lines are named; the others are counted. */
const MOST_NAMED = 20;

interface Source {
  name: string;
  lines: Line[];
}

const readLines = async (file: string): Promise<Source> => {
  const name = file === '-' ? 'standard input' : file;
  const input = file === '-' ? process.stdin : createReadStream(file);
  const lines: Line[] = [];
  let number = 0;
  try {
    for await (const raw of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const text = ++number === 1 ? raw.replace(/^\uFEFF/, '') : raw;
      if (text.trim() !== '') lines.push({ number, text });
    }
  } catch (error) {
    throw new Error(`${name} cannot be read: ${(error as Error).message}. Nothing was sent.`);
  }
  return { name, lines };
};

const ofOptions = (options: SendOptions): Source | undefined => {
  const receipt = {
    case_id: options.case,
    group_id: options.group,
    language: options.language,
    time_zone: options.timeZone,
    read_at: options.readAt,
  };
  if (Object.values(receipt).every(value => value === undefined)) return undefined;
  return { name: 'the options', lines: [{ number: 1, text: JSON.stringify(receipt) }] };
};

export const send = async (
  { source: queue }: { source: Queue },
  files: string[],
  options: SendOptions,
): Promise<number> => {
  const { json = false, from = 1 } = options;
  const single = ofOptions(options);
  if (single && files.length > 0) throw new UsageError('Give a receipt by options or in files, not both.');
  if (!Number.isSafeInteger(from) || from < 1)
    throw new UsageError('--from takes the number of a line, from 1.');
  if (options.from !== undefined && (single || files.length > 1))
    throw new UsageError('--from counts the lines of one file: give one.');
  if (!single && files.length === 0 && process.stdin.isTTY)
    throw new UsageError('Nothing to send: give --case ID, a file, or lines on standard input.');
  const names = files.length > 0 ? files : ['-'];
  const sources: Source[] = single ? [single] : [];
  if (!single) for (const name of names) sources.push(await readLines(name));

  const bad: { source: string; line: number; reason: string }[] = [];
  for (const { name, lines } of sources) {
    for (const { number, text } of lines) {
      const read = messageIn(text);
      if ('wrong' in read) bad.push({ source: name, line: number, reason: read.wrong });
    }
  }
  const last = sources[0]?.lines.at(-1)?.number ?? 0;
  if (options.from !== undefined && from > last)
    throw new UsageError(`--from ${from} is behind the last line, ${last}: nothing was sent.`);
  const chosen = sources.map(({ name, lines }) => ({
    name,
    lines: lines.filter(({ number }) => number >= from),
  }));
  const checked = chosen.reduce((sum, { lines }) => sum + lines.length, 0);
  if (bad.length > 0) {
    for (const { source, line, reason } of bad.slice(0, MOST_NAMED))
      tell(plain(`${source}, line ${line}: ${reason}`));
    if (bad.length > MOST_NAMED) tell(`… and ${number(bad.length - MOST_NAMED)} more.`);
    tell(`${count(bad.length, 'bad line')}: nothing was sent.`);
    if (json) printJson({ sent: 0, failed: 0, bad });
    return 1;
  }

  const signal = untilInterrupted();
  const progress = createProgress('Sent', checked, json || checked < 1_000);
  let sent = 0;
  for (const { name, lines } of chosen) {
    const before = sent;
    const result = await sendLines(queue, lines, {
      signal,
      onProgress: now => progress.update(before + now),
    });
    sent += result.sent;
    if (!result.from) continue;
    progress.end();
    const { line, reason } = result.from;
    if (json) printJson({ sent, failed: result.failed, source: name, from: line, reason });
    else print(`Sent ${count(sent, 'message')} to ${queue.url}.`);
    tell(plain(`${name}, line ${line} was not sent: ${reason}`));
    const rest = files.length > 1 ? `, then the files after ${name}` : '';
    if (single) tell('To go on, give the same command again.');
    else
      tell(
        plain(
          `To go on: relay send ${name === 'standard input' ? '-' : name} --from ${line}${rest}. Lines after it may come twice, which is harmless.`,
        ),
      );
    return 1;
  }
  progress.end();
  if (json) printJson({ sent, failed: 0 });
  else print(`Sent ${count(sent, 'message')} to ${queue.url}.`);
  return 0;
};
