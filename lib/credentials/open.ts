import { type Failure, failure } from '../failure.ts';
import type { Call } from '../huawei/http.ts';
import type { Redactor } from '../redact.ts';
import type { AwsCall } from './aws-call.ts';
import { type LogIn, passwordLogIn } from './log-in.ts';
import type { CredentialsOf, Stored } from './secret-store.ts';

/** The right to call, made of one version of the stored credentials. Times in milliseconds epoch. */
export interface Authorization {
  stored: Stored;
  /** Whether a log-in made it, and another log-in can replace it. */
  byLogIn: boolean;
  /** The headers that authorize one call. */
  headersFor: (call: Call) => Record<string, string>;
  /** Renewed from then on, in use until `validUntil` all the same. */
  freshUntil: number;
  validUntil: number;
  /** Huawei has taken it: it has answered a call by something else than a refusal. */
  isProved: boolean;
}

/** As clients in the field do, ten minutes to an hour early; a short-lived token after ¾ of its life. */
const RENEW_EARLY_MS = 30 * 60_000;

interface Dependencies {
  /** Host of the endpoint that is called: it is part of what a key signs. */
  host: string;
  logIn: LogIn;
  redactor: Redactor;
  /** What the log-in with the function's own AWS identity needs. */
  call: AwsCall;
}

/**
 * Makes the right to call of stored credentials: by a log-in, with a stored token, or by signing with a key.
 *
 * @returns a function that gives it, or the failure: `unauthorized` where it was refused. It never throws
 */
export const createOpen = ({ host, logIn, redactor, call }: Dependencies) => {
  const withToken = (stored: Stored, token: string, expiresAt: number, byLogIn: boolean): Authorization => {
    redactor.learn(token);
    return {
      stored,
      byLogIn,
      headersFor: () => ({ 'X-Auth-Token': token }),
      freshUntil: expiresAt - Math.min(RENEW_EARLY_MS, (expiresAt - Date.now()) / 4),
      validUntil: expiresAt,
      isProved: false,
    };
  };

  const withKey = async (stored: Stored, key: CredentialsOf<'aksk'>): Promise<Authorization> => {
    redactor.learn(key.secret_key);
    redactor.learn(key.security_token);
    // Loaded only by those who use it: password users pay nothing.
    const { signRequest } = await import('../huawei/signature.ts');
    return {
      stored,
      byLogIn: false,
      headersFor: ({ body = '', ...call }) => signRequest({ ...call, body, host }, key, new Date()),
      freshUntil: Number.POSITIVE_INFINITY,
      validUntil: Number.POSITIVE_INFINITY,
      isProved: false,
    };
  };

  return async (stored: Stored): Promise<Authorization | Failure> => {
    const { credentials } = stored;
    switch (credentials.type) {
      case 'password': {
        redactor.learn(credentials.password);
        const got = await logIn(passwordLogIn(credentials));
        return 'code' in got ? got : withToken(stored, got.token, got.expiresAt, true);
      }
      case 'oidc': {
        const { logInByIdentity } = await import('./oidc.ts');
        const got = await logInByIdentity(credentials, { call, logIn, redactor });
        return 'code' in got ? got : withToken(stored, got.token, got.expiresAt, true);
      }
      case 'token': {
        const { token, expires_at } = credentials;
        const expiresAt = expires_at ? Date.parse(expires_at) : Number.POSITIVE_INFINITY;
        if (expiresAt > Date.now()) return withToken(stored, token, expiresAt, false);
        return failure('unauthorized', `the stored token expired at ${expires_at}: store a new one`);
      }
      case 'aksk':
        return withKey(stored, credentials);
      default:
        return credentials satisfies never;
    }
  };
};

export type Open = ReturnType<typeof createOpen>;
