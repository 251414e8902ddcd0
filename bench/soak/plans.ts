import type { Plan } from './soak.ts';

export interface Pace {
  /** The function's timeout. */
  timeoutMs: number;
  /** Of the queue: what was left comes back after this. */
  visibilitySeconds: number;
  requestTimeoutMs: number;
  maxAgeSeconds: number;
  maxRequestsPerSecond: number;
  batchSize: number;
  /** The proxy multiplies visibility timeouts with this. */
  timeScale: number;
}

type Numbers = Omit<Plan, 'folder' | 'seed' | 'faults'>;

/** About three minutes. Waiting takes a hundredth of the time; timeouts and the age are set by configuration. */
export const defaultPlan: Numbers = {
  receipts: 20_000,
  isShort: false,
  faultMs: 2_000,
  settleMs: 4_000,
  restMs: 1_500,
  drainMs: 30_000,
  pace: {
    timeoutMs: 3_000,
    // The mapping's window and the function's time fit in, so that nothing comes back while it is worked on.
    visibilitySeconds: 6,
    requestTimeoutMs: 700,
    maxAgeSeconds: 40,
    maxRequestsPerSecond: 200,
    batchSize: 400,
    timeScale: 1 / 100,
  },
};

/** For CI: every fault once. */
export const shortPlan: Numbers = {
  receipts: 1_400,
  isShort: true,
  faultMs: 80,
  settleMs: 1_200,
  restMs: 50,
  drainMs: 8_000,
  pace: {
    timeoutMs: 1_500,
    visibilitySeconds: 4,
    requestTimeoutMs: 300,
    maxAgeSeconds: 6,
    maxRequestsPerSecond: 80,
    batchSize: 50,
    timeScale: 1 / 400,
  },
};
