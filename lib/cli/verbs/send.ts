import { createReadStream } from 'node:fs';
import { parseJson } from '../../json.ts';
import { receiptSchema } from '../../receipt/receipt.ts';
import { commandsFor } from '../command.ts';
import { type Options, UsageError } from '../options.ts';
import { untilInterrupted } from '../screen/ask.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, number, plain } from '../screen/text.ts';
import { nameOf, openPlace } from '../stage.ts';
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
/** Fewer are gone before a bar is seen. */
const LEAST_FOR_BAR = 1_000;

interface Source {
  name: string;
  lines: Line[];
}

/**
 * The end of an archive whose discard was killed in the middle of a line. Such a letter was not removed: it is in the
 * dead-letter queue still.
 */
const isCutOff = (text: string) => text.startsWith('{"message_id":') && parseJson(text) === undefined;

/** Lines as an archive has them: `\n` ends one, and nothing else does. */
export const readLines = async (file: string): Promise<Source> => {
  const name = file === '-' ? 'standard input' : file;
  const input = file === '-' ? process.stdin : createReadStream(file);
  const lines: Line[] = [];
  let read = 0;
  let rest = '';
  const take = (text: string) => {
    read++;
    if (text.trim() !== '') lines.push({ number: read, text: text.replace(/\r$/, '') });
  };
  try {
    input.setEncoding('utf8');
    for await (const chunk of input) {
      const [first, ...others] = `${chunk}`.split('\n');
      rest += first;
      for (const next of others) {
        take(read === 0 ? rest.replace(/^\uFEFF/, '') : rest);
        rest = next;
      }
    }
    if (isCutOff(rest))
      tell(
        `In ${plain(name)}, line ${read + 1} is cut off and left out: its letter is still in the dead-letter queue.`,
      );
    else take(read === 0 ? rest.replace(/^\uFEFF/, '') : rest);
  } catch (error) {
    const { message } = error as Error;
    const why = /^E[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;
    throw new Error(`Cannot read ${plain(name)}: ${why}. Nothing was sent.`);
  }
  return { name, lines };
};

const OPTIONS = {
  case_id: '--case',
  group_id: '--group',
  language: '--language',
  time_zone: '--time-zone',
  read_at: '--read-at',
} as const;

/** @throws UsageError that names the wrong options */
const ofOptions = (options: SendOptions): Source | undefined => {
  const receipt = {
    case_id: options.case,
    group_id: options.group,
    language: options.language,
    time_zone: options.timeZone,
    read_at: options.readAt,
  };
  if (Object.values(receipt).every(value => value === undefined)) return undefined;
  const result = receiptSchema.safeParse(receipt);
  if (result.success) return { name: 'the options', lines: [{ number: 1, text: JSON.stringify(receipt) }] };
  const wrong = result.error.issues.map(
    ({ path, message }) => `${OPTIONS[path[0] as keyof typeof OPTIONS]} ${message}.`,
  );
  throw new UsageError(wrong.join('\n'));
};

/** Bad lines by number, those of all sources. */
const badLines = (sources: Source[]) =>
  sources.flatMap(({ name, lines }) =>
    lines.flatMap(({ number, text }) => {
      const read = messageIn(text);
      return 'wrong' in read ? [{ source: name, line: number, reason: read.wrong }] : [];
    }),
  );

const tellBad = (bad: ReturnType<typeof badLines>) => {
  for (const { source, line, reason } of bad.slice(0, MOST_NAMED))
    tell(plain(`In ${source}, line ${line}: ${reason}`));
  if (bad.length > MOST_NAMED) tell(`… and ${number(bad.length - MOST_NAMED)} more.`);
  tell(`${count(bad.length, 'bad line')}: nothing was sent.`);
};

export const send = async (files: string[], options: SendOptions): Promise<number> => {
  const { json = false, from = 1 } = options;
  const single = ofOptions(options);
  if (single && files.length > 0) throw new UsageError('Give a receipt by options or in files, not both.');
  if (options.from !== undefined && (single || files.length > 1))
    throw new UsageError('Option --from counts the lines of one file: give one.');
  if (!single && files.length === 0 && process.stdin.isTTY)
    throw new UsageError('Nothing to send: give --case ID, a file, or lines on standard input.');
  const { source: queue } = await openPlace(options.stage);
  const names = files.length > 0 ? files : ['-'];
  const sources: Source[] = single ? [single] : [];
  if (!single) for (const name of names) sources.push(await readLines(name));

  const bad = badLines(sources);
  const last = sources[0]?.lines.at(-1)?.number ?? 0;
  if (options.from !== undefined && from > last)
    throw new UsageError(`Option --from ${from} is behind the last line, ${last}: nothing was sent.`);
  if (bad.length > 0) {
    tellBad(bad);
    if (json) printJson({ sent: 0, failed: 0, bad });
    return 1;
  }

  const chosen = sources.map(({ name, lines }) => ({
    name,
    lines: lines.filter(({ number }) => number >= from),
  }));
  const total = chosen.reduce((sum, { lines }) => sum + lines.length, 0);
  const signal = untilInterrupted();
  const progress = createProgress('Sent', { total, quiet: json || total < LEAST_FOR_BAR });
  let sent = 0;
  for (const { name, lines } of chosen) {
    const before = sent;
    const onProgress = (now: number) => progress.update(before + now);
    const result = await sendLines(queue, lines, { signal, onProgress });
    sent += result.sent;
    if (!result.from) continue;
    progress.end();
    const { line, reason } = result.from;
    if (json) printJson({ sent, failed: result.failed, source: name, from: line, reason });
    else print(`Sent ${count(sent, 'message')} to ${nameOf(queue)}.`);
    tell(plain(`In ${name}, line ${line} was not sent: ${reason}`));
    const file = name === 'standard input' ? '-' : name;
    if (single) tell('To go on, give the same command again.');
    else
      tell(
        `To go on${files.length > 1 ? `, and then with the files after ${plain(name)}` : ''} (what is sent twice is harmless):\n${commandsFor(options.stage)('send', file, '--from', String(line))}`,
      );
    return 1;
  }
  progress.end();
  if (json) printJson({ sent, failed: 0 });
  else
    print(
      total === 0
        ? 'Nothing to send: there is no line.'
        : `Sent ${count(sent, 'message')} to ${nameOf(queue)}.`,
    );
  return 0;
};
