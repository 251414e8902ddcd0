import { table } from '../screen/output.ts';
import { ago, count, number, plain } from '../screen/text.ts';
import type { Preview } from './summary.ts';

/** A body of up to 1 MiB would hide the question. */
const MOST_CHARACTERS = 400;

const shorten = (text: string) => {
  const clean = plain(text.slice(0, MOST_CHARACTERS));
  return text.length > MOST_CHARACTERS ? `${clean}… (${number(text.length)} characters)` : clean;
};

/** What a run is about to do: how many by code, how old, and the first of them before and after. */
export const previewText = ({ letters, by_code, first, ...times }: Preview): string => {
  const [oldest = 0, newest = 0] = [times.oldest_dead_lettered_at, times.newest_dead_lettered_at].map(time =>
    Date.parse(time ?? ''),
  );
  const codes = by_code.map(({ code, letters }) => [code, number(letters)]);
  const shown = first.flatMap(({ message_id, code, before, after }) => [
    `${message_id}  ${plain(code)}`,
    ...(after === before ? [`    ${shorten(before)}`] : [`  - ${shorten(before)}`, `  + ${shorten(after)}`]),
  ]);
  const ages = [...new Set([ago(oldest), ago(newest)])].join(' to ');
  return [
    table(['CODE', 'COUNT'], codes),
    `\nDead-lettered ${ages}. ${letters > first.length ? `The first ${first.length} of ${number(letters)}:` : 'In full:'}`,
    ...shown,
  ].join('\n');
};

/** What late receipts meet in the function, by its LATE_RECEIPTS where that is known; said before anything is sent. */
export const lateWords = ({ letters, late }: Preview, setting: string | undefined): string[] => {
  if (late === 0) return [];
  const which =
    late === letters
      ? late === 1
        ? 'It is late'
        : 'All are late'
      : `${number(late)} of them ${late === 1 ? 'is' : 'are'} late`;
  const isLookedAt =
    'A late receipt is looked at first: where the other side has written since the person read, nothing is marked.';
  const hides =
    'it hides what the other side has written since the person read, though nobody has read that.';
  switch (setting) {
    case 'check':
      return [`${which}. ${isLookedAt}`];
    case 'mark':
    case 'shadow':
      return [`${which}, and the function runs with LATE_RECEIPTS=${setting}: ${hides}`];
    default:
      return [
        `${which}. ${isLookedAt} Where the function runs with LATE_RECEIPTS=mark or shadow, which cannot be seen from here, ${hides}`,
      ];
  }
};

/** What a repair does, in a sentence; none where there is none. */
export const repairWords = (set: object | undefined): string[] => {
  const parts = Object.entries(set ?? {}).map(([field, value]) =>
    value === null ? `${field} is taken away` : `${field}=${value} is set`,
  );
  return parts.length === 0 ? [] : [`In each receipt ${plain(parts.join(', '))}.`];
};

export const looked = (
  { matched, scanned }: { matched: number; scanned: number },
  verb: 'match' | 'matched',
): string =>
  scanned === 0
    ? 'There is no dead letter to look at.'
    : `Of ${count(scanned, 'dead letter')} looked at, ${number(matched)} ${verb === 'match' && matched === 1 ? 'matches' : verb}.`;
