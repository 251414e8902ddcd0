import type { Letter } from '../../dead-letters/dead-letter.ts';
import { createMatch } from '../../dead-letters/request.ts';
import { scan } from '../../dead-letters/scan.ts';
import { explain } from '../../sqs/errors.ts';
import { bytesOf } from '../../sqs/message.ts';
import type { Queue } from '../../sqs/queue.ts';
import { NO_REASON } from '../letters/entry.ts';
import type { Asked } from './form.ts';

/** What a look keeps at most: the whole command line stays under 300 MB. */
const MOST_BYTES = 100_000_000;
const MOST_LETTERS = 50_000;

/** What one look at the dead-letter queue brought. The page works on it until it is told to look again. */
export interface Seen {
  letters: Letter[];
  /** When the look ended, ms epoch. */
  at: number;
  /** What SQS says that the queue holds, the hidden ones included. */
  about: number;
  /** Why it could not look, or not at all of them. */
  trouble?: string | undefined;
}

/** Looks once, and shows all again. Never throws. */
export const lookInto = async (
  deadLetters: Queue,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (scanned: number, of: number) => void },
): Promise<Seen> => {
  const letters: Letter[] = [];
  let bytes = 0;
  const depth = await deadLetters.depth();
  if ('error' in depth)
    return { letters, at: Date.now(), about: 0, trouble: explain(depth.error, deadLetters.url) };
  const { trouble } = await scan(
    deadLetters,
    (some, { stop }) => {
      letters.push(...some);
      for (const { message } of some) bytes += bytesOf(message);
      if (bytes >= MOST_BYTES || letters.length >= MOST_LETTERS) stop('scan_limit');
      onProgress(letters.length, depth.visible);
    },
    { signal },
  );
  return { letters, at: Date.now(), about: Math.max(letters.length, depth.visible + depth.hidden), trouble };
};

/** As a form sends it back: of line ends only `\n`. */
const oneLineEnd = (text: string) => text.replace(/\r\n?/g, '\n');
export const reasonOf = ({ failure }: Letter): string => oneLineEnd(failure?.detail || NO_REASON);

/** What the command line's filter, and the reason to the letter, choose of what was seen. */
export const chosenOf = ({ letters }: Seen, { request, fields: { reason } }: Asked): Letter[] => {
  const matches = createMatch(request.filter ?? {});
  return letters.filter(
    letter => matches(letter) && (reason === undefined || reasonOf(letter) === oneLineEnd(reason)),
  );
};

/** By code and reason, most first; each with its oldest letter. */
export const groupsOf = (letters: Letter[]) =>
  [...Map.groupBy(letters, letter => `${letter.code}\n${reasonOf(letter)}`).values()]
    .map(group => ({
      count: group.length,
      oldest: group.reduce((a, b) => (b.deadLetteredAt < a.deadLetteredAt ? b : a)),
    }))
    .sort((a, b) => b.count - a.count);
