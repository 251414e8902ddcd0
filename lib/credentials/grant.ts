import { type Failure, failure } from '../failure.ts';
import type { Call } from '../huawei/http.ts';
import type { Redactor } from '../redact.ts';
import type { Token } from './log-in.ts';
import type { Credentials, PasswordCredentials, Stored } from './secret-store.ts';

/** The right to call, made of the stored credentials. Times in milliseconds. */
export interface Grant {
  stored: Stored;
  /** The headers that authorize one call. */
  authorize: (call: Call) => Record<string, string>;
  /** Renewed from then on, in use until `validUntil` all the same. */
  freshUntil: number;
  validUntil: number;
  /** A key has no log-in: until a call has served, one at a time is the try, and the others wait for it. */
  trial?: { running?: Promise<unknown> };
  /** A call in its name has succeeded. */
  served?: boolean;
}

/** As clients in the field do, ten minutes to an hour early; a short-lived token after ¾ of its life. */
const RENEW_EARLY_MS = 30 * 60_000;

interface Dependencies {
  /** Host of the endpoint that is called: it is part of what a key signs. */
  host: string;
  logIn: (credentials: PasswordCredentials) => Promise<Token | Failure>;
  redactor: Redactor;
}

/** Makes grants of credentials: by logging in, with a stored token, or by signing with a key. */
export const createGrants = ({ host, logIn, redactor }: Dependencies) => {
  const withToken = (stored: Stored, token: string, expiresAt: number): Grant => {
    redactor.learn(token);
    return {
      stored,
      authorize: () => ({ 'X-Auth-Token': token }),
      freshUntil: expiresAt - Math.min(RENEW_EARLY_MS, (expiresAt - Date.now()) / 4),
      validUntil: expiresAt,
    };
  };

  const withKey = async (stored: Stored, key: Extract<Credentials, { type: 'aksk' }>): Promise<Grant> => {
    redactor.learn(key.secret_key);
    redactor.learn(key.security_token);
    // Loaded only by those who use it: password users pay nothing.
    const { signRequest } = await import('../huawei/signature.ts');
    return {
      stored,
      authorize: ({ body = '', ...call }) => signRequest({ ...call, body, host }, key, new Date()),
      freshUntil: Number.POSITIVE_INFINITY,
      validUntil: Number.POSITIVE_INFINITY,
      trial: {},
    };
  };

  return async (stored: Stored): Promise<Grant | Failure> => {
    const { credentials } = stored;
    switch (credentials.type) {
      case 'password': {
        redactor.learn(credentials.password);
        const result = await logIn(credentials);
        return 'code' in result ? result : withToken(stored, result.token, result.expiresAt);
      }
      case 'token': {
        const { token, expires_at } = credentials;
        const expiresAt = expires_at ? Date.parse(expires_at) : Number.POSITIVE_INFINITY;
        if (expiresAt > Date.now()) return withToken(stored, token, expiresAt);
        return failure('unauthorized', `the stored token expired at ${expires_at}: store a new one`);
      }
      case 'aksk':
        return withKey(stored, credentials);
      default:
        return credentials satisfies never;
    }
  };
};
