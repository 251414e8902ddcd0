import { commandsFor } from '../command.ts';
import { checkReceipt, type Options, UsageError } from '../options.ts';
import { untilInterrupted } from '../screen/ask.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, number, plain } from '../screen/text.ts';
import { nameOf, openPlace } from '../stage.ts';
import { readLines, type Source, sendLines } from './send-lines.ts';

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

/** @throws UsageError that names the wrong options */
const ofOptions = (options: SendOptions): Source | undefined => {
  const { case: case_id, group: group_id, language, timeZone: time_zone, readAt: read_at } = options;
  const receipt = { case_id, group_id, language, time_zone, read_at };
  if (Object.values(receipt).every(value => value === undefined)) return undefined;
  checkReceipt(receipt);
  const message = { body: JSON.stringify(receipt), attributes: {} };
  return { name: 'the options', lines: [{ number: 1, message }], bad: [] };
};

const tellBad = (bad: Source['bad']) => {
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
  const sources: Source[] = single ? [single] : [];
  if (!single) for (const file of files.length > 0 ? files : ['-']) sources.push(await readLines(file));

  // What was before --from was seen to on an earlier run.
  const bad = sources.flatMap(source => source.bad).filter(({ line }) => line >= from);
  if (bad.length > 0) {
    tellBad(bad);
    if (json) printJson({ sent: 0, failed: 0, bad });
    return 1;
  }
  const last = sources[0]?.lines.at(-1)?.number ?? 0;
  if (options.from !== undefined && from > last)
    throw new UsageError(`Option --from ${from} is behind the last line, ${last}: nothing was sent.`);

  for (const source of sources) source.lines = source.lines.filter(({ number }) => number >= from);
  const total = sources.reduce((sum, { lines }) => sum + lines.length, 0);
  const signal = untilInterrupted();
  const progress = createProgress('Sent', json || total < LEAST_FOR_BAR ? 0 : total);
  let sent = 0;
  for (const { name, lines } of sources) {
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
