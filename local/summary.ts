import type { Environment } from './environment.ts';
import type { Narrator } from './narrator.ts';
import type { Wish } from './scenario.ts';
import { count } from './screen.ts';

/** A receipt that was sent. */
export type Sent = Wish & { id: string };

interface Facts {
  sent: Sent[];
  /** Dead letters that were repaired and sent again, which makes them new messages. */
  replayed: number;
  narrator: Narrator;
  environment: Pick<Environment, 'huawei' | 'inspect'>;
  /** Unread messages at Huawei by case, before the first receipt. */
  before: Map<string, number>;
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
export const summarize = ({ sent, replayed, narrator, environment: { huawei, inspect }, before }: Facts) => {
  const { ends, counts } = narrator;
  const { receipts, deadLetters } = inspect();
  const codesInQueue = tally(
    [...deadLetters.ready, ...deadLetters.inflight.map(({ message }) => message)].map(
      ({ messageAttributes }) => messageAttributes.failure_code?.StringValue ?? 'unknown',
    ),
  );
  const made = tally([...ends.values()].filter(end => end !== 'marked'));
  const waiting = receipts.ready.length + receipts.delayed.length + receipts.inflight.length;
  const dead = sum(codesInQueue.values());
  const after = new Map([...before.keys()].map(caseId => [caseId, huawei.osm.unread(caseId) ?? 0]));
  const unreadAfter = sum(after.values());
  const saved = counts.marked - huawei.osm.marks;
  const messages = sent.length + replayed;

  const problems = sent
    .filter(({ id, end }) => ends.get(id) !== end)
    .map(
      ({ id, who, why, end }) =>
        `${who} (${why}) should have ended ${end}, not ${ends.get(id) ?? 'nowhere'}.`,
    );
  const expect = (holds: boolean, otherwise: string) => void (holds || problems.push(otherwise));
  expect(waiting === 0, `${count(waiting, 'receipt')} should not be in the queue any more.`);
  expect(
    counts.marked + sum(made.values()) === messages,
    `${messages} messages were sent, but ${counts.marked} marked and ${sum(made.values())} dead-lettered.`,
  );
  expect(
    dead === sum(made.values()) - replayed,
    `${dead} dead letters are in the queue, not ${sum(made.values())} made less ${replayed} replayed.`,
  );
  expect(
    saved === counts.coalesced && saved > 0,
    `Huawei counted ${huawei.osm.marks} marks for ${counts.marked} marked receipts, but the relay says that coalescing saved ${counts.coalesced} calls.`,
  );
  expect(
    unreadAfter === 0,
    `These cases should have no unread messages: ${list(new Map([...after].filter(([, unread]) => unread > 0)))}.`,
  );
  expect(counts.breakerOpened > 0, 'The breaker should have opened during the outage.');
  expect(
    counts.logIns === huawei.iam.logIns && counts.logIns > 1,
    `The relay says that it logged in ${counts.logIns} times, IAM ${huawei.iam.logIns} times, and twice is the least.`,
  );

  const rows: Row[] = [
    ['Receipts sent', sent.length, ''],
    ['Marked', counts.marked, replayed > 0 ? `${replayed} of them after repair and replay` : ''],
    ['Calls saved by coalescing', saved, `${count(huawei.osm.marks, 'mark')} at Huawei for all of them`],
    ['Came back for another try', narrator.delays.size, 'rate limit and outage'],
    ['Dead letters made', sum(made.values()), list(made)],
    ['Dead letters left', dead, list(codesInQueue)],
    ['Log-ins at IAM', counts.logIns, 'the token was ended once'],
    ['Unread at Huawei, before', sum(before.values()), `in ${before.size} cases`],
    ['Unread at Huawei, after', unreadAfter, ''],
  ];
  return { rows, problems };
};
