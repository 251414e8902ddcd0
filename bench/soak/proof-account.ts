import type { LoggedRequest } from '../../local/huawei/requests.ts';
import type { Broken } from './proof.ts';
import type { World } from './world.ts';

const REFUSED = new Set([400, 401, 403]);
/**
 * The rate is counted where calls arrive, on a busy machine: what was sent in time can arrive in a bunch. So much
 * shorter than a second may the arrival of one call more than the limit be, beside what this process slept itself.
 */
const JITTER_MS = 250;

const byInstance = (requests: LoggedRequest[], kind: LoggedRequest['kind']) =>
  Map.groupBy(
    requests.filter(request => request.kind === kind),
    ({ headers }) => headers.host ?? '',
  );

const passwordOf = ({ body = '' }: LoggedRequest): string => {
  try {
    return JSON.parse(body).auth.identity.password.user.password;
  } catch {
    return body;
  }
};

/**
 * At most one refused log-in per instance and secret; the hour is longer than any run. A second one only where the
 * instance got a token with another secret in between: when that one dies, Huawei may have turned to the first.
 */
const overtried = (logIns: LoggedRequest[]): { tries: number } | undefined => {
  const refused = logIns.filter(({ status = 0 }) => REFUSED.has(status));
  for (const [password, tries] of Map.groupBy(refused, passwordOf)) {
    const [first, second] = tries;
    if (!first || !second) continue;
    const between = logIns.slice(logIns.indexOf(first), logIns.indexOf(second));
    const isExcused = between.some(each => each.status === 201 && passwordOf(each) !== password);
    if (tries.length > 2 || !isExcused) return { tries: tries.length };
  }
  return undefined;
};

export const proveAccount = ({ huawei }: World): Broken[] =>
  [...byInstance(huawei.requests, 'log_in')].flatMap(([instance, logIns]) => {
    const found = overtried(logIns);
    return found
      ? {
          promise: `instance ${instance} tried a refused password ${found.tries} times: Huawei would have locked the account`,
        }
      : [];
  });

/** At most so many starts per instance in any window of one second. */
export const proveRate = ({ huawei, stalls, pace: { maxRequestsPerSecond: most } }: World): Broken[] => {
  const broken: Broken[] = [];
  for (const [instance, calls] of byInstance(huawei.requests, 'mark')) {
    const at = calls.map(call => call.at).sort((a, b) => a - b);
    for (let last = most; last < at.length; last++) {
      const [from, to] = [at[last - most] ?? 0, at[last] ?? 0];
      const tookMs = to - from;
      if (tookMs >= 1000 - JITTER_MS || tookMs >= 1000 - JITTER_MS - stalls.between(from - 1000, to))
        continue;
      const promise = `instance ${instance} made ${most + 1} calls in ${Math.round(tookMs)} ms, with ${most} a second allowed`;
      broken.push({ promise });
      break;
    }
  }
  return broken;
};
