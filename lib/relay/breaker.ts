import {
  circuitBreaker,
  ExponentialBackoff,
  handleWhenResult,
  isBrokenCircuitError,
  noJitterGenerator,
} from 'cockatiel';
import { type Failure, isServiceFailure, type Outcome } from '../failure.ts';
import type { Telemetry } from '../telemetry.ts';

/** One bad case that makes Huawei stumble must not stop the others; five of them in a row are the service. */
const FAILURES_TO_OPEN = 5;
const FIRST_PROBE_MS = 5_000;
/** So often at most an outage costs a call, and so late at most its end is noticed. */
const LAST_PROBE_MS = 30_000;

/**
 * Stops calling a service that is down: opens after failures of so many distinct marks in a row, then lets one
 * probe through from time to time; what waits meanwhile shares the probe's fate.
 */
export const createBreaker = (telemetry: Pick<Telemetry, 'log' | 'count'>) => {
  const failing = new Set<string>();
  let cause: Failure | undefined;

  const build = () => {
    const policy = circuitBreaker(
      // A probe that was cut short has proved nothing.
      handleWhenResult(
        outcome => isServiceFailure(outcome as Outcome) || (outcome as Outcome).code === 'unfinished',
      ),
      {
        halfOpenAfter: new ExponentialBackoff({
          initialDelay: FIRST_PROBE_MS,
          maxDelay: LAST_PROBE_MS,
          generator: noJitterGenerator,
        }),
        breaker: {
          state: undefined,
          success: () => failing.clear(),
          failure: () => failing.size >= FAILURES_TO_OPEN,
        },
      },
    );
    policy.onBreak(() => {
      telemetry.count('BreakerOpened');
      telemetry.log.error('breaker.opened', { ...cause });
    });
    return policy;
  };
  let policy = build();

  return {
    /** Makes the call; or, while the breaker is open, answers with the failure that opened it. */
    async run(key: string, call: () => Promise<Outcome>): Promise<Outcome> {
      try {
        return await policy.execute(async () => {
          const outcome = await call();
          if (isServiceFailure(outcome)) {
            cause = outcome as Failure;
            if (failing.size < FAILURES_TO_OPEN) failing.add(key);
          }
          return outcome;
        });
      } catch (error) {
        if (isBrokenCircuitError(error) && cause)
          return { ...cause, detail: `not called, as others failed: ${cause.detail}` };
        throw error;
      }
    },
    /** Starts anew, after what was wrong has been mended. */
    close() {
      failing.clear();
      policy = build();
    },
  };
};

export type Breaker = ReturnType<typeof createBreaker>;
