import { isServiceFailure, type Outcome, type Stopped, untried } from '../failure.ts';
import type { Telemetry } from '../telemetry.ts';

/** A few odd cases must not stop the others; five marks in a row are the service. */
const FAILURES_TO_OPEN = 5;
/** Longer than the longest back-off: a mark that fails whenever it comes back is not counted again. */
const LATELY_MS = 20 * 60_000;
/** So often at most an outage costs a call, and so late at most its end is noticed. */
const TRY_EVERY_MS = 1_000;
/** Tries of one batch: two, so that one bad case does not decide for all. Failures that open it are one. */
const TRIES_PER_BATCH = 2;

/**
 * Stops calling a service that is down: opens after service failures of five distinct marks with no success
 * between, and closes when a try succeeds. Only a mark's own call counts (not what is `unsent`); a 429 is neither
 * failure nor success.
 */
export const createBreaker = ({ log, count }: Pick<Telemetry, 'log' | 'count'>) => {
  /** When a mark last failed, by its key, in milliseconds; the oldest first. */
  const failedAt = new Map<string, number>();
  /** Distinct marks that failed since the last success. */
  let failures = 0;
  /** Ever: a failure counts only where this has not grown since its call began. */
  let successes = 0;
  let opened: Stopped | undefined;
  /** By performance.now(), which nobody sets back. */
  let triedAt = Number.NEGATIVE_INFINITY;
  let news = Promise.withResolvers<void>();

  /** Lets those who wait look again. */
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers();
  };

  const close = () => {
    failures = 0;
    if (opened) log.info('breaker.closed', { after_s: Math.round((Date.now() - opened.at) / 1000) });
    opened = undefined;
    tell();
  };

  const failedLately = (key: string): boolean => {
    for (const [oldest, at] of failedAt) {
      if (Date.now() - at < LATELY_MS) break;
      failedAt.delete(oldest);
    }
    return failedAt.has(key);
  };

  /** What a mark's call says of the service. */
  const hear = (key: string, outcome: Outcome, began: number, isTry: boolean) => {
    if (outcome.code === 'unfinished' || outcome.code === 'superseded' || 'unsent' in outcome) return;
    if (outcome.code === 'rate_limited') return isTry ? close() : undefined;
    const isKnown = failedLately(key);
    failedAt.delete(key);
    if (outcome.code === 'marked' || !isServiceFailure(outcome)) {
      successes++;
      return close();
    }
    failedAt.set(key, Date.now());
    if (opened || isKnown || successes > began || ++failures < FAILURES_TO_OPEN) return;
    opened = { cause: outcome, at: Date.now() };
    count('BreakerOpened');
    log.error('breaker.opened', { ...outcome });
  };

  return {
    /** Whether the mark's last call failed, and that in the last 20 minutes. */
    failedLately,

    /** Starts anew, after what was wrong has been put right. */
    close() {
      failedAt.clear();
      close();
    },

    /**
     * @param signal aborted when no call of this batch may start any more
     * @returns a function that makes a mark's call; or, while the breaker is open, answers with the failure that
     * opened it. Whoever comes while a try is under way, or soon to begin, waits for what it brings
     */
    startBatch(signal: AbortSignal) {
      let triesLeft = TRIES_PER_BATCH;
      let trying = 0;
      /** One waits at a time, so that tries go in the order of the batch: what failed lately comes last. */
      let line = Promise.resolve(false);
      signal.addEventListener('abort', tell, { once: true });

      /** Waits for the next try, or for what those under way bring; says whether to try. */
      const waitForTry = async (): Promise<boolean> => {
        while (opened && !signal.aborted && triesLeft + trying > 0) {
          const waitMs = Math.ceil(triedAt + TRY_EVERY_MS - performance.now());
          if (triesLeft > 0 && waitMs <= 0) {
            triesLeft--;
            trying++;
            triedAt = performance.now();
            return true;
          }
          const turn = new Promise(resolve => triesLeft > 0 && setTimeout(resolve, waitMs));
          await Promise.race([news.promise, turn]);
        }
        return false;
      };

      return async (key: string, call: () => Promise<Outcome>): Promise<Outcome> => {
        let isTry = false;
        if (opened) {
          line = line.then(waitForTry);
          isTry = await line;
          if (opened && !isTry) return untried('not called, as others failed', opened);
        }
        const began = successes;
        let saysNothing = false;
        try {
          const outcome = await call();
          saysNothing = outcome.code === 'superseded';
          const wasOpen = opened !== undefined;
          hear(key, outcome, began, isTry);
          if (opened && !wasOpen) triesLeft = TRIES_PER_BATCH - 1;
          return outcome;
        } finally {
          if (isTry) {
            trying--;
            if (saysNothing) {
              triesLeft++;
              triedAt = Number.NEGATIVE_INFINITY;
            }
            tell();
          }
        }
      };
    },
  };
};

export type Breaker = ReturnType<typeof createBreaker>;
