import type { Failure } from '../failure.ts';
import type { Broken, Call } from '../huawei/http.ts';
import { type Answer, classify } from '../huawei/outcome.ts';
import type { Redactor } from '../redact.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Grant } from './grant.ts';
import { createDenials, type Denial } from './refusals.ts';
import type { Stored } from './secret-store.ts';

/** While the old token serves, a renewal that failed is tried again after this. */
const RENEW_AGAIN_MS = 60_000;
/** Refusals in a row that a key which has served may have: one odd receipt does not condemn it. */
const MOST_STRIKES = 3;

interface Dependencies {
  readCredentials: () => Promise<Stored | Failure>;
  open: (stored: Stored) => Promise<Grant | Failure>;
  redactor: Redactor;
  telemetry: { log: Pick<Telemetry['log'], 'error'>; count: Telemetry['count'] };
}

type Send = (call: Call) => Promise<Answer | Broken>;

const TOKEN_EXPIRED = 'OSM.0002';

/** OSM says "token expired" in two ways. The code counts where it is one: Huawei may repeat a receipt's words. */
const isRefusal = (answer: Answer | Broken): answer is Answer => {
  if (!('status' in answer)) return false;
  if (answer.status === 401) return true;
  if (!answer.body.includes(TOKEN_EXPIRED)) return false;
  const outcome = classify(answer, String);
  return outcome.code === 'unauthorized' && outcome.error_code === TOKEN_EXPIRED;
};

/**
 * Keeps the right to call OSM. Log-ins are single flight and early; nothing is kept on failure but the
 * refusal of a secret, which is not tried again for an hour unless it changes, or Huawei's side does.
 */
export const createSession = ({ readCredentials, open, redactor, telemetry }: Dependencies) => {
  const denials = createDenials(telemetry);
  let current: Grant | undefined;
  let pending: Promise<Grant | Failure> | undefined;
  /** What is wrong with the secret now. */
  let trouble: Denial | undefined;
  /** The key that has served, and its refusals since. */
  let proven = { text: '', strikes: 0 };

  /** One try of one secret; none where its refusal stands. */
  const tryOut = async (stored: Stored): Promise<Grant | Failure> => {
    const standing = denials.standing(stored.text);
    if (standing) return standing.failure;
    const grant = await open(stored);
    if (stored.credentials.type === 'password') telemetry.count('LogIns');
    if ('code' in grant && grant.code === 'unauthorized') return denials.deny(stored, grant).failure;
    return grant;
  };

  const obtain = async (): Promise<Grant | Failure> => {
    const stored = await readCredentials();
    if ('code' in stored) {
      trouble = { text: undefined, failure: stored, until: 0 };
      telemetry.log.error('credentials.unusable', { ...stored });
      return stored;
    }
    const grant = await tryOut(stored);
    if ('code' in grant) trouble = denials.standing(stored.text);
    // A key that was refused is out of trouble only when a call has served.
    else if (!grant.trial || trouble?.text !== stored.text) trouble = undefined;
    return grant;
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
    const now = Date.now();
    if (current && now < current.freshUntil) return current;
    const expired = !current || now >= current.validUntil;
    if (expired && trouble && now < trouble.until) return trouble.failure;
    pending ??= renew().finally(() => {
      pending = undefined;
    });
    return pending;
  };

  /** A token from a log-in may die early; of the other two the secret itself was refused. */
  const condemn = ({ stored }: Grant, answer: Answer) => {
    const { text, credentials } = stored;
    if (credentials.type === 'password') return;
    const failure = classify(answer, redactor.redact) as Failure;
    trouble = { text, failure, until: 0 };
    if (text !== proven.text || ++proven.strikes >= MOST_STRIKES) denials.deny(stored, failure);
  };

  const prove = (granted: Grant) => {
    const { text } = granted.stored;
    proven = { text, strikes: 0 };
    if (trouble?.text === text) trouble = undefined;
    delete granted.trial;
  };

  /** Forgets a refused grant, unless a late answer speaks of one that was renewed long ago. */
  const forget = (refused: Grant, answer: Answer) => {
    if (current !== refused) return;
    current = undefined;
    if (refused.served) {
      // What served with another secret no longer does: Huawei may have turned to the one it refused before.
      if (trouble && trouble.text !== refused.stored.text) denials.reconsider(trouble);
      trouble = undefined;
    }
    condemn(refused, answer);
  };

  const attempt = async (granted: Grant, call: Call, send: Send, keep: boolean): Promise<Answer | Broken> => {
    const answer = await send({ ...call, headers: { ...call.headers, ...granted.authorize(call) } });
    if (isRefusal(answer)) {
      if (!keep) forget(granted, answer);
    } else if ('status' in answer && answer.status === 200) {
      granted.served = true;
      if (granted.trial) prove(granted);
    }
    return answer;
  };

  /** @param refused the grant that was refused just now: nothing is sent if there is nothing fresh to show */
  const use = async (call: Call, send: Send, refused?: Grant) => {
    let granted = await grant();
    // No await between the end of this loop and the mark on the trial: only one call may try a new key.
    while (!('code' in granted) && granted.trial?.running) {
      await granted.trial.running;
      granted = await grant();
    }
    if ('code' in granted) return { answer: { broken: granted, stale: false } };
    const byLogIn = granted.stored.credentials.type === 'password';
    if (refused && !byLogIn && granted.stored.text === refused.stored.text) return undefined;
    // A fresh token that is refused too is kept: a log-in for every mark would not cure it.
    const answer = attempt(granted, call, send, refused !== undefined && byLogIn);
    const { trial } = granted;
    const end = () => delete trial?.running;
    if (trial) trial.running = answer.then(end, end);
    return { granted, answer: await answer };
  };

  return {
    /** Makes a call in our name; one that is refused is repeated once, if there is something fresh to show. */
    async authorized(call: Call, send: Send): Promise<Answer | Broken> {
      const first = await use(call, send);
      if (!first?.granted || !isRefusal(first.answer)) return first?.answer as Answer | Broken;
      const second = await use(call, send, first.granted);
      return second?.answer ?? first.answer;
    },

    /** For a check-up: one try of the stored credentials and one call, no repeat; only a refusal is remembered. */
    async once(stored: Stored, call: Call, send: Send): Promise<Answer | Broken> {
      const granted = await tryOut(stored);
      if ('code' in granted) return { broken: granted, stale: false };
      const answer = await send({ ...call, headers: { ...call.headers, ...granted.authorize(call) } });
      if (isRefusal(answer)) condemn(granted, answer);
      return answer;
    },

    /** Reads a secret in trouble anew, once per batch. True where it has changed: it is worth a try at once. */
    async changed(): Promise<boolean> {
      if (!trouble) return false;
      const stored = await readCredentials();
      if ('code' in stored || stored.text === trouble.text) return false;
      if (current?.stored.text === trouble.text) current = undefined;
      trouble = undefined;
      return true;
    },
  };
};

export type Session = ReturnType<typeof createSession>;
