import pMap from 'p-map';
import { describeError } from './errors.ts';
import { MOST_BYTES } from './message.ts';

/** What SQS takes and gives at most in one call. */
export const MOST_ENTRIES = 10;
/** Batches under way at once: enough to settle 10,000 records in seconds, few enough for SQS. */
const MOST_CALLS = 20;
/** One call, its retries by the SDK included. */
export const CALL_TIMEOUT_MS = 4_000;

/** Why SQS did not take an item, in its words; undefined where it did. */
export type Refusal = string | undefined;

interface BatchAnswer {
  Successful?: { Id?: string | undefined }[] | undefined;
  Failed?: { Id?: string | undefined; Code?: string | undefined; Message?: string | undefined }[] | undefined;
}

/** Groups neighbours into batches of at most ten entries and 1 MiB. */
function* batchesOf<T>(items: T[], bytes: (item: T) => number): Generator<{ from: number; items: T[] }> {
  let from = 0;
  let sum = 0;
  for (const [index, item] of items.entries()) {
    const size = bytes(item);
    if (index > from && (index - from === MOST_ENTRIES || sum + size > MOST_BYTES)) {
      yield { from, items: items.slice(from, index) };
      from = index;
      sum = 0;
    }
    sum += size;
  }
  if (from < items.length) yield { from, items: items.slice(from) };
}

/** Ends a call after so long, or when the caller's own signal says so. */
export const timeLimit = (ms: number, signal?: AbortSignal): AbortSignal => {
  const limit = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, limit]) : limit;
};

/** Makes batch calls of any number of items, and answers item by item, in their order. Never throws. */
export const inBatches = async <T>(
  items: T[],
  bytes: (item: T) => number,
  call: (items: T[], abortSignal: AbortSignal) => Promise<BatchAnswer>,
  signal?: AbortSignal,
): Promise<Refusal[]> => {
  const refusals: Refusal[] = items.map(() => 'NoAnswer: SQS did not name it in its answer');
  const settle = async (from: number, some: T[]) => {
    try {
      const answer = await call(some, timeLimit(CALL_TIMEOUT_MS, signal));
      // Only what SQS names as successful counts, and only by the names that were given.
      const taken = new Set(answer.Successful?.map(({ Id }) => Id));
      const failed = new Map(answer.Failed?.map(entry => [entry.Id, entry]));
      for (const index of some.keys()) {
        const refused = failed.get(String(index));
        if (refused) {
          refusals[from + index] = [refused.Code, refused.Message].filter(Boolean).join(': ') || 'refused';
        } else if (taken.has(String(index))) refusals[from + index] = undefined;
      }
    } catch (error) {
      refusals.fill(describeError(error), from, from + some.length);
    }
  };
  await pMap(batchesOf(items, bytes), ({ from, items }) => settle(from, items), {
    concurrency: MOST_CALLS,
  });
  return refusals;
};
