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
}

/** The function's time ran out first: nobody's fault, and no back-off of its own. */
export interface Unfinished {
  code: 'unfinished';
  detail: string;
}

export interface Marked {
  code: 'marked';
  status: number;
  request_id?: string;
}

/** Late, and the other side has written since the person read: acknowledged, and nothing is marked. */
export interface Superseded {
  code: 'superseded';
  /** What the receipt reaches up to, ISO 8601. */
  bound: string;
  /** When the newer message was written, ISO 8601. */
  newer: string;
}

export type Outcome = Marked | Superseded | Failure | Unfinished;

export const unfinished: Unfinished = { code: 'unfinished', detail: "the function's time ran out" };

export const failure = (code: FailureCode, detail: string): Failure => ({ code, detail });

export const isServiceFailure = ({ code }: Outcome): boolean =>
  (serviceCodes as readonly string[]).includes(code);

/**
 * Where a failed message goes now. Trouble with the service never dead-letters a message younger than
 * `maxAgeSeconds`; a dead letter that may be cured by a repair is not worth waiting for.
 *
 * @param receives ApproximateReceiveCount
 * @param firstReceivedAt ApproximateFirstReceiveTimestamp in milliseconds: a replay starts afresh
 */
export const route = (
  { code }: Failure,
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
    case 'timeout':
      return now - firstReceivedAt >= maxAgeSeconds * 1000 ? 'dead_letter' : 'back_off';
    default:
      return code satisfies never;
  }
};
