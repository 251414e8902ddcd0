import { MOST_ENTRIES } from '../sqs/calls.ts';
import { explain, type SqsError } from '../sqs/errors.ts';
import type { Received } from '../sqs/message.ts';
import { type Queue, type Result, WAIT_SECONDS } from '../sqs/queue.ts';
import { type Letter, letterOf } from './dead-letter.ts';

/** Why a scan ended. */
export const reasonsToStop = ['done', 'limit', 'scan_limit', 'deadline', 'interrupted'] as const;
export type Stopped = (typeof reasonsToStop)[number];

/** Longer than most scans; after a kill the letters come back by themselves that soon. */
const HIDDEN_SECONDS = 900;
const MOST_HELD = 100_000;
/** SQS hides no more of a queue at once; another scan may run, and a long poll that finds nothing says nothing. */
const MOST_HIDDEN = 120_000;
/** Receives under way at once. */
const LANES = 10;
/** Clocks differ, and a Date header has whole seconds. */
const CLOCK_MS = 2_000;
/**
 * A long poll may end in vain though letters are there, and a count may be old: a lane ends after so many in a row, one
 * fewer where SQS counts none.
 */
const VAIN_POLLS = 3;
/** Time kept to show letters again: a quarter of what there is, at most this, enough for all that may be held. */
const SETTLE_MS = 30_000;

export interface Options {
  /** A person's Ctrl-C: what is under way is finished, nothing more begun. */
  signal?: AbortSignal | undefined;
  /** Until whoever runs this is stopped from outside. */
  remainingMs?: number | undefined;
}

export interface Controls {
  /** Removes letters for good; answers letter by letter. */
  remove: (letters: Letter[]) => Promise<Result[]>;
  /** Ends the scan; with `trouble`, in words, where something is wrong for every letter. */
  stop: (why: Stopped, trouble?: string) => void;
  /** Nothing more may be begun: the time is up, or a person has interrupted it. */
  halted: AbortSignal;
}

export interface Scanned {
  stopped: Stopped;
  /** What the queue still holds, as far as SQS knows. */
  remaining: number;
  /** For people: what went wrong for good. */
  trouble?: string;
}

/**
 * Visits every letter that was in the queue when it began, each once, up to ten together as they were received.
 * What it has received stays hidden from others until it ends; what was not removed is visible again then, whatever
 * was thrown meanwhile.
 *
 * @param visit looks at letters or deals with them; up to ten visits run at once
 * @throws what `visit` throws
 */
export const scan = async (
  queue: Queue,
  visit: (letters: Letter[], controls: Controls) => Promise<void> | void,
  { signal, remainingMs = Number.POSITIVE_INFINITY }: Options = {},
): Promise<Scanned> => {
  const start = performance.now();
  const leftMs = () => remainingMs - (performance.now() - start);
  const settleMs = Math.min(SETTLE_MS, remainingMs / 4);
  const halt = new AbortController();
  /** The latest receipt handle of all that was received and not removed, by message id. */
  const held = new Map<string, string>();
  const removed = new Set<string>();
  let stopped: Stopped | undefined;
  let trouble: string | undefined;
  let cutOff = Number.NEGATIVE_INFINITY;

  /** Overrules other reasons: what was chosen is not dealt with either. */
  const haltFor = (why: Stopped) => {
    if (!halt.signal.aborted) stopped = why;
    halt.abort();
  };
  const stop = (why: Stopped, words?: string) => {
    trouble ??= words;
    if (words === undefined) stopped ??= why;
    else haltFor(why);
  };
  const fail = (error: SqsError) => stop('interrupted', explain(error, queue.url));
  const show = (handles: string[], until?: AbortSignal) =>
    queue.hide(
      handles.map(receiptHandle => ({ receiptHandle, seconds: 0 })),
      until,
    );

  const remove = async (letters: Pick<Received, 'messageId' | 'receiptHandle'>[]) => {
    const results = await queue.remove(
      letters.map(({ messageId, receiptHandle }) => ({
        receiptHandle: held.get(messageId) ?? receiptHandle,
      })),
    );
    for (const [index, { messageId }] of letters.entries()) {
      if (results[index]?.error) continue;
      held.delete(messageId);
      removed.add(messageId);
    }
    return results;
  };

  /** Those that are new to this scan. SQS may deliver twice: a removed one once more, a held one with another handle. */
  const take = async (messages: Received[]): Promise<Received[]> => {
    const fresh: Received[] = [];
    const again: Received[] = [];
    const excess: string[] = [];
    for (const message of messages) {
      const { messageId, receiptHandle } = message;
      if (removed.has(messageId)) again.push(message);
      else if (!held.has(messageId) && held.size >= MOST_HELD) excess.push(receiptHandle);
      else {
        if (!held.has(messageId)) fresh.push(message);
        held.set(messageId, receiptHandle);
      }
    }
    if (excess.length > 0) stop('scan_limit');
    if (excess.length > 0) await show(excess);
    if (again.length > 0) await remove(again);
    return fresh;
  };

  /** Receives and visits until its polls end in vain. */
  const lane = async () => {
    let vain = 0;
    while (!stopped) {
      if (leftMs() < settleMs + WAIT_SECONDS * 1000) return stop('deadline');
      const pollEndsAt = performance.now() + WAIT_SECONDS * 1000;
      const answer = await queue.receive(HIDDEN_SECONDS);
      if ('error' in answer) return fail(answer.error);
      const { messages } = answer;
      const letters = (await take(messages)).filter(({ sentAt }) => !(sentAt > cutOff)).map(letterOf);
      // Of newcomers a full answer says that more may be behind them; a few of them come all the time.
      if (letters.length > 0 || messages.length === MOST_ENTRIES) {
        vain = 0;
        if (!stopped) await visit(letters, { remove, stop, halted: halt.signal });
        continue;
      }
      if (++vain === VAIN_POLLS) return;
      // Some servers do not wait though asked to.
      const restMs = messages.length > 0 ? 0 : Math.max(0, pollEndsAt - performance.now());
      await new Promise<void>(resolve => setTimeout(resolve, restMs));
      if (vain < VAIN_POLLS - 1) continue;
      const depth = await queue.depth();
      if (!('error' in depth) && depth.visible === 0) return;
    }
  };

  const interrupt = () => haltFor('interrupted');
  signal?.addEventListener('abort', interrupt);
  if (signal?.aborted) interrupt();
  const timer = Number.isFinite(remainingMs)
    ? setTimeout(() => haltFor('deadline'), leftMs() - settleMs)
    : undefined;
  const begun = await queue.depth();
  if ('error' in begun) fail(begun.error);
  else cutOff = Math.max(Date.now(), begun.serverTime ?? 0) + CLOCK_MS;
  // Where one lane throws, all end before anything is shown again.
  const guarded = () =>
    lane().catch(error => {
      haltFor('interrupted');
      throw error;
    });
  const lanes = await Promise.allSettled(Array.from({ length: LANES }, guarded));
  clearTimeout(timer);
  signal?.removeEventListener('abort', interrupt);
  const { visible, hidden, delayed } = { visible: 0, hidden: 0, delayed: 0, ...(await queue.depth()) };
  // A tenth is left for our own answer.
  const showMs = Math.max(0, Math.floor(leftMs() * 0.9));
  await show([...held.values()], Number.isFinite(showMs) ? AbortSignal.timeout(showMs) : undefined);
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
  return {
    stopped: stopped ?? (hidden >= MOST_HIDDEN ? 'scan_limit' : 'done'),
    remaining: Math.max(visible + hidden + delayed, held.size),
    ...(trouble && { trouble }),
  };
};
