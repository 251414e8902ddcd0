const FIRST_SECONDS = 5;
/** Long enough for an outage of a day to stay under any sensible maxReceiveCount, short enough to recover. */
export const BACKOFF_MOST_SECONDS = 900;

/**
 * How long a message stays away: 5 s × 2^(receives − 1), at most 15 minutes, with jitter between half and
 * whole so that a backlog does not come back as one wave.
 *
 * @param receives ApproximateReceiveCount, from 1
 * @param floorSeconds what Retry-After asked for, which is waited for in full
 * @returns whole seconds, as ChangeMessageVisibility wants them
 */
export const backoffSeconds = (receives: number, floorSeconds = 0, random = Math.random): number => {
  const whole = Math.min(FIRST_SECONDS * 2 ** (receives - 1), BACKOFF_MOST_SECONDS);
  return Math.max(Math.ceil(whole * (0.5 + random() / 2)), floorSeconds);
};
