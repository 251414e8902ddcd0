import { once } from 'node:events';
import type { SQSRecord } from 'aws-lambda';
import pMap from 'p-map';
import type { Config } from '../config.ts';
import type { Session } from '../credentials/session.ts';
import { unfinished } from '../failure.ts';
import { parseReceipt } from '../receipt/receipt.ts';
import { metricOf, type Telemetry } from '../telemetry.ts';
import type { Breaker } from './breaker.ts';
import { boundOf, type Late, sentAtOf } from './late.ts';
import { coalesce, type Entry, type Group, markOf } from './mark.ts';
import { crashed, receivesOf, type Settle } from './settle.ts';

/** Time kept for the calls that settle: a quarter of what there is, at most five seconds. */
export const settleMs = (remainingMs: number): number => Math.min(5000, remainingMs / 4);
/** Of what is left then; the rest is for our answer, which has to be out before the function's end. */
const SETTLING_SHARE = 0.9;
/** Nobody answers in less: a call would only be a timeout. */
const LEAST_CALL_MS = 20;
/** So that a call that may start last is heard to its end: a busy machine's timers are late. */
const lateTimersMs = (forMs: number): number => Math.min(100, forMs / 20);

const after = (ms: number): AbortSignal => AbortSignal.timeout(Math.max(0, Math.floor(ms)));

interface Dependencies {
  late: Late;
  session: Pick<Session, 'changed' | 'settled'>;
  breaker: Breaker;
  settle: Settle;
  telemetry: Telemetry;
  config: Pick<Config, 'maxInFlight' | 'requestTimeoutMs'>;
}

/**
 * The story of a batch: parse each record inside its own guard, make one call of all that ask for the same
 * mark, mark until the time is up, settle what failed.
 *
 * @returns a function of the records and the milliseconds left to the function; its answer has one settled
 * result for each record, fulfilled only where the receipt was marked or superseded or its dead letter confirmed
 */
export const createRelay = ({ late, session, breaker, settle, telemetry, config }: Dependencies) => {
  const parse = (record: SQSRecord): Entry => {
    const entry: Entry = { record, result: 'left' };
    try {
      const parsed = parseReceipt(record.body);
      if ('failure' in parsed) return { ...entry, outcome: parsed.failure };
      const { receipt, readAt } = parsed;
      const bound = boundOf(parsed, sentAtOf(record, Date.now()));
      return { ...entry, mark: markOf(receipt), bound, ...(readAt !== undefined && { readAt }) };
    } catch (error) {
      crashed(entry, error, telemetry);
      return entry;
    }
  };

  /** Fresh marks before late ones, and what failed lately last. */
  const rankOf = ({ key, bound }: Group) =>
    (breaker.failedLately(key) ? 2 : 0) + (late.isLate(bound) ? 1 : 0);

  /** Makes every call that time allows, and gives each entry the outcome of its mark. */
  const markAll = async (groups: Group[], forMs: number) => {
    // A call gets at most half of the time, so that a timeout longer than that ends as a timeout all the same.
    const timeoutMs = Math.min(config.requestTimeoutMs, forMs / 2);
    const over = after(forMs);
    const signal =
      timeoutMs < LEAST_CALL_MS ? AbortSignal.abort() : after(forMs - timeoutMs - lateTimersMs(forMs));
    const callOnce = breaker.startBatch(signal);

    const attempt = async ({ key, mark, bound, entries }: Group) => {
      const start = performance.now();
      try {
        const outcome = await callOnce(key, () => late.mark(mark, bound, { signal, timeoutMs }));
        const durationMs = Math.round(performance.now() - start);
        // When it is over, the entries are being settled; what comes now comes too late.
        if (!over.aborted) for (const entry of entries) Object.assign(entry, { outcome, durationMs });
      } catch (error) {
        for (const entry of entries) crashed(entry, error, telemetry);
      }
    };
    const work = async () => {
      if (await session.changed()) breaker.close();
      const inOrder = groups.toSorted((one, other) => rankOf(one) - rankOf(other));
      await pMap(inOrder, attempt, { concurrency: config.maxInFlight });
    };
    await Promise.race([work(), once(over, 'abort')]);
  };

  return async (records: SQSRecord[], remainingMs: number): Promise<PromiseSettledResult<void>[]> => {
    const start = performance.now();
    const leftMs = () => remainingMs - (performance.now() - start);
    const entries = records.map(parse);
    const groups = coalesce(entries);
    if (groups.length > 0) await markAll(groups, leftMs() - settleMs(remainingMs));
    for (const entry of entries) if (!entry.reason) entry.outcome ??= unfinished;
    const settlingMs = leftMs() * SETTLING_SHARE;
    await Promise.all([settle(entries, settlingMs), session.settled(settlingMs)]);
    report(telemetry, entries, groups, performance.now() - start);
    return entries.map(({ result, reason = result }) =>
      result === 'marked' || result === 'superseded' || result === 'dead_lettered'
        ? { status: 'fulfilled', value: undefined }
        : { status: 'rejected', reason },
    );
  };
};

/** One line per receipt, one per batch, and the metrics. */
const report = ({ log, count, settled }: Telemetry, entries: Entry[], groups: Group[], batchMs: number) => {
  const now = Date.now();
  const lags: number[] = [];
  const results = { marked: 0, superseded: 0, dead_lettered: 0, delayed: 0, left: 0 };
  let oldestMs = 0;
  for (const { record, mark, readAt, outcome, result, reason, durationMs, delaySeconds } of entries) {
    results[result]++;
    if (outcome) count(metricOf(outcome.code));
    if (outcome?.code === 'marked' && outcome.unchecked) count('LateUnchecked');
    if (outcome?.code === 'marked' && outcome.shadow) count('Superseded');
    if (result === 'marked' && readAt !== undefined) lags.push(Math.max(0, now - readAt));
    const ageMs = now - Number(record.attributes?.SentTimestamp);
    if ((result === 'delayed' || result === 'left') && ageMs > oldestMs) oldestMs = ageMs;
    log[result === 'marked' || result === 'superseded' ? 'info' : 'warn'](`receipt.${result}`, {
      message_id: record.messageId,
      case_id: mark?.case_id,
      attempt: receivesOf(record),
      duration_ms: durationMs,
      ...outcome,
      ...(result === 'delayed' && { delay_s: delaySeconds }),
      ...(reason && { reason }),
    });
  }
  count(
    'Coalesced',
    groups.reduce((sum, group) => sum + group.entries.length - 1, 0),
  );
  count('DeadLettered', results.dead_lettered);
  settled(
    { receipts: entries.length, marks: groups.length, ...results, duration_ms: Math.round(batchMs) },
    { ReadLag: lags, OldestUnsettledAge: oldestMs > 0 ? [oldestMs / 1000] : [] },
  );
};
