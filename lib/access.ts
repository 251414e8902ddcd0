import type { Credentials, PasswordCredentials, Stored } from './credentials.ts';
import { type Answer, type Failure, failure } from './failure.ts';
import type { Broken, Call } from './http.ts';
import type { Token } from './log-in.ts';
import type { Redactor } from './redact.ts';
import type { Telemetry } from './telemetry.ts';

/** The right to call, made of the stored credentials. Times in milliseconds. */
interface Grant {
  stored: Stored;
  authorize: (call: Call) => Record<string, string>;
  /** Renewed from then on, in use until `validUntil` all the same. */
  freshUntil: number;
  validUntil: number;
  /** A key has no log-in: its first call is the try, and the others wait for it. */
  trial?: { running?: Promise<unknown> };
}

/** A secret that Huawei refused, or one that cannot be read (no text), and how long it is left alone. */
interface Denial {
  text: string | undefined;
  failure: Failure;
  until: number;
}

/** As clients in the field do, ten minutes to an hour early; a short-lived token after ¾ of its life. */
const RENEW_EARLY_MS = 30 * 60_000;
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

interface Dependencies {
  /** Host of the endpoint that is called: it is part of what a key signs. */
  host: string;
  readCredentials: () => Promise<Stored | Failure>;
  logIn: (credentials: PasswordCredentials) => Promise<Token | Failure>;
  redactor: Redactor;
  telemetry: Pick<Telemetry, 'log' | 'count'>;
}

type Send = (call: Call) => Promise<Answer | Broken>;

/** OSM says "token expired" in two ways. */
const isRefusal = (answer: Answer | Broken): boolean =>
  'status' in answer && (answer.status === 401 || answer.body.includes('"OSM.0002"'));

/**
 * Keeps the right to call OSM. Log-ins are single flight and early; nothing is kept on failure but the
 * refusal of a secret, which is not tried again for an hour unless it changes: under a retrying queue a wrong
 * password would lock the account.
 */
export const createAccess = ({ host, readCredentials, logIn, redactor, telemetry }: Dependencies) => {
  let current: Grant | undefined;
  let pending: Promise<Grant | Failure> | undefined;
  const denials = new Map<string, Denial>();
  /** What is wrong with the secret now. */
  let trouble: Denial | undefined;

  const deny = ({ text, credentials }: Stored, reason: Failure): Denial => {
    const now = Date.now();
    for (const [other, { until }] of denials) if (until < now) denials.delete(other);
    const until = now + COOL_DOWN_MS[credentials.type];
    const detail = `${reason.detail}; not tried again before ${new Date(until).toISOString()} unless the secret changes`;
    const denial = { text, failure: { ...reason, detail }, until };
    denials.set(text, denial);
    telemetry.count('LogInsRefused');
    telemetry.log.error('credentials.refused', { ...denial.failure });
    return denial;
  };

  const withToken = (stored: Stored, token: string, expiresAt: number): Grant => {
    redactor.learn(token);
    return {
      stored,
      authorize: () => ({ 'X-Auth-Token': token }),
      freshUntil: expiresAt - Math.min(RENEW_EARLY_MS, (expiresAt - Date.now()) / 4),
      validUntil: expiresAt,
    };
  };

  const open = async (stored: Stored): Promise<Grant | Failure> => {
    const { credentials } = stored;
    switch (credentials.type) {
      case 'password': {
        redactor.learn(credentials.password);
        const result = await logIn(credentials);
        telemetry.count('LogIns');
        return 'code' in result ? result : withToken(stored, result.token, result.expiresAt);
      }
      case 'token': {
        const { token, expires_at } = credentials;
        const expiresAt = expires_at ? Date.parse(expires_at) : Number.POSITIVE_INFINITY;
        if (expiresAt > Date.now()) return withToken(stored, token, expiresAt);
        return failure('unauthorized', `the stored token expired at ${expires_at}: store a new one`);
      }
      case 'aksk': {
        // Loaded only by those who use it: password users pay nothing.
        const { signRequest } = await import('./signature.ts');
        redactor.learn(credentials.secret_key);
        redactor.learn(credentials.security_token ?? undefined);
        const { access_key, secret_key, security_token, domain_id } = credentials;
        const key = {
          access_key,
          secret_key,
          security_token: security_token ?? undefined,
          domain_id: domain_id ?? undefined,
        };
        return {
          stored,
          authorize: ({ method, path, headers, body = '' }) =>
            signRequest({ method, host, path, headers, body }, key, new Date()),
          freshUntil: Number.POSITIVE_INFINITY,
          validUntil: Number.POSITIVE_INFINITY,
          trial: {},
        };
      }
      default:
        return credentials satisfies never;
    }
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
    if (!('code' in grant)) {
      trouble = undefined;
      telemetry.log.info('credentials.accepted', { type: stored.credentials.type });
      return grant;
    }
    if (grant.code !== 'unauthorized') return grant;
    trouble = deny(stored, grant);
    return trouble.failure;
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
        if (trouble && now < trouble.until && !(current && now < current.validUntil)) return trouble.failure;
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
  const forget = (refused: Grant) => {
    if (current !== refused) return;
    current = undefined;
    const { type } = refused.stored.credentials;
    // A token from a log-in may die early; of these two the secret itself was refused.
    if (type !== 'password')
      deny(refused.stored, failure('unauthorized', `OSM answered 401 to the stored ${type}`));
  };

  const attempt = async (granted: Grant, call: Call, send: Send, last: boolean): Promise<Answer | Broken> => {
    const answer = await send({ ...call, headers: { ...call.headers, ...granted.authorize(call) } });
    const refused = isRefusal(answer);
    // A fresh token that is refused too is kept: a log-in for every mark would not cure it.
    if (refused && !(last && granted.stored.credentials.type === 'password')) forget(granted);
    if ('status' in answer && !refused) delete granted.trial;
    return answer;
  };

  const use = async (call: Call, send: Send, last: boolean): Promise<Answer | Broken> => {
    const granted = await grant();
    if ('code' in granted) return { broken: granted, stale: false };
    const { trial } = granted;
    const answer = attempt(granted, call, send, last);
    if (trial) trial.running = answer.finally(() => delete trial.running);
    return answer;
  };

  return {
    /** Makes a call in our name; one that is refused is repeated once, with a fresh grant if there is one. */
    async authorized(call: Call, send: Send): Promise<Answer | Broken> {
      const answer = await use(call, send, false);
      return isRefusal(answer) ? use(call, send, true) : answer;
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
