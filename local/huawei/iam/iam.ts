import { randomBytes } from 'node:crypto';
import { type Answer, json } from '../answer.ts';
import { account, type Clock, type Settings } from '../options.ts';
import type { LoggedRequest } from '../requests.ts';
import { createFederation } from './federation.ts';
import { iamError, isAccount, passwordSchema, readLogIn, scopeRefusal } from './log-in.ts';

const WRONG_PASSWORD = 'The username or password is wrong.';
const LOCKED = 'The account is locked.';
const LOCK_MS = 15 * 60_000;

export const createIam = (
  { password: firstPassword, identityProviders, tokenBytes, tokenSeconds, lockAfter }: Settings,
  clock: Clock,
) => {
  const federation = createFederation(identityProviders, clock);
  let password = firstPassword;
  /** When each token ends, in milliseconds since the epoch. */
  const tokens = new Map<string, number>();
  let lock = { failures: 0, lockedUntil: 0 };
  let logIns = 0;
  let failedLogIns = 0;

  const isLocked = () => lock.lockedUntil > clock.now();

  const issue = (seconds = tokenSeconds) => {
    const token = `MII${randomBytes(tokenBytes).toString('base64url')}`.slice(0, tokenBytes);
    const expiresAt = clock.now() + seconds * 1_000;
    tokens.set(token, expiresAt);
    return { token, expiresAt: new Date(expiresAt).toISOString().replace('Z', '000Z') };
  };
  const revokeTokens = () => {
    for (const token of tokens.keys()) tokens.set(token, 0);
  };

  const admit = (): Answer => {
    logIns += 1;
    const { token, expiresAt } = issue();
    return json(201, { token: { expires_at: expiresAt } }, { 'X-Subject-Token': token });
  };
  const refuse = (message: string): Answer => {
    failedLogIns += 1;
    return iamError(401, message);
  };

  return {
    /** Answers `POST /v3/auth/tokens`. */
    logIn(request: LoggedRequest): Answer {
      const asked = readLogIn(passwordSchema, request);
      if ('status' in asked) return asked;
      const { user } = asked.identity.password;
      if (!isAccount(user.domain) || user.name !== account.user) return refuse(WRONG_PASSWORD);
      if (lock.lockedUntil > 0 && !isLocked()) lock = { failures: 0, lockedUntil: 0 };
      if (isLocked() || user.password !== password) {
        const message = isLocked() ? LOCKED : WRONG_PASSWORD;
        const failures = lock.failures + 1;
        // Trying on while locked starts the time anew, with the right password too.
        lock = { failures, lockedUntil: failures >= lockAfter ? clock.now() + LOCK_MS : 0 };
        return refuse(message);
      }
      lock = { failures: 0, lockedUntil: 0 };
      return scopeRefusal(asked.scope) ?? admit();
    },

    /** Answers `POST /v3.0/OS-AUTH/id-token/tokens`. */
    async logInFederated(request: LoggedRequest): Promise<Answer> {
      const refusal = await federation.refusalOf(request);
      if (!refusal) return admit();
      failedLogIns += 1;
      return refusal;
    },

    /** Why a token is refused; undefined where it is not. */
    refusalOf(token: string): string | undefined {
      if (!token) return 'x-auth-token not found';
      const expiresAt = tokens.get(token);
      if (expiresAt === undefined) return 'decrypt token fail';
      return expiresAt <= clock.now() ? 'outdated' : undefined;
    },

    controls: {
      setProvider: federation.setProvider,
      /** Changes the user's password and, as the real one does, ends the tokens. */
      setPassword(changed: string): void {
        password = changed;
        revokeTokens();
      },
      /** Ends all tokens before their time. */
      revokeTokens,
      /** Issues a token without a log-in. */
      issueToken: issue,
      isLocked,
      /** Tokens issued to a log-in of either kind. */
      get logIns() {
        return logIns;
      },
      /** Log-ins refused for a wrong user, a wrong password or a lock, or for what is wrong with an ID token. */
      get failedLogIns() {
        return failedLogIns;
      },
    },
  };
};
