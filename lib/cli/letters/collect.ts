import { createMatch } from '../../dead-letters/request.ts';
import { scan } from '../../dead-letters/scan.ts';
import { explain } from '../../sqs/errors.ts';
import type { Queue } from '../../sqs/queue.ts';
import { type Options, requestOf } from '../options.ts';
import { untilInterrupted } from '../screen/ask.ts';
import { createProgress } from '../screen/progress.ts';
import { count, sentence } from '../screen/text.ts';
import { type Entry, entryOf, groupsOf } from './entry.ts';

/** How many letters a bar will count up to; none where nobody looks, or SQS does not say. */
export const countVisible = async (queue: Queue, isQuiet: boolean): Promise<number> => {
  if (isQuiet) return 0;
  const depth = await queue.depth();
  return 'error' in depth ? 0 : depth.visible;
};

/** @throws Error in words where SQS does not answer */
export const depthOf = async (queue: Queue) => {
  const depth = await queue.depth();
  if ('error' in depth) throw new Error(sentence(explain(depth.error, queue.url)));
  return depth;
};

/** Collects what the options ask for and leaves it all in the queue. */
export const collect = async (deadLetters: Queue, options: Options, most = Number.POSITIVE_INFINITY) => {
  const { filter = {}, limit = most } = requestOf(options);
  const matches = createMatch(filter);
  const progress = createProgress('Looked at', await countVisible(deadLetters, options.json ?? false));
  const entries: Entry[] = [];
  let scanned = 0;
  const { trouble, ...ended } = await scan(
    deadLetters,
    (letters, { stop }) => {
      for (const letter of letters) {
        if (entries.length >= limit) break;
        scanned++;
        if (matches(letter)) entries.push(entryOf(letter));
      }
      if (entries.length >= limit) stop('limit');
      progress.update(scanned);
    },
    { signal: untilInterrupted() },
  );
  progress.end();
  if (trouble) throw new Error(sentence(trouble));
  return { entries, scanned, ...ended, groups: groupsOf(entries) };
};

/** Letters that are there and could not be looked at, in a sentence. */
export const hiddenElsewhere = ({ stopped, remaining, scanned }: Awaited<ReturnType<typeof collect>>) => {
  const hidden = stopped === 'done' ? remaining - scanned : 0;
  if (hidden <= 0) return undefined;
  return `About ${count(hidden, 'more dead letter')} came meanwhile, or ${hidden === 1 ? 'is' : 'are'} hidden by another run or one that was killed: those come back within 15 minutes.`;
};
