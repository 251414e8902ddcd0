import type { Replayed } from '../../dead-letters/replay.ts';
import { MAX_REPLAYS_DEFAULT } from '../../dead-letters/request.ts';
import type { Stopped } from '../../dead-letters/scan.ts';
import { count, number, plain, sentence } from '../screen/text.ts';
import type { Preview } from './preview.ts';

/** What a repair does, in a sentence. */
const repairWords = (set: object): string => {
  const parts = Object.entries(set).map(([field, value]) =>
    value === null ? `${field} is taken away` : `${field}=${value} is set`,
  );
  return parts.length === 0 ? '' : `In each receipt ${plain(parts.join(', '))}.`;
};

/** What is sent in vain. */
const deadAgainWords = ({ letters, dead_again: { surely, probably } }: Preview): string => {
  const parts = [
    ...(surely > 0 ? [`${number(surely)} for sure (malformed or invalid)`] : []),
    ...(probably > 0 ? [`${number(probably)} probably (refused before, and sent as before)`] : []),
  ];
  return parts.length === 0
    ? ''
    : `Of ${count(letters, 'dead letter')} these will come back dead, unless they are repaired or left out: ${parts.join(', ')}.`;
};

const LOOKED_AT =
  'A late receipt is looked at first: where the other side has written since the person read, nothing is marked.';
const HIDES = 'it hides what the other side has written since the person read, though nobody has read that.';

/** What late receipts meet in the function, by its LATE_RECEIPTS where that is known. */
const lateWords = ({ letters, late }: Preview, setting: string | undefined): string => {
  if (late === 0) return '';
  const some = `${number(late)} of them ${late === 1 ? 'is' : 'are'} late`;
  const all = late === 1 ? 'It is late' : 'All are late';
  const which = late === letters ? all : some;
  switch (setting) {
    case 'check':
      return `${which}. ${LOOKED_AT}`;
    case 'mark':
    case 'shadow':
      return `${which}, and the function runs with LATE_RECEIPTS=${setting}: ${HIDES}`;
    default:
      return `${which}. ${LOOKED_AT} Where the function runs with LATE_RECEIPTS=mark or shadow, which cannot be seen from here, ${HIDES}`;
  }
};

/** What a person should know before a replay: sentences; none where there is nothing to say. */
export const replayWarnings = (
  preview: Preview,
  set: object = {},
  lateReceipts: string | undefined,
): string[] =>
  [repairWords(set), deadAgainWords(preview), lateWords(preview, lateReceipts)].filter(words => words !== '');

/** How a run that did not see all goes on. */
export const restWords = (
  { stopped, remaining }: { stopped: Stopped; remaining: number },
  command?: string,
): string[] => {
  const under = command === undefined ? '.' : `:\n${command}`;
  if (stopped === 'interrupted') return [`It was interrupted. Run it again for the rest${under}`];
  if (stopped === 'limit' && remaining > 0)
    return [`--limit ended it, and more may match. Without it all of them are taken${under}`];
  return [];
};

const stays = (value: number) => `${count(value, 'letter')} ${value === 1 ? 'stays' : 'stay'}`;

const guardedWords = (guarded: number, typed: CommandLine | undefined): string[] => {
  if (guarded === 0) return [];
  const words = `${stays(guarded)}: replayed too often already`;
  if (!typed) return [`${words} (--max-replays raises that).`];
  const more = String(2 * (typed.maxReplays ?? MAX_REPLAYS_DEFAULT));
  return [`${words}. To raise that:\n${typed.again('--max-replays', more, '--dry-run')}`];
};

interface CommandLine {
  /** The command that was typed, without --limit and --max-replays, and with what is added. */
  again: (...more: string[]) => string;
  maxReplays: number | undefined;
}

const sameAgain = ({ again, maxReplays }: CommandLine): string =>
  again(...(maxReplays === undefined ? [] : ['--max-replays', String(maxReplays)]));

/** What else there is to say of a run, or of one that would be; with commands to go on by where it was typed. */
export const replayAsides = (
  { counts, notes, trouble }: Pick<Replayed, 'counts' | 'notes' | 'trouble'>,
  typed?: CommandLine,
): string[] => [
  ...guardedWords(counts.guarded, typed),
  ...(counts.failed > 0 ? [`${stays(counts.failed)}: refused, or no valid receipt after the repair.`] : []),
  ...(counts.duplicated > 0
    ? [
        `${number(counts.duplicated)} of the replayed may come twice, which is harmless: they could not be deleted, or SQS never said whether it took them.`,
      ]
    : []),
  ...notes.map(note => plain(sentence(note))),
  ...(trouble ? [] : restWords(counts, typed && sameAgain(typed))),
];
