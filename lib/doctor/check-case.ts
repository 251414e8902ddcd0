import type { Config } from '../config.ts';
import type { Timing } from '../huawei/http.ts';
import type { Zone } from '../huawei/message-time.ts';
import type { Look, Looked, Message } from '../huawei/messages.ts';
import type { CountUnread } from '../huawei/read-only.ts';

interface Dependencies {
  look: Look;
  countUnread: CountUnread;
  /** What the relay decides for a late mark with this bound (lib/relay/late.ts). */
  decide: (looked: List, bound: number, now: number) => Decided;
  config: Pick<Config, 'lateReceipts' | 'lateAfterSeconds'>;
}

interface Decided {
  verdict: string;
  why?: string;
  newer?: number;
}
type List = Extract<Looked, { kind: 'messages' }>;

/** How a late receipt's look at a case is read, or why it could not be: no text of a message is in it. */
export type CaseCheck = Awaited<ReturnType<ReturnType<typeof createCheckCase>>>;

/** An hour from the zone that looks ask for: times without offset have to follow it. */
const OTHER_ZONE: Zone = { name: 'GMT+9', aheadMinutes: 540 };
const SHOWN = 3;
/** The second page of a look overlaps the first, so that only the first shows the order. */
const FIRST_PAGE = 100;

const HOUR_MS = 3_600_000;
const READ_BEFORE: [string, ms: number][] = [
  ['now', 0],
  ['an hour ago', HOUR_MS],
  ['a day ago', 24 * HOUR_MS],
];

const iso = (ms: number) => new Date(ms).toISOString();

/** Times that cannot be read come first: they are what a person has to see. */
const newestOf = (messages: Message[]): Message[] =>
  messages
    .toSorted((a, b) => (b.writtenAt ?? Number.POSITIVE_INFINITY) - (a.writtenAt ?? Number.POSITIVE_INFINITY))
    .slice(0, SHOWN);

const orderOf = (messages: Message[]) => {
  const times = messages.flatMap(({ writtenAt }) => writtenAt ?? []);
  const goes = (by: (a: number, b: number) => boolean) =>
    times.every((time, i) => i === 0 || by(times[i - 1] as number, time));
  const [rises, falls] = [goes((a, b) => a <= b), goes((a, b) => a >= b)];
  if (rises === falls) return rises ? 'unknown' : 'mixed';
  return rises ? 'oldest first' : 'newest first';
};

const notRead = (case_id: string, looked: Exclude<Looked, { kind: 'messages' }>) => {
  const failed = { case_id, status: 'failed' } as const;
  switch (looked.kind) {
    case 'trouble': {
      const todo = 'Run the check-up without a case; it says more.';
      return { ...failed, says: looked.failure.detail, todo };
    }
    case 'unfinished':
      return { ...failed, says: 'there was no time for a call', todo: 'Try again.' };
    case 'unreadable': {
      const todo =
        "Late receipts of this case are marked as they are (LateUnchecked). Check the case's id, its group, and that our user may list messages (Ticket Administrator or Ticket Group Operator).";
      return { ...failed, says: looked.detail, todo };
    }
    default:
      return looked satisfies never;
  }
};

/** The newest times, asked for in another zone: whether their texts move, and whether they mean the same. */
const compare = (newest: Message[], other: Looked) => {
  const asked = OTHER_ZONE.name;
  if (other.kind !== 'messages') return { asked, says: 'the list could not be read in another zone' };
  const texts = new Set(other.messages.map(({ sentAs }) => sentAs));
  const times = new Set(other.messages.map(({ writtenAt }) => writtenAt));
  return {
    asked,
    moves: newest.some(({ sentAs }) => !texts.has(sentAs)),
    same_times: newest.every(({ writtenAt }) => times.has(writtenAt)),
  };
};

/**
 * Shows how the look at a case is read, so that a person with a real account sees whether times, zone and order
 * are read rightly. It marks nothing.
 */
export const createCheckCase =
  ({ look, countUnread, decide, config: { lateReceipts, lateAfterSeconds } }: Dependencies) =>
  async (of: { case_id: string; group_id?: string }) => {
    const timing: Timing = { signal: new AbortController().signal };
    const { case_id } = of;
    const looked = await look(of, timing);
    if (looked.kind !== 'messages') return notRead(case_id, looked);
    const now = Date.now();
    const other = await look(of, timing, OTHER_ZONE);
    const unread = await countUnread(of, timing);
    const { messages, count, missing } = looked;
    const newest = newestOf(messages);
    const ofOthers = messages.filter(({ isOwn }) => !isOwn).length;

    return {
      case_id,
      status: 'ok' as const,
      late_receipts: lateReceipts,
      /** By the server's count, and how many of them the list holds; why the rest is missing. */
      messages: count,
      listed: Math.min(count, messages.length),
      ...(missing && { missing }),
      order: orderOf(messages.slice(0, FIRST_PAGE)),
      /** The time as it was sent, and the last moment that it may mean, absent where it is none. */
      newest: newest.map(({ sentAs, writtenAt, isOwn }) => ({
        sent: sentAs,
        ...(writtenAt !== undefined && { understood: iso(writtenAt) }),
        own: isOwn,
      })),
      other_zone: compare(newest, other),
      /** By ListUnreadNewInstantMessages, absent where it does not say; whether the list holds so many. */
      unread: {
        ...(unread !== undefined && { count: unread, all_listed: ofOthers >= unread }),
        listed: Math.min(count, ofOthers),
      },
      /** What would become of a receipt of someone who read then; a fresh one is marked without a look. */
      decisions: READ_BEFORE.map(([read, ms]) => {
        const bound = now - ms;
        const isLate = lateReceipts !== 'mark' && ms > lateAfterSeconds * 1000;
        const { newer, ...decided }: Decided = isLate ? decide(looked, bound, now) : { verdict: 'mark' };
        const at = newer === undefined ? {} : { newer: iso(newer) };
        return { read, read_at: iso(bound), looked_at: isLate, ...decided, ...at };
      }),
    };
  };
