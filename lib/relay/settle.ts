import type { SQSRecord } from 'aws-lambda';
import { deadLetterOf } from '../dead-letters/dead-letter.ts';
import { type Failure, type Outcome, route } from '../failure.ts';
import type { Mark } from '../huawei/mark-as-read.ts';
import type { Redactor } from '../redact.ts';
import { lineOf } from '../sqs/errors.ts';
import { type Message, messageOf } from '../sqs/message.ts';
import type { Queue, Result } from '../sqs/queue.ts';
import type { Telemetry } from '../telemetry.ts';
import { backoffSeconds } from './backoff.ts';

/** One record's story. */
export interface Entry {
  record: SQSRecord;
  mark?: Mark;
  /** When the person read, in milliseconds. */
  readAt?: number;
  /** Absent where our own code failed. */
  outcome?: Outcome;
  durationMs?: number;
  /** Its back-off. */
  delaySeconds?: number;
  /** Only `marked`, `superseded` and `dead_lettered` are acknowledged. */
  fate: 'marked' | 'superseded' | 'dead_lettered' | 'delayed' | 'left';
  /** Why the record is left as it is. */
  reason?: string;
}
interface Plan<T> {
  entry: Entry;
  item: T;
}

interface Dependencies {
  source: Pick<Queue, 'hide'>;
  deadLetters: Pick<Queue, 'send'>;
  limits: { maxAttempts: number; maxAgeSeconds: number };
  redactor: Pick<Redactor, 'redact'>;
  telemetry: Pick<Telemetry, 'log'>;
}

/** NaN where a record is not as Lambda makes it. */
export const receivesOf = ({ attributes }: SQSRecord) => Number(attributes?.ApproximateReceiveCount);
const firstReceivedAt = ({ attributes }: SQSRecord) => Number(attributes.ApproximateFirstReceiveTimestamp);

const letterOf = ({ record }: Entry, reason: Failure, now: number): Message =>
  deadLetterOf(messageOf(record), reason, {
    attempts: receivesOf(record),
    sentAt: Number(record.attributes.SentTimestamp),
    firstReceivedAt: firstReceivedAt(record),
    deadLetteredAt: now,
    sourceMessageId: record.messageId,
  });

/** Our own code failed at this record: it is left to the queue, whose redrive is the net. */
export const broke = (entry: Entry, error: unknown, { log }: Pick<Telemetry, 'log'>) => {
  log.error('receipt.broke', { error: error as Error, message_id: entry.record.messageId });
  delete entry.outcome;
  entry.reason = 'our own code failed, see receipt.broke';
};

/**
 * Gives every entry its fate. What failed for good becomes a dead letter, acknowledged only when SQS has
 * confirmed it; what failed for now is hidden for its back-off; any failure on the way leaves the record to
 * the queue.
 */
export const createSettle = ({ source, deadLetters, limits, redactor, telemetry }: Dependencies) => {
  const act = async <T>(plans: Plan<T>[], fate: Entry['fate'], call: (items: T[]) => Promise<Result[]>) => {
    if (plans.length === 0) return;
    const results = await call(plans.map(({ item }) => item));
    for (const [index, { entry }] of plans.entries()) {
      const error = results[index]?.error;
      // AWS says what it was sent where a signature is wrong.
      if (error) entry.reason = redactor.redact(`SQS did not take it (${fate}): ${lineOf(error)}`);
      else entry.fate = fate;
    }
  };

  return async (entries: Entry[], forMs: number) => {
    const signal = AbortSignal.timeout(Math.max(0, Math.floor(forMs)));
    const now = Date.now();
    const letters: Plan<Message>[] = [];
    const delays: Plan<{ receiptHandle: string; seconds: number }>[] = [];

    for (const entry of entries) {
      const { record, outcome } = entry;
      if (!outcome || outcome.code === 'unfinished') continue;
      if (outcome.code === 'marked' || outcome.code === 'superseded') {
        entry.fate = outcome.code;
        continue;
      }
      try {
        const received = { receives: receivesOf(record), firstReceivedAt: firstReceivedAt(record) };
        if (route(outcome, received, limits, now) === 'dead_letter') {
          letters.push({ entry, item: letterOf(entry, outcome, now) });
        } else {
          const seconds = backoffSeconds(received.receives, outcome.retryAfterSeconds);
          entry.delaySeconds = seconds;
          delays.push({ entry, item: { receiptHandle: record.receiptHandle, seconds } });
        }
      } catch (error) {
        broke(entry, error, telemetry);
      }
    }
    await Promise.all([
      act(letters, 'dead_lettered', items => deadLetters.send(items, signal)),
      act(delays, 'delayed', items => source.hide(items, signal)),
    ]);
  };
};
