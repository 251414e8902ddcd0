import { count } from '../../lib/cli/screen/text.ts';
import type { Narrator } from './narrator.ts';
import type { Receipt } from './scenario.ts';

/** A receipt that was sent. */
export type Sent = Receipt & { id: string };

interface Facts {
  sent: Sent[];
  /** Dead letters that were repaired and sent again, which makes them new messages. */
  replayed: number;
  narrator: Pick<Narrator, 'ends' | 'delays' | 'counts'>;
  /** Receipts still in the queue, and the codes of the dead letters in theirs. */
  waiting: number;
  deadLetterCodes: string[];
  /** Marks and log-ins as Huawei counted them. */
  marks: number;
  logIns: number;
  /** Unread messages at Huawei by case, before the first receipt and after the last. */
  before: Map<string, number>;
  after: Map<string, number>;
  /** Messages that were marked as read before anyone had read them. */
  hidden: number;
}
type Row = [name: string, value: string | number, remark?: string];

const tally = (values: Iterable<string>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};
const list = (counts: Map<string, number>) =>
  Array.from(counts, ([code, number]) => `${code} ${number}`).join(', ') || 'none';
const sum = (numbers: Iterable<number>) => Array.from(numbers).reduce((total, number) => total + number, 0);

/**
 * The numbers of the play, and every way in which they do not add up: what the function said is held against
 * what the scenario expects, what is in the queues, and what Huawei counted.
 */
export const summarize = (facts: Facts) => {
  const { sent, replayed, waiting, marks, logIns, before, after, hidden } = facts;
  const { ends, delays, counts } = facts.narrator;
  const made = tally([...ends.values()].filter(end => end !== 'marked' && end !== 'superseded'));
  const left = tally(facts.deadLetterCodes);
  const died = sum(made.values());
  const dead = sum(left.values());
  const unreadAfter = sum(after.values());
  const saved = counts.marked - marks;

  const problems = sent
    .filter(({ id, end }) => ends.get(id) !== end)
    .map(
      ({ id, who, why, end }) =>
        `${who} (${why}) should have ended ${end}, not ${ends.get(id) ?? 'nowhere'}.`,
    );
  const expect = (holds: boolean, otherwise: string) => void (holds || problems.push(otherwise));
  expect(waiting === 0, `The queue should be empty, but it still holds ${count(waiting, 'receipt')}.`);
  expect(
    counts.marked + counts.superseded + died === sent.length + replayed,
    `${sent.length} receipts were sent and ${replayed} replayed, but ${counts.marked} marked, ${counts.superseded} superseded and ${died} dead-lettered.`,
  );
  expect(
    dead === died - replayed,
    `${dead} dead letters are in their queue, not ${died} made less ${replayed} replayed.`,
  );
  expect(
    saved === counts.coalesced && saved > 0,
    `Huawei counted ${count(marks, 'mark')} for ${counts.marked} marked receipts, but the relay says that coalescing saved ${count(counts.coalesced, 'call')}.`,
  );
  expect(
    unreadAfter === 0,
    `These cases should have no unread messages: ${list(new Map([...after].filter(([, unread]) => unread > 0)))}.`,
  );
  expect(hidden === 0, `${count(hidden, 'message')} should not have been marked: nobody had read it.`);
  expect(counts.breakerOpened > 0, 'The breaker should have opened during the outage.');
  expect(
    counts.logIns === logIns && logIns > 1,
    `The relay says that it logged in ${counts.logIns} times, IAM ${logIns} times, and twice is the least.`,
  );

  const rows: Row[] = [
    ['Receipts sent', sent.length],
    ['Marked', counts.marked, replayed > 0 ? `${replayed} of them after repair and replay` : ''],
    ['Superseded', counts.superseded, 'late, with newer messages: left unread'],
    ['Calls saved', saved, `by coalescing: ${count(marks, 'mark')} at Huawei for ${counts.marked} receipts`],
    ['Came back', delays.size, 'after the rate limit and the outages'],
    ['Dead letters made', died, list(made)],
    ['Dead letters left', dead, list(left)],
    ['Log-ins', logIns, 'at IAM; the token was ended once'],
    ['Unread before', sum(before.values()), `at Huawei, in ${before.size} cases`],
    ['Unread after', unreadAfter],
    ['Hidden unread', hidden, 'marked as read before anyone had read it'],
  ];
  return { rows, problems };
};
