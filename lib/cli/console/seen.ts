import type { Letter } from '../../dead-letters/dead-letter.ts';
import { createMatch, type Filter } from '../../dead-letters/request.ts';

/** What one look at the dead-letter queue brought. The page works on it until it is told to look again. */
export interface Seen {
  letters: Letter[];
  /** When the look ended, in milliseconds. */
  at: number;
  /** What SQS says that the queue holds, the hidden ones included. */
  about: number;
}

/** What is chosen of it: the command line's filter, and the reason to the letter. Empty = any. */
export interface Choice {
  filter: Filter;
  reason?: string | undefined;
}

const NO_REASON = 'nobody wrote it down';
/** As a form sends it back: of line ends only `\n`. */
const oneLineEnd = (text: string) => text.replace(/\r\n?/g, '\n');
export const reasonOf = ({ failure }: Letter): string => oneLineEnd(failure?.detail || NO_REASON);

export const chosenOf = ({ letters }: Seen, { filter, reason }: Choice): Letter[] => {
  const matches = createMatch(filter);
  return letters.filter(
    letter => matches(letter) && (reason === undefined || reasonOf(letter) === oneLineEnd(reason)),
  );
};

export interface Group {
  code: string;
  reason: string;
  count: number;
  /** Milliseconds. */
  oldest: number;
}

/** By code and reason, most first. */
export const groupsOf = (letters: Letter[]): Group[] => {
  const groups = new Map<string, Group>();
  for (const letter of letters) {
    const { code, deadLetteredAt } = letter;
    const reason = reasonOf(letter);
    const key = `${code}\n${reason}`;
    const group = groups.get(key) ?? { code, reason, count: 0, oldest: deadLetteredAt };
    group.count++;
    group.oldest = Math.min(group.oldest, deadLetteredAt);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
};
