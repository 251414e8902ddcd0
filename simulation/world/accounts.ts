import type { Clock, Owner } from '../engine/clock.ts';
import type { Random } from '../engine/random.ts';
import type { Faults } from './faults.ts';
import type { Reply, Request } from './wire.ts';

export const credentialsKinds = ['password', 'aksk', 'token', 'oidc'] as const;
export type CredentialsKind = (typeof credentialsKinds)[number];

/** In every secret, so that one that is printed is found. */
export const SECRET_MARK = 's3cr3t';
/** At the end of passwords: each is the beginning of the next, as people choose them. */
export const SECRET_TAIL = '-t41l';
const passwordOf = (content: number) => `${SECRET_MARK}${SECRET_TAIL.repeat(content)}`;
const WRONG = 0;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** More refused signatures than this within five minutes lock a key for as long. */
const KEY_STRIKES = 5;
const KEY_LOCK_MS = 300_000;
const ACCOUNT_LOCK_MS = 900_000;

interface Watch {
  /** A log-in with this version of the stored secret was refused. */
  onRefused: (storeVersion: number) => void;
  onLocked: (what: 'account' | 'key') => void;
  /** A call to OSM came with a token that is good since then. */
  onUsed: (owner: Owner, sinceMs: number) => void;
}

const json = (status: number, body: object, headers = {}): Reply => ({
  kind: 'answer',
  status,
  headers: { date: new Date().toUTCString(), ...headers },
  body: JSON.stringify(body),
  afterMs: 80,
});

/** IAM, STS and the store of the secret: who may call, and what the function knows of it. */
export const createAccounts = (
  clock: Clock,
  random: Random,
  faults: Faults,
  kind: CredentialsKind,
  watch: Watch,
) => {
  /** What Huawei accepts, and what is stored; they differ while a rotation is under way. */
  let accepted = 1;
  let stored = { version: 1, content: 1, at: clock.now() };
  let parameter = { value: 'none', version: 1 };
  const tokens = new Map<string, { sinceMs: number; until: number }>();
  /** Short-lived ones are renewed amid the trouble of a day. */
  const tokenLifeMs = kind === 'token' ? DAY_MS : random.pick([1, 2, 24]) * HOUR_MS;
  let tokenNumber = 0;
  let refusedAt: number[] = [];
  let lockedUntil = 0;
  let strikes: { at: number; owner: Owner }[] = [];
  let keyLockedUntil = 0;
  /** The key that each process was answered with last. */
  const served = new Map<Owner, string>();
  const mostRefusals = random.int(3, 10);

  const issue = (): { token: string; until: number } => {
    const token = `${SECRET_MARK}-token-${++tokenNumber}-${'x'.repeat(40)}`;
    const until = clock.now() + tokenLifeMs;
    tokens.set(token, { sinceMs: clock.now(), until });
    return { token, until };
  };
  // A stored token is issued by a person, for a day at a time, and stored in time.
  let handed = issue();

  const secretText = (): string => {
    const { content } = stored;
    switch (kind) {
      case 'password':
        return JSON.stringify({
          type: 'password',
          domain: 'acme',
          user: 'relay',
          password: passwordOf(content),
        });
      case 'aksk':
        return JSON.stringify({
          type: 'aksk',
          access_key: `AK${content}`,
          secret_key: `${SECRET_MARK}-key-${content}`,
        });
      case 'token':
        return JSON.stringify({
          type: 'token',
          token: content === accepted ? handed.token : `${SECRET_MARK}-wrong-${content}`,
        });
      case 'oidc':
        return JSON.stringify({
          type: 'oidc',
          identity_provider: 'aws',
          audience: 'huawei',
          scope: { domain: 'acme' },
        });
    }
  };

  const save = (content: number) => {
    stored = { version: stored.version + 1, content, at: clock.now() };
  };
  let endRotation = () => {};
  const handOver = () => {
    handed = issue();
    if (stored.content === accepted) save(accepted);
  };
  const handOverDaily = () => {
    handOver();
    clock.after(clock.world, tokenLifeMs / 2, handOverDaily);
  };
  if (kind === 'token') clock.after(clock.world, tokenLifeMs / 2, handOverDaily);

  const grant = (): Reply => {
    const { token, until } = issue();
    const expires_at = new Date(until).toISOString().replace('Z', '000Z');
    return json(201, { token: { expires_at } }, { 'x-subject-token': token });
  };

  const logIn = (request: Request): Reply => {
    if (faults.on('iam_down')) {
      const html = { kind: 'answer' as const, status: 403, body: '<html>no</html>', afterMs: 30 };
      return random.pick<Reply>([json(503, {}), html, { kind: 'hang', afterMs: 0 }, json(429, {})]);
    }
    if (request.path.startsWith('/v3.0/OS-AUTH')) return grant();
    const { password } = JSON.parse(request.body ?? '').auth.identity.password.user;
    const now = clock.now();
    refusedAt = refusedAt.filter(at => at > now - HOUR_MS);
    if (password === passwordOf(accepted) && now >= lockedUntil) return grant();
    refusedAt.push(now);
    watch.onRefused(stored.version);
    if (refusedAt.length >= mostRefusals) {
      lockedUntil = now + ACCOUNT_LOCK_MS;
      watch.onLocked('account');
    }
    const message = random.chance(0.3) ? `Wrong: ${password}` : 'The username or password is wrong.';
    return json(401, { error: { code: 401, message, title: 'Unauthorized' } });
  };

  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    sub: 'arn:aws:iam::123456789012:role/relay',
    aud: 'huawei',
    iss: 'https://sts.example.com',
  };
  const signed = `${base64({ alg: 'RS256', kid: 'key-1' })}.${base64(claims)}`;
  const sts = (): Reply => ({
    kind: 'answer',
    status: 200,
    afterMs: 40,
    body: `<GetWebIdentityTokenResponse><GetWebIdentityTokenResult><WebIdentityToken>${signed}.${SECRET_MARK}-${++tokenNumber}</WebIdentityToken><Expiration>${new Date(clock.now() + 300_000).toISOString()}</Expiration></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>`,
  });

  const store = (request: Request): Reply => {
    const target = request.headers['X-Amz-Target'] ?? '';
    const input = JSON.parse(request.body ?? '{}');
    const isRefusals = target.startsWith('AmazonSSM.');
    if (faults.on(isRefusals ? 'refusals_down' : 'store_down'))
      return random.chance(0.5) ? json(500, { __type: 'InternalServerError' }) : { kind: 'hang', afterMs: 0 };
    if (target.endsWith('GetSecretValue'))
      return json(200, { SecretString: secretText(), VersionId: `version-${stored.version}` });
    if (target.endsWith('PutParameter')) {
      parameter = { value: input.Value, version: parameter.version + 1 };
      return json(200, { Version: parameter.version });
    }
    return json(200, { Parameter: { Name: input.Name, Value: parameter.value, Version: parameter.version } });
  };

  const refused = (said = 'said by the gateway'): Reply =>
    json(401, { error_code: 'APIGW.0301', error_msg: `Incorrect IAM authentication information: ${said}` });

  const withKey = ({ owner, headers: { Authorization = '' } }: Request): Reply | undefined => {
    const now = clock.now();
    const key = /Access=([^,]+)/.exec(Authorization)?.[1] ?? '';
    if (key === `AK${accepted}` && now >= keyLockedUntil) {
      strikes = [];
      served.set(owner, key);
      return undefined;
    }
    strikes = [...strikes.filter(({ at }) => at > now - KEY_LOCK_MS), { at: now, owner }];
    // What has served is used side by side: when it ends, all that is under way is refused.
    if (served.get(owner) === key) return refused();
    const own = strikes.filter(strike => strike.owner === owner).length;
    if (strikes.length > KEY_STRIKES) keyLockedUntil = now + KEY_LOCK_MS;
    // Two instances may have two each; what many new instances add up to is not promised.
    if (own > 2 || (strikes.length > KEY_STRIKES && new Set(strikes.map(strike => strike.owner)).size <= 2))
      watch.onLocked('key');
    return refused();
  };

  return {
    dieTokens() {
      tokens.clear();
      // A person stores a new one a little later.
      if (kind === 'token') clock.after(clock.world, random.between(1, 10) * 60_000, handOver);
    },
    /** The password or key is replaced, on one side first. */
    beginRotation() {
      const next = Math.max(accepted, stored.content) + 1;
      const atStore = () => save(next);
      const atHuawei = () => {
        accepted = next;
        tokens.clear();
        handed = issue();
      };
      const isHuaweiFirst = random.chance(0.5);
      (isHuaweiFirst ? atHuawei : atStore)();
      endRotation = isHuaweiFirst ? atStore : atHuawei;
    },
    endRotation() {
      endRotation();
      // What was refused meanwhile is tried again once it is saved again.
      clock.after(clock.world, 60_000, () => save(accepted));
    },
    saveWrong: () => save(WRONG),
    saveRight: () => save(accepted),

    /** Why the gateway lets a call not pass; undefined where it does. */
    refusal(request: Request): Reply | undefined {
      const { headers } = request;
      if (faults.on('spell_401')) return refused(random.chance(0.2) ? headers['X-Auth-Token'] : undefined);
      if (headers.Authorization) return withKey(request);
      const token = tokens.get(headers['X-Auth-Token'] ?? '');
      if (!token || token.until <= clock.now()) return refused(headers['X-Auth-Token']);
      watch.onUsed(request.owner, token.sinceMs);
      return undefined;
    },

    serve(request: Request): Reply {
      if (request.host.startsWith('iam')) return logIn(request);
      if (request.host.startsWith('sts')) return sts();
      return store(request);
    },
  };
};

export type Accounts = ReturnType<typeof createAccounts>;
