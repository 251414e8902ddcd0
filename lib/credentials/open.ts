import { type Failure, failure } from '../failure.ts';
import type { Call } from '../huawei/http.ts';
import type { Verdict } from '../huawei/read-only.ts';
import type { Redactor } from '../redact.ts';
import type { AwsCall } from './aws-call.ts';
import { type LogIn, passwordLogIn } from './log-in.ts';
import type { Stored } from './secret-store.ts';

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
  /** What the read-only calls with it say: of the last that has begun, and of one that others may still join. */
  lastVerdict: Promise<unknown>;
  nextVerdict?: Promise<Verdict> | undefined;
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
  const authorization = (
    stored: Stored,
    headersFor: Authorization['headersFor'],
    validUntil: number,
    byLogIn: boolean,
  ): Authorization => ({
    stored,
    byLogIn,
    headersFor,
    freshUntil: validUntil - Math.min(RENEW_EARLY_MS, (validUntil - Date.now()) / 4),
    validUntil,
    isProved: false,
    lastVerdict: Promise.resolve(),
  });
  const withToken = (stored: Stored, token: string, expiresAt: number, byLogIn: boolean) => {
    redactor.learn(token);
    return authorization(stored, () => ({ 'X-Auth-Token': token }), expiresAt, byLogIn);
  };

  return async (stored: Stored): Promise<Authorization | Failure> => {
    const { credentials } = stored;
    // What only one kind needs is loaded by those who use it: password users pay nothing.
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
      case 'aksk': {
        redactor.learn(credentials.secret_key);
        redactor.learn(credentials.security_token);
        const { signRequest } = await import('../huawei/signature.ts');
        const sign = ({ body = '', ...rest }: Call) =>
          signRequest({ ...rest, body, host }, credentials, new Date());
        return authorization(stored, sign, Number.POSITIVE_INFINITY, false);
      }
      default:
        return credentials satisfies never;
    }
  };
};
