/** At fault is this receipt; the others go on. */
const receiptCodes = ['malformed', 'invalid', 'rejected', 'forbidden', 'failed'] as const;
/** At fault is the service or our own credentials; the message is healthy. */
const serviceCodes = [
  'unauthorized',
  'misconfigured',
  'rate_limited',
  'unavailable',
  'unreachable',
  'timeout',
] as const;

export const failureCodes = [...receiptCodes, ...serviceCodes] as const;
export type FailureCode = (typeof failureCodes)[number];

/** Why a message was not marked. `detail` is for people, free of secrets. */
export interface Failure {
  code: FailureCode;
  detail: string;
  /** HTTP status of the answer, where there was one. */
  status?: number;
  /** Huawei's own code, such as OSM.01010015. */
  error_code?: string;
  /** Huawei's request id, to be named in a ticket to them. */
  request_id?: string;
  /** How long Huawei asked us to wait, in seconds. */
  retryAfterSeconds?: number;
  /** The mark itself was never sent: its log-in or its look failed, or others have failed before it. */
  unsent?: true;
  /** Where nothing was tried for this mark, as others had failed: since when, in milliseconds. */
  stoppedAt?: number;
}

/** The function's time ran out first: nobody's fault, and no back-off of its own. */
export interface Unfinished {
  code: 'unfinished';
  detail: string;
}

/** What a look at a late receipt's case found. */
interface Newer {
  /** What the receipt reaches up to, ISO 8601. */
  bound: string;
  /** When the other side wrote last, ISO 8601. */
  newer: string;
}

export interface Marked {
  code: 'marked';
  status: number;
  request_id?: string;
  /** Late, and a look could not tell whether there is a newer message: why. */
  unchecked?: string;
  /** It would have been superseded, had LATE_RECEIPTS been `check`. */
  shadow?: Newer;
}

/** Late, and the other side has written since the person read: acknowledged, and nothing is marked. */
export interface Superseded extends Newer {
  code: 'superseded';
}

export type Outcome = Marked | Superseded | Failure | Unfinished;

export const unfinished: Unfinished = { code: 'unfinished', detail: "the function's time ran out" };

export const failure = (code: FailureCode, detail: string): Failure => ({ code, detail });

/** Why something is not even tried at present. */
export interface Stopped {
  cause: Failure;
  /** Since when, in milliseconds. */
  at: number;
}

/** The failure of a mark that was not tried, as others had failed before it. */
export const untried = (why: string, { cause, at }: Stopped): Failure => {
  const { retryAfterSeconds = 0, ...rest } = cause;
  // It was asked for then.
  const leftSeconds = Math.ceil(retryAfterSeconds - (Date.now() - at) / 1000);
  return {
    ...rest,
    ...(leftSeconds > 0 && { retryAfterSeconds: leftSeconds }),
    detail: `${why}: ${cause.detail}`,
    unsent: true,
    stoppedAt: at,
  };
};

export const isServiceFailure = ({ code }: Outcome): boolean =>
  (serviceCodes as readonly string[]).includes(code);

/** What others met may be over: it decides for a mark that was never tried only when it has lasted so long. */
const STOPPED_LEAST_MS = 15 * 60_000;

/**
 * Where a failed message goes now. Trouble with the service never dead-letters a message younger than
 * `maxAgeSeconds`; a dead letter that may be cured by a repair is not worth waiting for.
 *
 * @param receives ApproximateReceiveCount
 * @param firstReceivedAt ApproximateFirstReceiveTimestamp in milliseconds: a replay starts afresh
 * @param now in milliseconds
 */
export const route = (
  { code, stoppedAt = Number.NEGATIVE_INFINITY }: Failure,
  { receives, firstReceivedAt }: { receives: number; firstReceivedAt: number },
  { maxAttempts, maxAgeSeconds }: { maxAttempts: number; maxAgeSeconds: number },
  now: number,
): 'dead_letter' | 'back_off' => {
  switch (code) {
    case 'malformed':
    case 'invalid':
    case 'rejected':
    case 'forbidden':
      return 'dead_letter';
    case 'failed':
      return receives >= maxAttempts ? 'dead_letter' : 'back_off';
    case 'unauthorized':
    case 'misconfigured':
    case 'rate_limited':
    case 'unavailable':
    case 'unreachable':
    case 'timeout': {
      const isOld = now - firstReceivedAt >= maxAgeSeconds * 1000;
      return isOld && now - stoppedAt >= STOPPED_LEAST_MS ? 'dead_letter' : 'back_off';
    }
    default:
      return code satisfies never;
  }
};
