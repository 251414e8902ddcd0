import { DAY_MS, HOUR_MS, MINUTE_MS, type Owner } from '../engine/clock.ts';
import { SECRET_MARK, SECRET_TAIL } from '../model.ts';
import type { Spec } from '../spec.ts';
import type { Parts } from './parts.ts';
import { answer, hang, json, type Reply, type Request } from './wire.ts';

/** More refused signatures than this within five minutes lock a key for as long. */
const KEY_STRIKES = 5;
const KEY_LOCK_MS = 5 * MINUTE_MS;
const ACCOUNT_LOCK_MS = 15 * MINUTE_MS;
const WRONG = 0;

const passwordOf = (content: number) => `${SECRET_MARK}${SECRET_TAIL.repeat(content)}`;
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { sub: 'arn:aws:iam::123456789012:role/relay', aud: 'huawei', iss: 'https://sts.example.com' };
const signed = `${base64({ alg: 'RS256', kid: 'key-1' })}.${base64(claims)}`;

/** IAM, STS and the store of the secret: who may call, and what the function knows of it. */
export const createAccounts = (
  { clock, random: randomFor, faults, oracle }: Parts,
  kind: NonNullable<Spec['credentials']>,
) => {
  const random = randomFor('accounts');
  /** What Huawei accepts, and what is stored; they differ while a rotation is under way. */
  let accepted = 1;
  let stored = { version: 1, content: 1 };
  let parameter = { value: 'none', version: 1 };
  /** Until when each is good. */
  const tokens = new Map<string, number>();
  let tokenNumber = 0;
  let refusedAt: number[] = [];
  let lockedUntil = 0;
  let strikes: { at: number; owner: Owner }[] = [];
  let keyLockedUntil = 0;
  /** The key that each process was answered with last. */
  const served = new Map<Owner, string>();
  const mostRefusals = random.int(3, 10);
  /** Short-lived ones are renewed amid the trouble of a day. */
  const tokenLifeMs = kind === 'token' ? DAY_MS : random.pick([1, 2, 24]) * HOUR_MS;

  const reply = (status: number, body: object, headers = {}): Reply =>
    json(status, body, 80, { date: new Date().toUTCString(), ...headers });

  const issue = (): string => {
    const token = `${SECRET_MARK}-token-${++tokenNumber}-${'x'.repeat(40)}`;
    tokens.set(token, clock.now() + tokenLifeMs);
    return token;
  };
  // A stored token is issued by a person, for a day at a time, and stored in time.
  let handed = issue();

  const save = (content: number) => {
    stored = { version: stored.version + 1, content };
  };
  const handOver = () => {
    handed = issue();
    if (stored.content === accepted) save(accepted);
  };
  const handOverDaily = () => {
    clock.after(clock.world, tokenLifeMs / 2, () => {
      handOver();
      handOverDaily();
    });
  };
  if (kind === 'token') handOverDaily();

  const secretOf = (content: number) =>
    ({
      password: { domain: 'acme', user: 'relay', password: passwordOf(content) },
      aksk: { access_key: `AK${content}`, secret_key: `${SECRET_MARK}-key-${content}` },
      token: { token: content === accepted ? handed : `${SECRET_MARK}-wrong-${content}` },
      oidc: { identity_provider: 'aws', audience: 'huawei', scope: { domain: 'acme' } },
    })[kind];

  const grant = (): Reply => {
    const token = issue();
    const expires_at = new Date(clock.now() + tokenLifeMs).toISOString().replace('Z', '000Z');
    return reply(201, { token: { expires_at } }, { 'x-subject-token': token });
  };

  const logIn = (request: Request): Reply => {
    if (faults.on('iam_down'))
      return random.pick([reply(503, {}), answer(403, '<html>no</html>', 30), hang, reply(429, {})]);
    if (request.path.startsWith('/v3.0/OS-AUTH')) return grant();
    const { password } = JSON.parse(request.body ?? '').auth.identity.password.user;
    const now = clock.now();
    refusedAt = refusedAt.filter(at => at > now - HOUR_MS);
    if (password === passwordOf(accepted) && now >= lockedUntil) return grant();
    refusedAt.push(now);
    oracle.refused(stored.version);
    if (refusedAt.length >= mostRefusals) {
      lockedUntil = now + ACCOUNT_LOCK_MS;
      oracle.locked('account');
    }
    const message = random.chance(0.3) ? `Wrong: ${password}` : 'The username or password is wrong.';
    return reply(401, { error: { code: 401, message, title: 'Unauthorized' } });
  };

  const identity = (): Reply => {
    const token = `<WebIdentityToken>${signed}.${SECRET_MARK}-${++tokenNumber}</WebIdentityToken>`;
    const end = `<Expiration>${new Date(clock.now() + 5 * MINUTE_MS).toISOString()}</Expiration>`;
    const result = `<GetWebIdentityTokenResult>${token}${end}</GetWebIdentityTokenResult>`;
    return answer(200, `<GetWebIdentityTokenResponse>${result}</GetWebIdentityTokenResponse>`, 40);
  };

  const store = ({ headers, body = '{}' }: Request): Reply => {
    const target = headers['X-Amz-Target'] ?? '';
    const input = JSON.parse(body);
    if (faults.on(target.startsWith('AmazonSSM.') ? 'refusals_down' : 'store_down'))
      return random.chance(0.5) ? reply(500, { __type: 'InternalServerError' }) : hang;
    if (target.endsWith('GetSecretValue')) {
      const SecretString = JSON.stringify({ type: kind, ...secretOf(stored.content) });
      return reply(200, { SecretString, VersionId: `version-${stored.version}` });
    }
    if (target.endsWith('PutParameter')) parameter = { value: input.Value, version: parameter.version + 1 };
    const { value, version } = parameter;
    return reply(200, { Version: version, Parameter: { Name: input.Name, Value: value, Version: version } });
  };

  const refused = (said = 'said by the gateway'): Reply =>
    reply(401, { error_code: 'APIGW.0301', error_msg: `Incorrect IAM authentication information: ${said}` });

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
    const isLocked = strikes.length > KEY_STRIKES;
    if (isLocked) keyLockedUntil = now + KEY_LOCK_MS;
    // Two instances may have two each; what many new instances add up to is not promised.
    if (own > 2 || (isLocked && new Set(strikes.map(strike => strike.owner)).size <= 2)) oracle.locked('key');
    return refused();
  };

  let endRotation = () => {};

  return {
    dieTokens() {
      tokens.clear();
      // A person stores a new one a little later.
      if (kind === 'token') clock.after(clock.world, random.between(1, 10) * MINUTE_MS, handOver);
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
      clock.after(clock.world, MINUTE_MS, () => save(accepted));
    },
    saveWrong: () => save(WRONG),
    saveRight: () => save(accepted),

    /** Why the gateway lets a call not pass; undefined where it does. */
    refusal(request: Request): Reply | undefined {
      const { 'X-Auth-Token': token = '', Authorization } = request.headers;
      if (faults.on('spell_401')) return refused(random.chance(0.2) ? token : undefined);
      if (Authorization) return withKey(request);
      if ((tokens.get(token) ?? 0) <= clock.now()) return refused(token);
      oracle.used(request.owner, token);
      return undefined;
    },

    serve(request: Request): Reply {
      if (request.host.startsWith('iam')) return logIn(request);
      return request.host.startsWith('sts') ? identity() : store(request);
    },
  };
};

export type Accounts = ReturnType<typeof createAccounts>;
