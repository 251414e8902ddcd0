import { randomBytes } from 'node:crypto';
import { type Answer, json } from '../answer.ts';
import type { Account, Clock, Identity, Settings, User } from '../options.ts';
import type { LoggedRequest } from '../requests.ts';
import { createFederation } from './federation.ts';
import { domainIdOf, iamError, isNamed, readLogIn, type Scope, scopeRefusal } from './log-in.ts';

interface Token {
  holder: Pick<User, 'name' | 'groups'>;
  issuedAt: number;
  expiresAt: number;
  revoked: boolean;
}

interface Granted {
  account: Account;
  scope: Scope | undefined;
  methods: string[];
}

const WRONG_PASSWORD = 'The username or password is wrong.';
const LOCKED = 'The account is locked.';
const LOCK_MS = 15 * 60_000;

export function createIam(settings: Settings, clock: Clock) {
  const accounts = structuredClone(settings.accounts);
  const federation = createFederation(settings, clock);
  const tokens = new Map<string, Token>();
  const locks = new Map<User, { failures: number; lockedUntil: number }>();
  let logIns = 0;
  let failedLogIns = 0;

  function lockOf(user: User) {
    const lock = locks.get(user) ?? { failures: 0, lockedUntil: 0 };
    if (lock.lockedUntil === 0 || lock.lockedUntil > clock.now()) return lock;
    return { failures: 0, lockedUntil: 0 };
  }

  function issue(holder: Token['holder'], seconds = settings.tokenSeconds): [string, Token] {
    const text = `MII${randomBytes(settings.tokenBytes).toString('base64url')}`.slice(0, settings.tokenBytes);
    const issuedAt = clock.now();
    const token = { holder, issuedAt, expiresAt: issuedAt + seconds * 1_000, revoked: false };
    tokens.set(text, token);
    return [text, token];
  }

  function refuse(message: string): Answer {
    failedLogIns += 1;
    return iamError(401, message);
  }

  /** Answers `POST /v3/auth/tokens`. */
  function logIn(entry: LoggedRequest): Answer {
    const wanted = readLogIn(entry);
    if ('status' in wanted) return wanted;
    const { user: given, scope } = wanted;

    const account = accounts.find(each => isNamed(given.domain, each.domain, domainIdOf(each)));
    const user = account?.users.find(each => each.name === given.name);
    if (account === undefined || user === undefined) return refuse(WRONG_PASSWORD);

    const lock = lockOf(user);
    const wrong = user.password !== given.password;
    if (lock.lockedUntil > 0 || wrong) {
      const failures = lock.failures + 1;
      const locked = failures >= settings.lockAfter;
      // Trying on while locked starts the time anew, with the right password too.
      locks.set(user, { failures, lockedUntil: locked ? clock.now() + LOCK_MS : 0 });
      return refuse(lock.lockedUntil > 0 ? LOCKED : WRONG_PASSWORD);
    }
    locks.delete(user);

    const refusal = scopeRefusal(account, scope);
    if (refusal !== undefined) return refusal;
    return admit({ account, scope, methods: ['password'] }, user);
  }

  /** Answers `POST /v3.0/OS-AUTH/id-token/tokens`. */
  async function logInFederated(entry: LoggedRequest): Promise<Answer> {
    const federated = await federation.logIn(entry);
    if ('status' in federated) {
      failedLogIns += 1;
      return federated;
    }
    return admit({ ...federated, methods: ['mapped'] }, federated);
  }

  function admit(granted: Granted, holder: Token['holder']): Answer {
    logIns += 1;
    const [text, token] = issue(holder);
    return json(201, tokenBody(granted, token), { 'X-Subject-Token': text });
  }

  function tokenBody({ account, scope, methods }: Granted, token: Token) {
    const domain = { id: domainIdOf(account), name: account.domain };
    const { name } = token.holder;
    const project = Object.entries(account.projects).find(([name, id]) =>
      isNamed(scope?.project ?? {}, name, id),
    );
    return {
      token: {
        expires_at: withMicroseconds(token.expiresAt),
        issued_at: withMicroseconds(token.issuedAt),
        methods,
        catalog: [],
        ...(project ? { project: { id: project[1], name: project[0], domain } } : { domain }),
        roles: [{ id: '0', name: 'te_admin' }],
        user: { id: `id-of-${name}`, name, domain, password_expires_at: '' },
      },
    };
  }

  function userNamed(name: string): User {
    const user = accounts.flatMap(account => account.users).find(each => each.name === name);
    if (user === undefined) throw new Error(`No user is called ${name} here.`);
    return user;
  }

  return {
    logIn,
    logInFederated,

    /** Who holds this token, or why it is refused. */
    identify(text: string): Identity | { refused: 'unknown' | 'outdated' } {
      const token = tokens.get(text);
      if (token === undefined) return { refused: 'unknown' };
      if (token.revoked || token.expiresAt <= clock.now()) return { refused: 'outdated' };
      return { groups: token.holder.groups };
    },

    controls: {
      ...federation.controls,
      /** Changes the password and, as the real one does, ends the user's tokens. */
      setPassword(userName: string, password: string): void {
        const user = userNamed(userName);
        user.password = password;
        for (const token of tokens.values()) token.revoked ||= token.holder === user;
      },
      /** Ends all tokens before their time. */
      revokeTokens(): void {
        for (const token of tokens.values()) token.revoked = true;
      },
      /** Issues a token without a log-in. */
      issueToken(userName: string, seconds?: number): { token: string; expiresAt: string } {
        const [text, token] = issue(userNamed(userName), seconds);
        return { token: text, expiresAt: withMicroseconds(token.expiresAt) };
      },
      lockState(userName: string): { locked: boolean; failures: number } {
        const lock = lockOf(userNamed(userName));
        return { locked: lock.lockedUntil > 0, failures: lock.failures };
      },
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
}

function withMicroseconds(time: number): string {
  return new Date(time).toISOString().replace('Z', '000Z');
}
