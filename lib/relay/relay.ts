import type { SQSRecord } from 'aws-lambda';
import pMap from 'p-map';
import type { Session } from '../credentials/session.ts';
import { type Outcome, unfinished } from '../failure.ts';
import type { Timing } from '../huawei/http.ts';
import type { Mark } from '../huawei/mark-as-read.ts';
import { parseReceipt } from '../receipt/receipt.ts';
import { metricOf, type Telemetry } from '../telemetry.ts';
import type { Breaker } from './breaker.ts';
import { coalesce, markOf } from './mark.ts';
import { broke, type Entry, receivesOf } from './settle.ts';

/** Time kept for the calls that settle: a quarter of what there is, at most five seconds. */
export const settleMs = (remainingMs: number): number => Math.min(5000, remainingMs / 4);
/** Of which a tenth is left, so that our answer is out before the function's end. */
const answerMs = (remainingMs: number): number => settleMs(remainingMs) / 10;

type Wish = Entry & { mark: Mark };

interface Dependencies {
  mark: (mark: Mark, timing: Timing) => Promise<Outcome>;
  session: Pick<Session, 'changed'>;
  breaker: Breaker;
  settle: (entries: Entry[], forMs: number) => Promise<void>;
  telemetry: Telemetry;
  maxInFlight: number;
}

/**
 * The story of a batch: parse each record inside its own guard, make one call of all that ask for the same
 * mark, mark until the time is up, settle what failed.
 *
 * @returns a function of the records and the milliseconds left to the function; its answer has one settled
 * result for each record, fulfilled only where the receipt was marked or its dead letter was confirmed
 */
export const createRelay = ({ mark, session, breaker, settle, telemetry, maxInFlight }: Dependencies) => {
  const parse = (record: SQSRecord): Entry => {
    const entry: Entry = { record, fate: 'left' };
    try {
      const parsed = parseReceipt(record.body);
      if ('failure' in parsed) return { ...entry, outcome: parsed.failure };
      const { receipt, readAt } = parsed;
      return { ...entry, mark: markOf(receipt), ...(readAt !== undefined && { readAt }) };
    } catch (error) {
      broke(entry, error, telemetry);
      return entry;
    }
  };

  /** Makes every call that time allows, and gives each wish the outcome of its mark. */
  const markAll = async (groups: Map<string, Wish[]>, forMs: number) => {
    const cut = new AbortController();
    const timeUp = new Promise<Outcome>(resolve => {
      cut.signal.addEventListener('abort', () => resolve(unfinished));
    });
    const attempt = async (key: string, wishes: Wish[]) => {
      const start = performance.now();
      try {
        const outcome = await breaker.run(key, () =>
          Promise.race([mark((wishes[0] as Wish).mark, { signal: cut.signal }), timeUp]),
        );
        const durationMs = Math.round(performance.now() - start);
        // After the cut the entries are being settled; what comes now comes too late.
        if (!cut.signal.aborted) for (const wish of wishes) Object.assign(wish, { outcome, durationMs });
      } catch (error) {
        for (const wish of wishes) broke(wish, error, telemetry);
      }
    };
    const work = async () => {
      if (await session.changed()) breaker.close();
      const limits = { concurrency: maxInFlight, signal: cut.signal };
      await pMap(groups, ([key, wishes]) => attempt(key, wishes), limits);
    };
    const timer = setTimeout(() => cut.abort(), Math.max(0, forMs));
    await Promise.race([work(), timeUp]);
    clearTimeout(timer);
  };

  return async (records: SQSRecord[], remainingMs: number): Promise<PromiseSettledResult<void>[]> => {
    const start = performance.now();
    const leftMs = () => remainingMs - (performance.now() - start);
    const entries = records.map(parse);
    const wishes = entries.filter((entry): entry is Wish => entry.mark !== undefined);
    const groups = coalesce(wishes);
    if (groups.size > 0) await markAll(groups, leftMs() - settleMs(remainingMs));
    for (const entry of entries) if (!entry.reason) entry.outcome ??= unfinished;
    await settle(entries, leftMs() - answerMs(remainingMs));
    telemetry.count('Coalesced', wishes.length - groups.size);
    report(telemetry, entries, groups.size, performance.now() - start);
    return entries.map(({ fate, reason = fate }) =>
      fate === 'marked' || fate === 'superseded' || fate === 'dead_lettered'
        ? { status: 'fulfilled', value: undefined }
        : { status: 'rejected', reason },
    );
  };
};

const logEvents = {
  marked: 'receipt.marked',
  superseded: 'receipt.superseded',
  dead_lettered: 'receipt.dead_lettered',
  delayed: 'receipt.delayed',
  left: 'receipt.left',
} as const;

/** One line per receipt, one per batch, and the metrics. */
const report = ({ log, count, settled }: Telemetry, entries: Entry[], marks: number, batchMs: number) => {
  const now = Date.now();
  const lags: number[] = [];
  const fates = { marked: 0, superseded: 0, dead_lettered: 0, delayed: 0, left: 0 };
  let oldestMs = 0;
  for (const { record, mark, readAt, outcome, fate, reason, durationMs, delaySeconds } of entries) {
    fates[fate]++;
    if (outcome) count(metricOf(outcome.code));
    if (fate === 'marked' && readAt) lags.push(Math.max(0, now - readAt));
    const ageMs = now - Number(record.attributes?.SentTimestamp);
    if ((fate === 'delayed' || fate === 'left') && ageMs > oldestMs) oldestMs = ageMs;
    log[fate === 'marked' || fate === 'superseded' ? 'info' : 'warn'](logEvents[fate], {
      message_id: record.messageId,
      case_id: mark?.case_id,
      attempt: receivesOf(record),
      duration_ms: durationMs,
      ...outcome,
      ...(fate === 'delayed' && { delay_s: delaySeconds }),
      ...(reason && { reason }),
    });
  }
  count('DeadLettered', fates.dead_lettered);
  settled(
    { receipts: entries.length, marks, ...fates, duration_ms: Math.round(batchMs) },
    { ReadLag: lags, OldestUnsettledAge: oldestMs > 0 ? [oldestMs / 1000] : [] },
  );
};
