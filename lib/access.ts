import { type Answer, classify } from './answer.ts';
import type { Credentials, Stored } from './credentials.ts';
import type { Failure } from './failure.ts';
import type { Grant } from './grant.ts';
import type { Broken, Call } from './http.ts';
import type { Redactor } from './redact.ts';
import type { Telemetry } from './telemetry.ts';

/** A secret that Huawei refused, or one that cannot be read (no text), and how long it is left alone. */
interface Denial {
  text: string | undefined;
  failure: Failure;
  until: number;
}

/** While the old token serves, a renewal that failed is tried again after this. */
const RENEW_AGAIN_MS = 60_000;
/**
 * Huawei locks a user after 3 to 10 refused log-ins and counts them for up to an hour, and a key after 5
 * refused signatures. A stored token has no lock to fear.
 */
const COOL_DOWN_MS: Record<Credentials['type'], number> = {
  password: 3_600_000,
  aksk: 3_600_000,
  token: 60_000,
};
/** Refusals in a row that a key which has served may have: one odd receipt does not condemn it. */
const MOST_STRIKES = 3;

interface Dependencies {
  readCredentials: () => Promise<Stored | Failure>;
  open: (stored: Stored) => Promise<Grant | Failure>;
  redactor: Redactor;
  telemetry: Pick<Telemetry, 'log' | 'count'>;
}

type Send = (call: Call) => Promise<Answer | Broken>;

/** OSM says "token expired" in two ways. */
const isRefusal = (answer: Answer | Broken): answer is Answer =>
  'status' in answer && (answer.status === 401 || answer.body.includes('"OSM.0002"'));

/**
 * Keeps the right to call OSM. Log-ins are single flight and early; nothing is kept on failure but the
 * refusal of a secret, which is not tried again for an hour unless it changes: under a retrying queue a wrong
 * password would lock the account.
 */
export const createAccess = ({ readCredentials, open, redactor, telemetry }: Dependencies) => {
  let current: Grant | undefined;
  let pending: Promise<Grant | Failure> | undefined;
  const denials = new Map<string, Denial>();
  /** What is wrong with the secret now. */
  let trouble: Denial | undefined;
  /** The key that has served, and its refusals since. */
  let proven = { text: '', strikes: 0 };

  const deny = ({ text, credentials }: Stored, reason: Failure): Denial => {
    const now = Date.now();
    for (const [other, { until }] of denials) if (until < now) denials.delete(other);
    const until = now + COOL_DOWN_MS[credentials.type];
    const pause = `not tried again before ${new Date(until).toISOString()} unless the secret changes`;
    const denial = { text, failure: { ...reason, detail: `${reason.detail}; ${pause}` }, until };
    denials.set(text, denial);
    telemetry.count('LogInsRefused');
    telemetry.log.error('credentials.refused', { ...denial.failure });
    return denial;
  };

  const obtain = async (): Promise<Grant | Failure> => {
    const stored = await readCredentials();
    if ('code' in stored) {
      trouble = { text: undefined, failure: stored, until: 0 };
      telemetry.log.error('credentials.unusable', { ...stored });
      return stored;
    }
    const standing = denials.get(stored.text);
    if (standing && Date.now() < standing.until) {
      trouble = standing;
      return standing.failure;
    }
    const grant = await open(stored);
    if (stored.credentials.type === 'password') telemetry.count('LogIns');
    if (!('code' in grant)) trouble = undefined;
    else if (grant.code === 'unauthorized') trouble = deny(stored, grant);
    return trouble?.failure ?? grant;
  };

  /** A renewal that fails leaves the old grant in use while it lives. */
  const renew = async (): Promise<Grant | Failure> => {
    const got = await obtain();
    const kept = 'code' in got ? current : got;
    const now = Date.now();
    if (!kept || now >= kept.validUntil) return got;
    kept.freshUntil = Math.max(kept.freshUntil, Math.min(kept.validUntil, now + RENEW_AGAIN_MS));
    current = kept;
    return kept;
  };

  const grant = async (): Promise<Grant | Failure> => {
    for (;;) {
      const now = Date.now();
      if (!current || now >= current.freshUntil) {
        const expired = !current || now >= current.validUntil;
        if (expired && trouble && now < trouble.until) return trouble.failure;
        pending ??= renew().finally(() => {
          pending = undefined;
        });
        const got = await pending;
        if ('code' in got || !got.trial?.running) return got;
      } else if (!current.trial?.running) return current;
      await current?.trial?.running;
    }
  };

  /** Forgets a refused grant, unless a late answer speaks of one that was renewed long ago. */
  const forget = (refused: Grant, answer: Answer) => {
    if (current !== refused) return;
    current = undefined;
    const { text, credentials } = refused.stored;
    // A token from a log-in may die early; of the other two the secret itself was refused.
    if (credentials.type === 'password') return;
    if (text === proven.text && ++proven.strikes < MOST_STRIKES) return;
    deny(refused.stored, classify(answer, redactor.redact) as Failure);
  };

  const attempt = async (granted: Grant, call: Call, send: Send, keep: boolean): Promise<Answer | Broken> => {
    const answer = await send({ ...call, headers: { ...call.headers, ...granted.authorize(call) } });
    if (isRefusal(answer)) {
      if (!keep) forget(granted, answer);
    } else if (granted.trial && 'status' in answer) {
      proven = { text: granted.stored.text, strikes: 0 };
      delete granted.trial;
    }
    return answer;
  };

  const use = (granted: Grant, call: Call, send: Send, keep = false): Promise<Answer | Broken> => {
    const { trial } = granted;
    const answer = attempt(granted, call, send, keep);
    if (trial) trial.running = answer.finally(() => delete trial.running);
    return answer;
  };

  return {
    /** Makes a call in our name; one that is refused is repeated once, if there is something fresh to show. */
    async authorized(call: Call, send: Send): Promise<Answer | Broken> {
      const first = await grant();
      if ('code' in first) return { broken: first, stale: false };
      const answer = await use(first, call, send);
      if (!isRefusal(answer)) return answer;
      const second = await grant();
      if ('code' in second) return { broken: second, stale: false };
      const byLogIn = second.stored.credentials.type === 'password';
      if (!byLogIn && second.stored.text === first.stored.text) return answer;
      // A fresh token that is refused too is kept: a log-in for every mark would not cure it.
      return use(second, call, send, byLogIn);
    },

    /** Reads a secret in trouble anew, once per batch. True where it has changed: it is worth a try at once. */
    async healed(): Promise<boolean> {
      if (!trouble) return false;
      const stored = await readCredentials();
      if ('code' in stored || stored.text === trouble.text) return false;
      trouble = undefined;
      return true;
    },
  };
};

export type Access = ReturnType<typeof createAccess>;
