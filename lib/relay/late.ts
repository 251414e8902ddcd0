import type { SQSRecord } from 'aws-lambda';
import type { Config } from '../config.ts';
import { firstSentAt } from '../dead-letters/dead-letter.ts';
import { type Marked, type Outcome, type Stopped, unfinished, untried } from '../failure.ts';
import type { Timing } from '../huawei/http.ts';
import type { Mark } from '../huawei/mark-as-read.ts';
import { type Look, type Looked, MOST_SEEN } from '../huawei/messages.ts';
import type { Parsed } from '../receipt/receipt.ts';
import { messageOf } from '../sqs/message.ts';

/** A desk's clock may be wrong, not by a month. */
const READ_BEFORE_SENT_MOST_MS = 30 * 86_400_000;
/** Clocks differ; more than this is a zone that was misread. */
const AHEAD_MOST_MS = 5 * 60_000;
/** A list that is down is not asked for each late mark. */
const TROUBLES_TO_PAUSE = 5;
const PAUSE_MS = 30_000;

const NEVER_LATE = Number.POSITIVE_INFINITY;

/** When a receipt was first sent, in milliseconds, whatever it went through since; infinite where nothing tells. */
export const sentAtOf = (record: SQSRecord, now: number): number => {
  const sentAt = Number(record.attributes?.SentTimestamp) || NEVER_LATE;
  const { sent_at, failure } = record.messageAttributes ?? {};
  // Hardly any receipt carries either, and reading them costs more than the rest of its times.
  if (!sent_at && !failure) return sentAt;
  return firstSentAt(messageOf(record), sentAt, now) ?? NEVER_LATE;
};

/** What a receipt reaches up to, in milliseconds: what was written later, its reader has not seen. */
export const boundOf = (
  { readAt, at = NEVER_LATE }: Pick<Parsed, 'readAt' | 'at'>,
  sentAt: number,
): number => {
  const sent = Math.min(sentAt, at);
  const isBelieved = readAt !== undefined && sent - readAt <= READ_BEFORE_SENT_MOST_MS;
  return isBelieved ? Math.min(readAt, sent) : sent;
};

export type Verdict =
  | { verdict: 'mark' }
  /** @param newer when the newest message of the other side was written, in milliseconds */
  | { verdict: 'superseded'; newer: number }
  /** It is marked, as the API alone would. */
  | { verdict: 'unchecked'; why: string };

/**
 * What is to be done with a late mark, by the messages of its case. A message that was surely written after the
 * bound decides, whatever else cannot be read: a case left unread heals with the next reader, a hidden message
 * never does.
 *
 * @param bound what the receipt reaches up to, in milliseconds
 */
export const decide = (
  looked: Extract<Looked, { kind: 'messages' | 'unreadable' }>,
  bound: number,
  now: number,
): Verdict => {
  if (looked.kind === 'unreadable') return { verdict: 'unchecked', why: looked.detail };
  const { messages, count, missing } = looked;
  let newer = Number.NEGATIVE_INFINITY;
  let why = missing;
  if (messages.length < Math.min(count, MOST_SEEN))
    why ??= `the list has ${messages.length} of ${count} messages`;
  for (const { isOwn, writtenAt } of messages) {
    if (writtenAt === undefined) why ??= 'a time cannot be read';
    else if (writtenAt > now + AHEAD_MOST_MS) why ??= 'a message is of the future: the zone was misread';
    else if (!isOwn && writtenAt > bound) newer = Math.max(newer, writtenAt);
  }
  if (newer > bound) return { verdict: 'superseded', newer };
  return why === undefined ? { verdict: 'mark' } : { verdict: 'unchecked', why };
};

interface Dependencies {
  mark: (mark: Mark, timing: Timing) => Promise<Outcome>;
  look: Look;
  config: Pick<Config, 'lateReceipts' | 'lateAfterSeconds'>;
}

/**
 * Marks, and looks first where the receipt is late: where the other side has written since, nothing is marked.
 * Looks that meet trouble again and again pause; what is late waits for them in the queue.
 */
export const createLate = ({ mark, look, config: { lateReceipts, lateAfterSeconds } }: Dependencies) => {
  const isShadow = lateReceipts === 'shadow';
  let troubles = 0;
  let paused: Stopped | undefined;

  const lookUnlessPaused = async (of: Mark, timing: Timing): Promise<Looked> => {
    if (paused && Date.now() - paused.at < PAUSE_MS)
      return { kind: 'trouble', failure: untried('not looked at, as other looks failed', paused) };
    const looked = await look(of, timing);
    if (looked.kind === 'unfinished') return looked;
    if (looked.kind !== 'trouble') troubles = 0;
    else if (++troubles >= TROUBLES_TO_PAUSE) {
      troubles = 0;
      paused = { cause: looked.failure, at: Date.now() };
    }
    return looked;
  };

  /** Marks what was looked at, at once: who writes between the two is not seen. */
  const markAfter = async (of: Mark, timing: Timing, seen: Pick<Marked, 'unchecked' | 'shadow'> = {}) => {
    const outcome = await mark(of, { ...timing, inHaste: true });
    return outcome.code === 'marked' ? { ...outcome, ...seen } : outcome;
  };

  /** A mark with this bound that starts later has to be looked at first; in milliseconds epoch. */
  const startByOf = (bound: number): number =>
    lateReceipts === 'mark' ? Number.POSITIVE_INFINITY : bound + lateAfterSeconds * 1000;
  const isLate = (bound: number): boolean => Date.now() > startByOf(bound);

  return {
    isLate,
    /** Never throws for what Huawei answers; `unfinished` where no call could start in time. */
    async mark(of: Mark, bound: number, timing: Timing): Promise<Outcome> {
      // What comes after the end of time asks nobody for anything, not even for a token.
      if (timing.signal.aborted) return unfinished;
      if (!isLate(bound)) {
        const outcome = await mark(of, { ...timing, startBy: startByOf(bound) });
        // Its turn may come so late that it has to be looked at first.
        if (outcome.code !== 'unfinished' || timing.signal.aborted || !isLate(bound)) return outcome;
      }
      const looked = await lookUnlessPaused(of, timing);
      if (looked.kind === 'trouble' || looked.kind === 'unfinished') {
        if (isShadow) return mark(of, timing);
        return looked.kind === 'trouble' ? { ...looked.failure, unsent: true } : unfinished;
      }
      const decided = decide(looked, bound, Date.now());
      switch (decided.verdict) {
        case 'mark':
          return markAfter(of, timing);
        case 'unchecked':
          return markAfter(of, timing, { unchecked: decided.why });
        case 'superseded': {
          const seen = { bound: new Date(bound).toISOString(), newer: new Date(decided.newer).toISOString() };
          return isShadow ? markAfter(of, timing, { shadow: seen }) : { code: 'superseded', ...seen };
        }
        default:
          return decided satisfies never;
      }
    },
  };
};

export type Late = ReturnType<typeof createLate>;
