import type { Letter } from '../../dead-letters/dead-letter.ts';
import { createMatch } from '../../dead-letters/request.ts';
import { scan } from '../../dead-letters/scan.ts';
import { caseIdIn } from '../../receipt/receipt.ts';
import { explain } from '../../sqs/errors.ts';
import type { Queue } from '../../sqs/queue.ts';
import { type Options, requestOf } from '../options.ts';
import { untilInterrupted } from '../screen/ask.ts';
import { table } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { ago, count, number, sentence } from '../screen/text.ts';

/** A letter as --json lists it. */
export const entryOf = ({ messageId, code, failure, message, deadLetteredAt, replays }: Letter) => ({
  message_id: messageId,
  code,
  detail: failure?.detail,
  case_id: caseIdIn(message.body),
  dead_lettered_at: new Date(deadLetteredAt).toISOString(),
  replays,
});
export type Entry = ReturnType<typeof entryOf>;

/** By code, most first: how many, how old, and the reason that is given most often. */
export const groupsOf = (entries: Entry[]) =>
  [...Map.groupBy(entries, ({ code }) => code)]
    .map(([code, some]) => {
      const details = [...Map.groupBy(some, ({ detail }) => detail)].sort(
        (a, b) => b[1].length - a[1].length,
      );
      const times = some.map(entry => entry.dead_lettered_at).sort();
      return {
        code,
        count: some.length,
        oldest_dead_lettered_at: times[0] as string,
        newest_dead_lettered_at: times.at(-1) as string,
        detail: details[0]?.[0],
        reasons: details.length,
      };
    })
    .sort((a, b) => b.count - a.count);
export type Groups = ReturnType<typeof groupsOf>;

const others = (reasons: number) =>
  reasons > 1 ? ` (and ${number(reasons - 1)} other reason${reasons === 2 ? '' : 's'})` : '';

export const groupTable = (groups: Groups) =>
  table(
    ['CODE', 'COUNT', 'OLDEST', 'NEWEST', 'WHY'],
    groups.map(group => [
      group.code,
      number(group.count),
      ago(Date.parse(group.oldest_dead_lettered_at)),
      ago(Date.parse(group.newest_dead_lettered_at)),
      `${group.detail ?? 'nobody wrote it down'}${others(group.reasons)}`,
    ]),
  );

/** How many letters a bar will count up to; none where SQS does not say. */
export const countVisible = async (queue: Queue): Promise<number> => {
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
  const quiet = options.json ?? false;
  const progress = createProgress('Looked at', { total: quiet ? 0 : await countVisible(deadLetters), quiet });
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
