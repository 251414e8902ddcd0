import type { Letter } from '../dead-letters/dead-letter.ts';
import { createMatch } from '../dead-letters/request.ts';
import { type Controls, scan } from '../dead-letters/scan.ts';
import { caseIdIn } from '../receipt/receipt.ts';
import type { Queue } from '../sqs/queue.ts';
import { checkedRequest, type Options } from './options.ts';
import { countVisible } from './queues.ts';
import { ago, createProgress, number, table, untilInterrupted } from './screen.ts';

/** A letter as --json lists it. */
export const entryOf = ({ messageId, code, failure, message, deadLetteredAt, replays }: Letter) => ({
  message_id: messageId,
  code,
  detail: failure?.detail,
  case_id: caseIdIn(message.body),
  dead_lettered_at: new Date(deadLetteredAt).toISOString(),
  replays,
});
type Entry = ReturnType<typeof entryOf>;

/** By code, most first: how many, the oldest, and the reason that is given most often. */
const groupsOf = (entries: Entry[]) =>
  [...Map.groupBy(entries, ({ code }) => code)]
    .map(([code, some]) => {
      const details = [...Map.groupBy(some, ({ detail }) => detail)].sort(
        (a, b) => b[1].length - a[1].length,
      );
      const oldest = some.reduce((a, b) =>
        a.dead_lettered_at < b.dead_lettered_at ? a : b,
      ).dead_lettered_at;
      const detail = details[0]?.[0];
      return { code, count: some.length, oldest_dead_lettered_at: oldest, detail, reasons: details.length };
    })
    .sort((a, b) => b.count - a.count);

/** Collects what a filter asks for and leaves it all in the queue. */
export const collect = async (deadLetters: Queue, options: Options, most = Number.POSITIVE_INFINITY) => {
  const { filter = {}, limit = most } = checkedRequest(options);
  const matches = createMatch(filter);
  const total = options.json ? 0 : await countVisible(deadLetters);
  const progress = createProgress('Looked at', total, options.json ?? false);
  const entries: Entry[] = [];
  let scanned = 0;
  const look = (letters: Letter[], { stop }: Controls) => {
    for (const letter of letters) {
      if (entries.length >= limit) break;
      progress.update(++scanned);
      if (matches(letter)) entries.push(entryOf(letter));
    }
    if (entries.length >= limit) stop('limit');
  };
  const { trouble, ...swept } = await scan(deadLetters, look, { signal: untilInterrupted() });
  progress.end();
  if (trouble) throw new Error(trouble);
  return { entries, scanned, ...swept, groups: groupsOf(entries) };
};

/** Letters that are there and could not be looked at, in a sentence. */
export const heldElsewhere = ({ stopped, remaining, scanned }: Awaited<ReturnType<typeof collect>>) => {
  const held = stopped === 'done' ? remaining - scanned : 0;
  if (held <= 0) return undefined;
  return `About ${number(held)} more are new, or hidden by another run or one that was killed: those come back within 15 minutes.`;
};

export const groupTable = (groups: ReturnType<typeof groupsOf>) =>
  table(
    ['CODE', 'COUNT', 'OLDEST', 'WHY'],
    groups.map(group => [
      group.code,
      number(group.count),
      ago(Date.parse(group.oldest_dead_lettered_at)),
      `${group.detail ?? '(nobody wrote it down)'}${group.reasons > 1 ? ` (and ${group.reasons - 1} other reasons)` : ''}`,
    ]),
  );
