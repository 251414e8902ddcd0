import type { SQSRecord } from 'aws-lambda';
import type { Config } from '../config.ts';
import { deadLetterOf } from '../dead-letters/dead-letter.ts';
import { type Failure, failure, route } from '../failure.ts';
import type { Redactor } from '../redact.ts';
import { lineOf } from '../sqs/errors.ts';
import type { Message } from '../sqs/message.ts';
import type { Queue, Result } from '../sqs/queue.ts';
import type { Telemetry } from '../telemetry.ts';
import { backoffSeconds } from './backoff.ts';
import type { Entry } from './mark.ts';

/** A receipt that would come back so shortly before the queue drops it is not put off any more. */
const RETENTION_MARGIN_MS = 5 * 60_000;
/** What nobody hides comes back after the queue's visibility timeout (resources/queues.yml, held to it by a test). */
export const VISIBILITY_MS = 185_000;

interface Plan<T> {
  entry: Entry;
  item: T;
}

interface Dependencies {
  source: Pick<Queue, 'hide'>;
  deadLetters: Pick<Queue, 'send'>;
  limits: Pick<Config, 'maxAttempts' | 'maxAgeSeconds' | 'queueRetentionSeconds'>;
  redactor: Pick<Redactor, 'redact'>;
  telemetry: Pick<Telemetry, 'log'>;
}

/** NaN where a record is not as Lambda makes it. */
export const receivesOf = ({ attributes }: SQSRecord) => Number(attributes?.ApproximateReceiveCount);
const firstReceivedAt = ({ attributes }: SQSRecord) => Number(attributes.ApproximateFirstReceiveTimestamp);

/** Our own code failed at this record: it is left to the queue, whose redrive is the net. */
export const crashed = (entry: Entry, error: unknown, { log }: Pick<Telemetry, 'log'>) => {
  log.error('receipt.crashed', { error: error as Error, message_id: entry.record.messageId });
  delete entry.outcome;
  entry.reason = 'our own code failed, see receipt.crashed';
};

/**
 * Gives every entry its result. What failed for good, or would not come back before the queue drops it, becomes a
 * dead letter, acknowledged only when SQS has confirmed it; what failed for now is hidden for its back-off; any
 * failure on the way leaves the record to the queue.
 *
 * @returns a function of the entries and of the milliseconds it may take; it never throws
 */
export const createSettle = ({ source, deadLetters, limits, redactor, telemetry }: Dependencies) => {
  const act = async <T>(
    plans: Plan<T>[],
    result: Entry['result'],
    call: (items: T[]) => Promise<Result[]>,
  ) => {
    if (plans.length === 0) return;
    const results = await call(plans.map(({ item }) => item));
    for (const [index, { entry }] of plans.entries()) {
      const error = results[index]?.error;
      // AWS says what it was sent where a signature is wrong.
      if (error) entry.reason = redactor.redact(`SQS did not take it (${result}): ${lineOf(error)}`);
      else entry.result = result;
    }
  };

  /** Whether the queue would drop a receipt before, or shortly after, it comes back. */
  const expires = ({ attributes }: SQSRecord, backInMs: number, now: number): boolean =>
    Number(attributes?.SentTimestamp) + limits.queueRetentionSeconds * 1000 <
    now + backInMs + RETENTION_MARGIN_MS;

  return async (entries: Entry[], forMs: number) => {
    const signal = AbortSignal.timeout(Math.max(0, Math.floor(forMs)));
    const now = Date.now();
    const letters: Plan<Message>[] = [];
    const delays: Plan<{ receiptHandle: string; seconds: number }>[] = [];

    const plan = (entry: Entry) => {
      const { record, outcome } = entry;
      if (outcome?.code === 'marked' || outcome?.code === 'superseded') {
        entry.result = outcome.code;
        return;
      }
      const deadLetter = (reason: Failure) => {
        entry.outcome = reason;
        letters.push({ entry, item: deadLetterOf(record, reason, now) });
      };
      if (!outcome || outcome.code === 'unfinished') {
        if (!expires(record, VISIBILITY_MS, now)) return;
        return deadLetter(
          outcome ? failure('timeout', outcome.detail) : failure('failed', entry.reason ?? 'unknown'),
        );
      }
      const receives = receivesOf(record);
      const seconds = backoffSeconds(receives, outcome.retryAfterSeconds);
      const way = route(outcome, { receives, firstReceivedAt: firstReceivedAt(record) }, limits, now);
      if (way === 'dead_letter' || expires(record, seconds * 1000, now)) return deadLetter(outcome);
      entry.delaySeconds = seconds;
      delays.push({ entry, item: { receiptHandle: record.receiptHandle, seconds } });
    };
    for (const entry of entries) {
      try {
        plan(entry);
      } catch (error) {
        crashed(entry, error, telemetry);
      }
    }
    await Promise.all([
      act(letters, 'dead_lettered', items => deadLetters.send(items, signal)),
      act(delays, 'delayed', items => source.hide(items, signal)),
    ]);
  };
};

export type Settle = ReturnType<typeof createSettle>;
