import { createReplay, type Replayed } from '../../dead-letters/replay.ts';
import type { ReplayRequest } from '../../dead-letters/request.ts';
import { caseIdIn } from '../../receipt/receipt.ts';
import type { Queue } from '../../sqs/queue.ts';
import { checkedRequest, type Options, UsageError } from '../options.ts';
import { countVisible } from '../queues.ts';
import {
  confirm,
  count,
  createProgress,
  isAlone,
  number,
  plain,
  print,
  printJson,
  tell,
  untilInterrupted,
} from '../screen.ts';

const MOST_SHOWN = 20;

interface Queues {
  source: Queue;
  deadLetters: Queue;
}

/** Everything that was asked for is done: nothing refused, nothing twice, not cut short. */
const isShort = ({ counts, trouble }: Replayed): boolean =>
  Boolean(trouble) || counts.failed + counts.duplicated > 0 || !['done', 'limit'].includes(counts.stopped);

const sentences = ({ counts, notes, trouble }: Replayed, dry: number | undefined): string => {
  const { scanned, matched, guarded, replayed, failed, duplicated, remaining, stopped } = counts;
  const lines = [
    dry === undefined
      ? `Replayed ${count(replayed, 'dead letter')}: ${number(matched)} of ${number(scanned)} looked at matched.`
      : `Would replay ${count(dry, 'dead letter')}: ${number(matched)} of ${number(scanned)} looked at match. Nothing was changed.`,
  ];
  if (guarded > 0)
    lines.push(`${number(guarded)} stay: replayed too often already (--max-replays raises that).`);
  if (failed > 0)
    lines.push(`${number(failed)} ${dry === undefined ? 'were' : 'would be'} refused and stay.`);
  if (duplicated > 0)
    lines.push(
      `${number(duplicated)} of the replayed are still there, or may be in the queue without an answer: they may come twice, which is harmless.`,
    );
  if (trouble) lines.push(trouble);
  else if (stopped === 'interrupted') lines.push('It was interrupted: run it again for the rest.');
  lines.push(...notes);
  if (!trouble) lines.push(deadLettersLeft(remaining));
  return lines.map(plain).join('\n');
};

const deadLettersLeft = (remaining: number) =>
  remaining === 0
    ? 'No dead letters remain.'
    : `${count(remaining, 'dead letter')} remain${remaining === 1 ? 's' : ''}.`;

export const replay = async (queues: Queues, options: Options): Promise<number> => {
  const request = checkedRequest(options);
  const { json = false } = options;
  const asks = !options.yes && !request.dry_run;
  if (asks && (isAlone() || json))
    throw new UsageError(
      'Replay sends messages. Nobody can be asked here: add --yes, or --dry-run to see what would happen.',
    );
  const signal = untilInterrupted();
  const run = createReplay(queues);
  const total = json ? 0 : await countVisible(queues.deadLetters);

  const act = async (asked: ReplayRequest, expected: number | undefined, show: boolean) => {
    // Without a filter, or after a first look, it is known how many there are to send.
    const sends = !asked.dry_run && (expected !== undefined || Object.keys(asked.filter ?? {}).length === 0);
    const progress = createProgress(sends ? 'Replayed' : 'Looked at', expected ?? total, json);
    const shown: string[] = [];
    let chosen = 0;
    const result = await run(asked, {
      signal,
      onProgress: ({ scanned, replayed, failed }) => progress.update(sends ? replayed + failed : scanned),
      onChosen: ({ messageId, code }, body) => {
        chosen++;
        if (show && shown.length < MOST_SHOWN)
          shown.push(`  ${messageId}  ${code}  case ${caseIdIn(body) ?? '?'}  ${body}`);
      },
    });
    progress.end();
    return { result, chosen, shown };
  };

  let expected: number | undefined;
  if (request.dry_run || asks) {
    const { result, chosen, shown } = await act(
      { ...request, dry_run: true },
      undefined,
      Boolean(request.dry_run),
    );
    if (request.dry_run || chosen === 0 || isShort({ ...result, counts: { ...result.counts, failed: 0 } })) {
      if (json) printJson(result.counts);
      else print(sentences(result, chosen));
      if (!json && shown.length > 0) {
        print(`\nTo ${queues.source.url} would go:`);
        for (const line of shown) print(plain(line));
        if (chosen > shown.length) print(`  … and ${number(chosen - shown.length)} more`);
      }
      if (json) for (const note of result.notes) tell(plain(note));
      if (json && result.trouble) tell(result.trouble);
      return isShort(result) ? 1 : 0;
    }
    expected = chosen;
    const { failed, guarded } = result.counts;
    const aside = [
      failed > 0 && `${number(failed)} would be refused`,
      guarded > 0 && `${number(guarded)} were replayed too often`,
    ];
    const changed = Object.entries(request.set ?? {}).map(([field, value]) => `${field}=${value}`);
    tell(
      `${count(chosen, 'dead letter')} would go to ${queues.source.url}${changed.length > 0 ? plain(` with ${changed.join(', ')}`) : ''}.`,
    );
    for (const one of aside) if (one) tell(`${one} and stay.`);
    if (!(await confirm(`Replay ${number(chosen)}?`))) {
      tell('Nothing was changed.');
      return 1;
    }
  }

  const { result } = await act(request, expected, false);
  if (json) {
    printJson(result.counts);
    for (const note of result.notes) tell(plain(note));
    if (result.trouble) tell(result.trouble);
  } else print(sentences(result, undefined));
  return isShort(result) ? 1 : 0;
};
