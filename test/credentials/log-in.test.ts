// A log-in: what it asks for, made once for all, renewed beside the calls.
import { pass, useClock } from '../clock.ts';
import {
  context,
  fabricated,
  passwordCredentials,
  receipt,
  startEnvironment,
  useEnvironment,
} from '../environment.ts';
import { type Kind, MANY, mark, type Started, type Store, start } from './kinds.ts';

useEnvironment();
useClock();

const logIns = ({ huawei }: Pick<Started, 'huawei'>) =>
  huawei.requests.filter(({ kind }) => kind === 'log_in' || kind === 'id_token');
const statuses = (service: Started) => service.marks().map(({ status }) => status);
const byLogIn: Kind[] = ['password', 'oidc'];

const scopes: [string, object | undefined, object][] = [
  ['none: the domain', undefined, { domain: { name: 'acme' } }],
  ['a domain by name', { domain: 'acme' }, { domain: { name: 'acme' } }],
  [
    'a domain by id',
    { domain: { id: '0a1b2c3d4e5f60718293a4b5c6d7e8f9' } },
    { domain: { id: '0a1b2c3d4e5f60718293a4b5c6d7e8f9' } },
  ],
  ['a project by name', { project: 'ap-southeast-3' }, { project: { name: 'ap-southeast-3' } }],
  [
    'a project by id',
    { project: { id: '9f8e7d6c5b4a39281706f5e4d3c2b1a0' } },
    { project: { id: '9f8e7d6c5b4a39281706f5e4d3c2b1a0' } },
  ],
];
test.each(scopes)('asks for the scope that is stored: %s', async (_, scope, wanted) => {
  const environment = await startEnvironment({ credentials: { ...passwordCredentials, scope } });
  expect(await mark(environment)).toBe(0);
  const [request] = environment.logIns();
  expect(request).toMatchObject({ rawPath: '/v3/auth/tokens?nocatalog=true' });
  expect(JSON.parse(request?.body ?? '').auth.scope).toEqual(wanted);
});

describe.each(byLogIn)('a log-in with a %s', kind => {
  test('is made once for all who wait, here and in invocations beside it, and kept', async () => {
    const service = await start(kind);
    service.huawei.iam.revokeTokens();
    service.huawei.faults.add({ does: 'slow', ms: 50, match: ({ kind }) => /log_in|id_token/.test(kind) });
    expect(await Promise.all([mark(service, MANY), mark(service, 5), mark(service, 5)])).toEqual([0, 0, 0]);
    for (let batch = 0; batch < 5; batch++) expect(await mark(service)).toBe(0);
    expect(logIns(service)).toHaveLength(2);
    const tokens = service.marks().filter(({ status }) => status === 200);
    expect(new Set(tokens.map(({ headers }) => headers['x-auth-token'])).size).toBe(1);
  });

  test.each([
    ['of a day', 86_400, { hours: 22 }, { hours: 1, minutes: 55 }],
    ['of ten minutes', 600, { minutes: 4 }, { minutes: 5 }],
  ])(
    'gives a token %s, used for the most of it and renewed before it ends',
    async (_, tokenSeconds, young, old) => {
      const service = await start(kind, { huawei: { tokenSeconds } });
      await mark(service);
      pass(young);
      await mark(service);
      expect(logIns(service)).toHaveLength(1);
      pass(old);
      expect(await mark(service, 2)).toBe(0);
      await service.settled();
      expect(logIns(service)).toHaveLength(2);
      expect(await mark(service, 2)).toBe(0);
      expect(statuses(service).every(status => status === 200)).toBe(true);
      expect(new Set(service.marks().map(({ headers }) => headers['x-auth-token'])).size).toBe(2);
    },
  );

  test('is renewed beside the calls: with IAM hanging, nothing waits while the old token is good', async () => {
    // Longer than a batch: what waited for the renewal would not be marked in its time.
    const service = await start(kind, { env: { REQUEST_TIMEOUT_MS: '60000' } });
    await mark(service);
    pass({ hours: 23, minutes: 40 });
    service.huawei.faults.add({ does: 'hang', match: ({ kind }) => /log_in|id_token/.test(kind) });
    for (let batch = 0; batch < 3; batch++) expect(await mark(service, 20)).toBe(0);
    expect(logIns(service)).toHaveLength(2);
  });

  test('that fails to renew is tried again in a minute, not at every mark', async () => {
    const service = await start(kind);
    await mark(service);
    pass({ hours: 23, minutes: 40 });
    service.huawei.faults.add({ does: 'html502', match: ({ kind }) => /log_in|id_token/.test(kind) });
    for (let batch = 0; batch < 3; batch++) {
      expect(await mark(service, 20)).toBe(0);
      await service.settled();
    }
    expect(logIns(service)).toHaveLength(2);
    service.huawei.faults.clear();
    pass({ minutes: 1 });
    expect(await mark(service)).toBe(0);
    await service.settled();
    expect(logIns(service)).toHaveLength(3);
  });
});

describe('a token', () => {
  test('that seems to have ended at once, as the clocks differ, is used until Huawei refuses it', async () => {
    const service = await start('password', { huawei: { clockOffsetMs: -2 * 86_400_000 } });
    for (let batch = 0; batch < 2; batch++) expect(await mark(service, 3)).toBe(0);
    expect(logIns(service)).toHaveLength(1);
  });

  test.each([3_000, 15_000, 17_000, 31_000])('of %i characters comes through', async tokenBytes => {
    const service = await start('password', { huawei: { tokenBytes } });
    expect(await mark(service, 3)).toBe(0);
    expect(String(service.marks()[0]?.headers['x-auth-token'])).toHaveLength(tokenBytes);
  });

  test.each([
    ['takes it', 100_000, undefined],
    ['does not take it', 32_768, { code: 'misconfigured', status: 494 }],
  ])('of 60,000 characters comes through to the gateway, which %s', async (_, headerLimitBytes, failure) => {
    const service = await start('password', { huawei: { tokenBytes: 60_000, headerLimitBytes } });
    await service.deliver([{ body: receipt('1'), system: { ApproximateFirstReceiveTimestamp: '0' } }]);
    expect(String(service.marks()[0]?.headers['x-auth-token'])).toHaveLength(60_000);
    expect(service.deadLetters()).toMatchObject(failure ? [{ failure }] : []);
    expect(logIns(service)).toHaveLength(1);
  });

  test('that is stored needs no IAM, and is read anew before it ends by its own date', async () => {
    const service = await start('token', { env: { IAM_ENDPOINT: undefined } });
    const stored = (seconds: number) => ({
      type: 'token',
      ...service.huawei.iam.issueToken(seconds),
    });
    const put = (seconds: number) => {
      const { expiresAt, ...token } = stored(seconds);
      return service.put({ ...token, expires_at: expiresAt });
    };
    await put(3600);
    const instance = { handler: await service.coldStart() };
    expect(await mark(instance)).toBe(0);
    await put(7200);
    for (const minutes of [50, 9, 50]) {
      pass({ minutes });
      expect(await mark(instance, 3)).toBe(0);
      await service.settled();
    }
    expect(statuses(service)).not.toContain(401);
    expect(logIns(service)).toEqual([]);
  });
});

test('no log-in is made for the sake of a batch in which nothing is to be marked', async () => {
  const service = await start('password');
  service.huawei.iam.revokeTokens();
  service.huawei.requests.length = 0;
  await service.invoke([fabricated('?'), fabricated('{}')]);
  expect(service.huawei.requests).toEqual([]);
});

test.each(['secretsmanager', 'ssm'] as const)('a secret in %s is read once and signed for', async store => {
  const { aws, ...service } = await start('password', { store });
  for (let batch = 0; batch < 3; batch++) expect(await mark(service, 5)).toBe(0);
  expect(aws.requests).toHaveLength(1);
  expect(aws.requests[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDFORTESTS\//);
});

test('a refused secret is read again once for each batch', async () => {
  const { aws, ...service } = await start('password', { store: 'ssm', wrong: true });
  await mark(service, 20);
  const before = aws.requests.length;
  for (let batch = 0; batch < 3; batch++) expect(await mark(service, 20)).toBe(20);
  expect(aws.requests.length - before).toBe(3);
});

// What a store may answer, secret-store.test.ts has in full.
test.each<[Store, string, string | { status: number; body: string } | 'hang' | 'reset', RegExp]>([
  ['file', 'not JSON', 'user=relay password=right-password', /is not JSON/],
  ['file', 'of a wrong shape', '{"type":"password","password":["right-password"]}', /look at domain/],
  ['secretsmanager', 'a list', '["right-password"]', /look at type/],
  ['secretsmanager', 'forbidden', { status: 400, body: '{"__type":"AccessDenied"}' }, /AccessDenied/],
  ['secretsmanager', 'in trouble', { status: 500, body: 'oops' }, /answered 500/],
  ['ssm', 'broken off', 'reset', /ECONNRESET|socket/],
  ['ssm', 'hanging', 'hang', /no whole answer/],
])(
  'a secret in %s that is %s: unauthorized, names the place and nothing of the content, and is read again by the next batch',
  async (store, _, what, reason) => {
    const service = await start('password', {
      store,
      env: { REQUEST_TIMEOUT_MS: what === 'hang' ? '1500' : '10000' },
    });
    if (typeof what === 'string' && what !== 'hang' && what !== 'reset') await service.put(what);
    else service.aws.fault = () => what;
    service.huawei.requests.length = 0;
    const handler = await service.coldStart();
    const old = [fabricated(receipt('1'), { ApproximateFirstReceiveTimestamp: '0' })];
    await handler({ Records: old }, context);
    const [letter] = service.deadLetters();
    expect(letter?.failure.code).toBe('unauthorized');
    expect(letter?.failure.detail).toMatch(new RegExp(`the stored credentials ${store}:`));
    expect(letter?.failure.detail).toMatch(reason);
    expect(service.printed()).not.toContain('right-password');
    expect(service.huawei.requests).toEqual([]);
    service.aws.fault = undefined;
    await service.put(passwordCredentials);
    pass({ seconds: 1 });
    expect(await mark({ handler })).toBe(0);
  },
);
