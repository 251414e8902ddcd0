import { setTimeout as delay } from 'node:timers/promises';
import { MOST_ENTRIES } from '../sqs/calls.ts';
import { explain, type SqsError } from '../sqs/errors.ts';
import type { Received } from '../sqs/message.ts';
import type { Queue, Result } from '../sqs/queue.ts';
import { createEmptiness } from './emptiness.ts';
import { createHold } from './hold.ts';
import { type Letter, letterOf } from './letter.ts';
import { createPace } from './pace.ts';

/** Why a sweep ended. */
export type Stopped = 'done' | 'limit' | 'scan_limit' | 'deadline' | 'interrupted';

/** Longer than most sweeps; after a kill the letters come back by themselves that soon. */
const HOLD_SECONDS = 900;
/** A hold older than this may lapse before its message is dealt with. */
const SAFE_HOLD_MS = (HOLD_SECONDS - 60) * 1000;
/** SQS lets 120,000 messages of a queue be hidden at once; another sweep and mark-as-read's net need some too. */
const MOST_HELD = 100_000;
const MOST_HIDDEN = 120_000;
/** Receives under way at once. */
const LANES = 10;
/** A chosen letter waits no longer for others to fill its batch. */
const LINGER_MS = 30_000;
/** After a poll in vain: the other lanes' polls end about now, and asking before would tell nothing new. */
const PAUSE_MS = 20;
/** Time kept to settle: a quarter of what there is, at most this, and something for each letter held. */
const SETTLE_MS = 15_000;
const SHOW_MS = 0.25;
/** Kept for our own answer. */
const ANSWER_MS = 500;

interface Chosen<T> {
  letter: Letter;
  item: T;
  heldAt: number;
}

export interface Plan<T> {
  /** Looks at a letter; what it makes of it is dealt with, and `undefined` leaves it. */
  choose: (letter: Letter) => T | undefined;
  /** Deals with up to ten chosen ones; what it does not remove is shown again in the end. */
  act: (chosen: Chosen<T>[], controls: Controls) => Promise<void>;
  /** Enough has been chosen. */
  isFull?: () => boolean;
  perSecond?: number | undefined;
  /** A person's Ctrl-C: what is under way is finished, nothing more begun. */
  signal?: AbortSignal | undefined;
  /** Until whoever runs this is stopped from outside. */
  remainingMs?: number | undefined;
}

interface Controls {
  remove: (letters: Letter[]) => Promise<Result[]>;
  /** Ends the sweep: something is wrong for every letter. */
  giveUp: (trouble: string) => void;
}

export interface Swept {
  stopped: Stopped;
  /** What the queue still holds. */
  remaining: number;
  /** For people: what went wrong for good. */
  trouble?: string;
}

/**
 * Looks once at every letter that was in the queue before it began, and hides what it has looked at until it ends.
 * What came later is left: by the time it was sent, which SQS keeps when it moves a message, so that whatever a
 * replay sends and sees dead again is newer than the replay.
 */
export const sweep = async <T>(queue: Queue, plan: Plan<T>): Promise<Swept> => {
  const start = performance.now();
  const leftMs = () => (plan.remainingMs ?? Number.POSITIVE_INFINITY) - (performance.now() - start);
  const settleMs = Math.min(SETTLE_MS, leftMs() / 4);
  const halt = new AbortController();
  const pace = createPace(plan.perSecond, halt.signal);
  const batchSize = Math.min(MOST_ENTRIES, plan.perSecond ?? MOST_ENTRIES);
  const held = createHold(queue);
  const isDone = createEmptiness();
  const ready: Chosen<T>[] = [];
  let stopped: Stopped | undefined;
  let trouble: string | undefined;
  let began = 0;
  let expected = 0;
  let seen = 0;

  const stop = (why: Stopped) => {
    const atOnce = why === 'deadline' || why === 'interrupted';
    // What was chosen is still dealt with, unless there is no time: that overrules other reasons.
    if (!stopped || (atOnce && !halt.signal.aborted)) stopped = why;
    if (atOnce) halt.abort();
  };
  const giveUp = (words: string) => {
    trouble ??= words;
    stop('interrupted');
  };
  const fail = (error: SqsError) => giveUp(explain(error, queue.url));
  /** True where the message was here before the sweep began, or was seen before. */
  const take = (received: Received, heldAt: number): boolean => {
    const isFull = held.size >= MOST_HELD;
    const note = held.note(received);
    if (note !== 'new' || received.sentAt > began) return note === 'known';
    seen++;
    if (isFull) stop('scan_limit');
    if (stopped) return true;
    const letter = letterOf(received);
    const item = plan.choose(letter);
    if (item !== undefined) ready.push({ letter, item, heldAt });
    if (plan.isFull?.()) stop('limit');
    return true;
  };

  const look = async () => {
    if (leftMs() < settleMs + held.size * SHOW_MS) return stop('deadline');
    const heldAt = Date.now();
    const answer = await queue.receive(HOLD_SECONDS);
    if ('error' in answer) return fail(answer.error);
    const received = answer.messages;
    const again = received.filter(held.isGone);
    if (again.length > 0) await held.remove(again);
    const fruitful = received.filter(one => take(one, heldAt)).length > 0;
    const isEmpty = received.length === 0;
    if (isDone({ fruitful, isEmpty, tookMs: Date.now() - heldAt, sawAll: seen >= expected })) stop('done');
    else if (isEmpty) await delay(PAUSE_MS);
  };

  const deliver = async () => {
    const places = await pace.take(Math.min(MOST_ENTRIES, ready.length));
    // What was hidden too long ago may be another's by now. It is left.
    const chosen = ready.splice(0, places).filter(({ heldAt }) => Date.now() - heldAt < SAFE_HOLD_MS);
    if (chosen.length < places) pace.giveBack(places - chosen.length);
    // The last ones are taken: no other lane need wait for its turn.
    if (stopped && ready.length === 0) halt.abort();
    if (chosen.length > 0) await plan.act(chosen, { remove: held.remove, giveUp });
    pace.passed(chosen.length);
  };

  const isDue = () =>
    ready.length >= batchSize ||
    (ready.length > 0 && (stopped || Date.now() - (ready[0] as Chosen<T>).heldAt > LINGER_MS));

  const work = async () => {
    for (;;) {
      if (!halt.signal.aborted && isDue()) await deliver();
      else if (stopped) return;
      else await look();
    }
  };
  /** When one lane breaks, all end before anything is shown again. */
  const lane = () =>
    work().catch(error => {
      stop('interrupted');
      throw error;
    });

  const interrupt = () => stop('interrupted');
  plan.signal?.addEventListener('abort', interrupt);
  const timer =
    plan.remainingMs === undefined ? undefined : setTimeout(() => stop('deadline'), leftMs() - settleMs);
  try {
    if (plan.signal?.aborted) interrupt();
    const depth = await queue.depth();
    if ('error' in depth) fail(depth.error);
    else {
      began = Math.max(Date.now(), depth.serverTime ?? 0);
      expected = depth.visible;
    }
    const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
    const settled = await settle(stopped ?? 'done');
    for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
    return { ...settled, ...(trouble && { trouble }) };
  } finally {
    halt.abort();
    clearTimeout(timer);
    plan.signal?.removeEventListener('abort', interrupt);
  }

  async function settle(why: Stopped): Promise<Swept> {
    const timeMs = Math.max(0, Math.floor(leftMs() - ANSWER_MS));
    const signal = Number.isFinite(timeMs) ? AbortSignal.timeout(timeMs) : undefined;
    const depth = await queue.depth();
    await held.showAll(signal);
    const { visible, hidden, delayed } = 'error' in depth ? { visible: 0, hidden: 0, delayed: 0 } : depth;
    return {
      // A long poll says nothing, and finds nothing, where SQS hides as many as it can.
      stopped: why === 'done' && hidden >= MOST_HIDDEN ? 'scan_limit' : why,
      remaining: Math.max(visible + hidden + delayed, held.size),
    };
  }
};
