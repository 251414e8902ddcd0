import type { SQSRecord } from 'aws-lambda';
import { backoffSeconds } from './backoff.ts';
import { deadLetterOf } from './dead-letter.ts';
import { type Failure, type Outcome, route } from './failure.ts';
import type { Mark } from './mark.ts';
import { messageOf } from './message.ts';
import type { Queue } from './queue.ts';

/** One record's story. */
export interface Entry {
  record: SQSRecord;
  mark?: Mark;
  /** When the person read, in milliseconds. */
  readAt?: number;
  /** Absent where our own code failed. */
  outcome?: Outcome;
  durationMs?: number;
  /** Only `marked` and `dead_lettered` are acknowledged. */
  fate: 'marked' | 'dead_lettered' | 'delayed' | 'left';
  /** Why the record is left as it is. */
  reason?: string;
}
type Failed = Entry & { outcome: Failure };

interface Dependencies {
  source: Pick<Queue, 'hide'>;
  deadLetters: Pick<Queue, 'send'>;
  limits: { maxAttempts: number; maxAgeSeconds: number };
}

export const receivesOf = ({ attributes }: SQSRecord) => Number(attributes.ApproximateReceiveCount);
const firstReceivedAt = ({ attributes }: SQSRecord) => Number(attributes.ApproximateFirstReceiveTimestamp);

/**
 * Gives every entry its fate. What failed for good becomes a dead letter, acknowledged only when SQS has
 * confirmed it; what failed for now is hidden for its back-off; any failure on the way leaves the record to
 * the queue.
 */
export const createSettle = ({ source, deadLetters, limits }: Dependencies) => {
  const bury = async (entries: Failed[], signal: AbortSignal) => {
    const now = new Date();
    const letters = entries.map(({ record, outcome }) =>
      deadLetterOf(messageOf(record), outcome, {
        attempts: receivesOf(record),
        firstReceivedAt: new Date(firstReceivedAt(record)),
        deadLetteredAt: now,
        sourceMessageId: record.messageId,
      }),
    );
    const refusals = letters.length > 0 ? await deadLetters.send(letters, signal) : [];
    for (const [index, entry] of entries.entries()) {
      const refusal = refusals[index];
      Object.assign(
        entry,
        refusal ? { reason: `the dead letter was not taken: ${refusal}` } : { fate: 'dead_lettered' },
      );
    }
  };

  const delay = async (entries: Failed[], signal: AbortSignal) => {
    const items = entries.map(({ record, outcome }) => ({
      receiptHandle: record.receiptHandle,
      seconds: backoffSeconds(receivesOf(record), outcome.retryAfterSeconds),
    }));
    const refusals = items.length > 0 ? await source.hide(items, signal) : [];
    for (const [index, entry] of entries.entries()) {
      const refusal = refusals[index];
      Object.assign(
        entry,
        refusal ? { reason: `the back-off was not taken: ${refusal}` } : { fate: 'delayed' },
      );
    }
  };

  return async (entries: Entry[], forMs: number) => {
    const signal = AbortSignal.timeout(Math.max(0, forMs));
    const now = Date.now();
    const dead: Failed[] = [];
    const delayed: Failed[] = [];
    for (const entry of entries) {
      const { record, outcome } = entry;
      if (outcome?.code === 'marked') entry.fate = 'marked';
      else if (outcome && outcome.code !== 'unfinished') {
        const message = { receives: receivesOf(record), firstReceivedAt: firstReceivedAt(record) };
        const way = route(outcome, message, limits, now);
        (way === 'dead_letter' ? dead : delayed).push(entry as Failed);
      }
    }
    await Promise.all([bury(dead, signal), delay(delayed, signal)]);
  };
};
