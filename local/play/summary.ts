import type { Narrator } from './narrator.ts';
import type { Receipt } from './receipts.ts';
import type { Row } from './screen.ts';

/** A receipt that was sent. */
export type Sent = Receipt & { id: string };

interface Facts {
  sent: Sent[];
  narrator: Pick<Narrator, 'ends' | 'delays' | 'counts'>;
  /** Receipts still in the queue, and the codes of the dead letters in theirs. */
  waiting: number;
  deadLetterCodes: string[];
  /** Marks and log-ins as Huawei counted them. */
  marks: number;
  logIns: number;
  /** Unread messages of all cases at Huawei, before the first receipt and after the last. */
  unreadBefore: number;
  unreadAfter: number;
  /** Messages that were marked as read before anyone had read them. */
  hidden: number;
}

const codesOf = (ends: Iterable<string>): string => {
  const counts = Map.groupBy(ends, end => end);
  const codes = [...counts].filter(([end]) => end !== 'marked' && end !== 'superseded');
  return codes
    .map(([code, { length }]) => `${code} ${length}`)
    .sort()
    .join(', ');
};

/** What the function said is held against what the acts expect, what is in the queues, and what Huawei counted. */
export const summarize = (facts: Facts): Row[] => {
  const { sent, marks, logIns } = facts;
  const { ends, delays, counts } = facts.narrator;
  const haveEnded = (how: string) => [...ends.values()].filter(end => end === how).length;
  const shouldEnd = (how: string) => sent.filter(({ end }) => end === how).length;
  /** They are repaired and sent again, which makes them new messages. */
  const replayed = shouldEnd('forbidden');
  const left = sent.filter(({ end }) => end !== 'forbidden').map(({ end }) => end);
  const strays = sent.filter(({ id, end }) => ends.get(id) !== end);
  const ended = ({ id, who, why }: Sent) => `${who} (${why}): ${ends.get(id) ?? 'nowhere'}`;
  return [
    ['Receipts sent', sent.length],
    ['Ended otherwise', strays.map(ended).join('; ') || 'none', 'none'],
    ['Marked', haveEnded('marked'), shouldEnd('marked') + replayed, `${replayed} after repair and replay`],
    [
      'Superseded',
      haveEnded('superseded'),
      shouldEnd('superseded'),
      'late, with newer messages: left unread',
    ],
    ['Calls saved', counts.coalesced, haveEnded('marked') - marks, `by coalescing: ${marks} marks at Huawei`],
    ['Came back', delays.size, undefined, 'after the rate limit and the outages'],
    ['Dead letters made', codesOf(ends.values()), codesOf(sent.map(({ end }) => end))],
    ['Dead letters left', codesOf(facts.deadLetterCodes), codesOf(left)],
    ['In the queue', facts.waiting, 0],
    ['Breaker', counts.breakerOpened > 0 ? 'opened' : 'never opened', 'opened', 'in the outage'],
    ['Log-ins', counts.logIns, logIns, 'as IAM counted; the token was ended once'],
    ['Unread before', facts.unreadBefore, undefined, 'at Huawei'],
    ['Unread after', facts.unreadAfter, 0],
    ['Hidden unread', facts.hidden, 0, 'marked as read before anyone had read it'],
  ];
};
