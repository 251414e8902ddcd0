// The token: got once, kept, renewed early, forgotten when Huawei refuses it; and where its secret is stored.
import { startAwsStores } from '../aws-stores.ts';
import { pass, useClock } from '../clock.ts';
import {
  closeAfter,
  type Environment,
  fabricated,
  learnTokens,
  passwordCredentials,
  receipt,
  startEnvironment,
  useEnvironment,
} from '../environment.ts';
import { secret } from '../output/printed.ts';

useEnvironment();
useClock();

let names = 0;
const receipts = (count: number) => Array.from({ length: count }, () => fabricated(receipt(`c-${++names}`)));
const failuresOf = async (response: Promise<{ batchItemFailures: object[] }>) =>
  (await response).batchItemFailures.length;
const mark = (environment: Environment, count = 1) => failuresOf(environment.invoke(receipts(count)));
const statuses = (environment: Environment) => environment.marks().map(({ status }) => status);
const wrong = { ...passwordCredentials, password: 'wrong-password-of-the-tests' };

describe('a log-in', () => {
  test('is made once for all that wait for it', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'slow', ms: 50, match: { kind: 'log_in' } }] },
    });
    expect(await mark(environment, 60)).toBe(0);
    expect(environment.logIns()).toHaveLength(1);
  });

  test('is made once for invocations at the same time', async () => {
    const environment = await startEnvironment();
    expect(await Promise.all([mark(environment, 5), mark(environment, 5), mark(environment, 5)])).toEqual([
      0, 0, 0,
    ]);
    expect(environment.logIns()).toHaveLength(1);
  });

  test('is not made for a batch in which nothing is to be marked', async () => {
    const environment = await startEnvironment();
    await environment.invoke([fabricated('?'), fabricated('{}')]);
    expect(environment.huawei.requests).toEqual([]);
  });

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
  test.each(scopes)('asks for the scope that is stored: %s', async (_, scope, asked) => {
    const environment = await startEnvironment({ credentials: { ...passwordCredentials, scope } });
    expect(await mark(environment)).toBe(0);
    const [request] = environment.logIns();
    expect(request).toMatchObject({ rawPath: '/v3/auth/tokens?nocatalog=true' });
    expect(JSON.parse(request?.body ?? '').auth.scope).toEqual(asked);
  });

  test('that fails for now is tried again by the next batch: nothing is kept', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'html502', times: 1, match: { kind: 'log_in' } }] },
    });
    expect(await mark(environment)).toBe(1);
    expect(await mark(environment)).toBe(0);
  });

  test('that is tried again after a refused one tells its own failure', async () => {
    const environment = await startEnvironment({ credentials: wrong });
    await environment.deliver([receipt('1')]);
    pass({ hours: 1, minutes: 1 });
    environment.huawei.faults.add({ does: 'html502', match: { kind: 'log_in' } });
    await environment.deliver([{ body: receipt('2'), system: { ApproximateFirstReceiveTimestamp: '0' } }]);
    expect(environment.deadLetters().map(({ failure }) => failure.code)).toEqual(['unavailable']);
  });

  test('after a secret that could not be read tells its own failure', async () => {
    const environment = await startEnvironment({
      credentials: null,
      huawei: { faults: [{ does: 'html502', match: { kind: 'log_in' } }] },
    });
    const old = { ApproximateFirstReceiveTimestamp: '0' };
    await environment.deliver([{ body: receipt('1'), system: old }]);
    await environment.store(passwordCredentials);
    await environment.deliver([{ body: receipt('2'), system: old }]);
    expect(environment.deadLetters().map(({ failure }) => failure.code)).toEqual([
      'unauthorized',
      'unavailable',
    ]);
  });
});

describe('a token', () => {
  test('is kept from one invocation to the next', async () => {
    const environment = await startEnvironment();
    for (let i = 0; i < 5; i++) expect(await mark(environment)).toBe(0);
    expect(environment.logIns()).toHaveLength(1);
    expect(new Set(environment.marks().map(({ headers }) => headers['x-auth-token'])).size).toBe(1);
  });

  test('is renewed before it ends', async () => {
    const environment = await startEnvironment();
    await mark(environment);
    pass({ hours: 22 });
    await mark(environment);
    expect(environment.logIns()).toHaveLength(1);
    pass({ hours: 1, minutes: 55 });
    expect(await mark(environment)).toBe(0);
    expect(environment.logIns()).toHaveLength(2);
    expect(statuses(environment)).toEqual([200, 200, 200]);
  });

  test('of a short life is used for the most of it', async () => {
    const environment = await startEnvironment({ huawei: { tokenSeconds: 600 } });
    await mark(environment);
    pass({ minutes: 4 });
    await mark(environment);
    expect(environment.logIns()).toHaveLength(1);
    pass({ minutes: 5 });
    await mark(environment);
    expect(environment.logIns()).toHaveLength(2);
    expect(statuses(environment)).toEqual([200, 200, 200]);
  });

  test('serves on where its early renewal fails, and log-ins are not tried at every mark', async () => {
    const environment = await startEnvironment();
    await mark(environment);
    pass({ hours: 23, minutes: 40 });
    environment.huawei.faults.add({ does: 'html502', match: { kind: 'log_in' } });
    expect(await mark(environment, 20)).toBe(0);
    expect(await mark(environment, 20)).toBe(0);
    expect(environment.logIns()).toHaveLength(2);
    environment.huawei.faults.clear();
    pass({ minutes: 2 });
    expect(await mark(environment)).toBe(0);
    expect(environment.logIns()).toHaveLength(3);
  });

  test('that seems to have ended at once, as the clocks differ, is used until Huawei refuses it', async () => {
    const environment = await startEnvironment({ huawei: { clockOffsetMs: -2 * 86_400_000 } });
    expect(await mark(environment, 3)).toBe(0);
    expect(await mark(environment, 3)).toBe(0);
    expect(environment.logIns()).toHaveLength(1);
  });

  test.each([3_000, 15_000, 17_000, 31_000])('of %i characters comes through', async tokenBytes => {
    const environment = await startEnvironment({ huawei: { tokenBytes } });
    expect(await mark(environment, 3)).toBe(0);
    expect(String(environment.marks()[0]?.headers['x-auth-token'])).toHaveLength(tokenBytes);
  });

  test('of 60,000 characters comes through to the gateway, and its 494 is misconfigured', async () => {
    const environment = await startEnvironment({ huawei: { tokenBytes: 60_000 } });
    const { failed } = await environment.deliver([
      receipt('1'),
      { body: receipt('2'), system: { ApproximateFirstReceiveTimestamp: '0' } },
    ]);
    expect(failed).toEqual([0]);
    expect(String(environment.marks()[0]?.headers['x-auth-token'])).toHaveLength(60_000);
    expect(environment.deadLetters()).toMatchObject([{ failure: { code: 'misconfigured', status: 494 } }]);
    expect(environment.logIns()).toHaveLength(1);
  });

  test('of 60,000 characters serves where the gateway takes it', async () => {
    const environment = await startEnvironment({ huawei: { tokenBytes: 60_000, headerLimitBytes: 100_000 } });
    expect(await mark(environment, 3)).toBe(0);
  });
});

describe('a 401', () => {
  test('makes one log-in, however many were under way', async () => {
    const environment = await startEnvironment();
    await mark(environment);
    environment.huawei.iam.revokeTokens();
    expect(await mark(environment, 60)).toBe(0);
    expect(environment.logIns()).toHaveLength(2);
    expect(environment.huawei.osm.marks).toBe(61);
  });

  test('that comes late, about a token renewed since, makes none', async () => {
    const environment = await startEnvironment();
    await mark(environment);
    environment.huawei.iam.revokeTokens();
    // The answers to these stay away until the fresh token is there.
    environment.huawei.faults.add({ does: 'slow', ms: 150, times: 3, match: { kind: 'mark' } });
    expect(await mark(environment, 10)).toBe(0);
    expect(environment.logIns()).toHaveLength(2);
    expect(environment.huawei.osm.marks).toBe(11);
  });

  test('that no token cures is repeated once for each mark, and is no refused log-in', async () => {
    const environment = await startEnvironment({
      huawei: {
        faults: [
          { does: 'answer', status: 401, body: { error_code: 'APIGW.0307' }, match: { kind: 'mark' } },
        ],
      },
    });
    expect(await mark(environment, 3)).toBe(3);
    expect(environment.marks()).toHaveLength(6);
    environment.huawei.faults.clear();
    pass({ minutes: 1 });
    expect(await mark(environment)).toBe(0);
  });

  test('with the right password, once Huawei is well again, is over at once', async () => {
    const environment = await startEnvironment();
    await mark(environment);
    environment.huawei.faults.add({ does: 'answer', status: 401, times: 2, match: { kind: 'mark' } });
    expect(await mark(environment)).toBe(1);
    expect(await mark(environment)).toBe(0);
  });
});

describe('a refused log-in', () => {
  test('is not tried again within an hour, whatever comes', async () => {
    const environment = await startEnvironment({ credentials: wrong });
    for (let i = 0; i < 5; i++) {
      expect(await mark(environment, 10)).toBe(10);
      pass({ minutes: 11 });
    }
    expect(environment.logIns()).toHaveLength(1);
    expect(environment.huawei.iam.lockState('relay')).toEqual({ locked: false, failures: 1 });
    pass({ minutes: 10 });
    expect(await mark(environment, 10)).toBe(10);
    expect(environment.logIns()).toHaveLength(2);
    expect(environment.marks()).toEqual([]);
  });

  test('heals by itself when the secret changes: the next batch is marked, though the breaker was open', async () => {
    const environment = await startEnvironment({ credentials: wrong });
    expect(await mark(environment, 60)).toBe(60);
    await environment.store(passwordCredentials);
    expect(await mark(environment, 60)).toBe(0);
    expect(environment.logIns()).toHaveLength(2);
  });

  test('is one for each secret: another wrong one costs one more', async () => {
    const environment = await startEnvironment({ credentials: wrong });
    await mark(environment, 5);
    await environment.store({ ...wrong, password: 'another-wrong-password' });
    await mark(environment, 5);
    await mark(environment, 5);
    await environment.store(wrong);
    await mark(environment, 5);
    expect(environment.logIns()).toHaveLength(2);
  });

  test('is not spent on a password that was changed while its token still serves', async () => {
    const environment = await startEnvironment();
    await mark(environment);
    await environment.store(wrong);
    expect(await mark(environment, 5)).toBe(0);
    expect(environment.logIns()).toHaveLength(1);
  });

  test('tells how to get out: what was refused, and until when nothing is tried', async () => {
    const environment = await startEnvironment({ credentials: wrong });
    await environment.deliver([{ body: receipt('1'), system: { ApproximateFirstReceiveTimestamp: '0' } }]);
    const [letter] = environment.deadLetters();
    expect(letter?.failure).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(letter?.failure.detail).toMatch(/IAM.*401.*password is wrong/);
  });
});

describe('a stored token', () => {
  const stored = (token: string, expires_at?: string) => ({
    type: 'token',
    token: secret(token),
    ...(expires_at && { expires_at }),
  });

  test('is used as it is, without a log-in or IAM', async () => {
    const environment = await startEnvironment({ env: { IAM_ENDPOINT: undefined } });
    const { token, expiresAt } = environment.huawei.iam.issueToken('relay');
    await environment.store(stored(token, expiresAt));
    expect(await mark(environment, 3)).toBe(0);
    expect(environment.logIns()).toEqual([]);
  });

  test('that is refused is read anew, and the mark is made with the new one', async () => {
    const environment = await startEnvironment();
    await environment.store(stored(environment.huawei.iam.issueToken('relay').token));
    await mark(environment);
    environment.huawei.iam.revokeTokens();
    await environment.store(stored(environment.huawei.iam.issueToken('relay').token));
    expect(await mark(environment, 3)).toBe(0);
  });

  test('that ends by its own date is read anew before', async () => {
    const environment = await startEnvironment();
    const first = environment.huawei.iam.issueToken('relay', 3600);
    await environment.store(stored(first.token, first.expiresAt));
    await mark(environment);
    const second = environment.huawei.iam.issueToken('relay', 7200);
    await environment.store(stored(second.token, second.expiresAt));
    pass({ minutes: 59 });
    expect(await mark(environment, 3)).toBe(0);
    expect(statuses(environment)).not.toContain(401);
  });

  test('that is refused and not replaced is unauthorized, without a call for every mark', async () => {
    const environment = await startEnvironment({ env: { MAX_IN_FLIGHT: '1' } });
    await environment.store(stored(environment.huawei.iam.issueToken('relay').token));
    environment.huawei.iam.revokeTokens();
    expect(await mark(environment, 30)).toBe(30);
    expect(environment.marks().length).toBeLessThan(10);
    await environment.store(stored(environment.huawei.iam.issueToken('relay').token));
    expect(await mark(environment, 30)).toBe(0);
  });
});

test('password credentials without IAM_ENDPOINT are misconfigured, and the reason names the variable', async () => {
  const environment = await startEnvironment({ env: { IAM_ENDPOINT: undefined } });
  await environment.deliver([{ body: receipt('1'), system: { ApproximateFirstReceiveTimestamp: '0' } }]);
  expect(environment.deadLetters()).toMatchObject([
    { failure: { code: 'misconfigured', detail: expect.stringContaining('IAM_ENDPOINT') } },
  ]);
});

describe.each([
  ['secretsmanager', 'read-receipt-relay/dev', 'AWS_ENDPOINT_URL_SECRETS_MANAGER'],
  ['ssm', '/read-receipt-relay/dev', 'AWS_ENDPOINT_URL_SSM'],
])('credentials stored in %s', (store, id, variable) => {
  const start = async (content: string | undefined) => {
    const stores = closeAfter(await startAwsStores());
    if (content !== undefined) stores.secrets.set(id, content);
    const env = { CREDENTIALS_FROM: `${store}:${id}`, [variable]: stores.url, REQUEST_TIMEOUT_MS: '400' };
    return { stores, environment: await startEnvironment({ env }) };
  };
  const good = JSON.stringify(passwordCredentials);
  const readings = ({ requests }: Awaited<ReturnType<typeof startAwsStores>>) =>
    requests.filter(({ body }) => (body.VersionStage ?? 'AWSCURRENT') === 'AWSCURRENT');

  test('are read once and signed for', async () => {
    const { stores, environment } = await start(good);
    expect(await mark(environment, 5)).toBe(0);
    expect(await mark(environment, 5)).toBe(0);
    expect(stores.requests).toHaveLength(1);
    expect(stores.requests[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDFORTESTS\//);
  });

  test('that are missing are unauthorized; the reason names the store and the id', async () => {
    const { environment } = await start(undefined);
    await environment.deliver([{ body: receipt('1'), system: { ApproximateFirstReceiveTimestamp: '0' } }]);
    const [letter] = environment.deadLetters();
    expect(letter?.failure.code).toBe('unauthorized');
    expect(letter?.failure.detail).toContain(`${store}:${id}`);
    expect(letter?.failure.detail).toMatch(/NotFound/);
  });

  test.each([
    ['not JSON', 'user=relay password=right-password'],
    ['of a wrong shape', '{"type":"password","domain":"acme","user":"relay","password":["right-password"]}'],
    ['a list', '["right-password"]'],
  ])('that are %s are unauthorized; the reason holds nothing of the content', async (_, content) => {
    const { environment } = await start(content);
    await environment.deliver([{ body: receipt('1'), system: { ApproximateFirstReceiveTimestamp: '0' } }]);
    const [letter] = environment.deadLetters();
    expect(letter?.failure.code).toBe('unauthorized');
    expect(letter?.failure.detail).toContain(`${store}:${id}`);
    expect(letter?.failure.detail).not.toContain('right');
    expect(environment.printed()).not.toContain('right-password');
  });

  test.each([
    ['refuses', { status: 400, body: '{"__type":"com.amazonaws#AccessDeniedException","Message":"no"}' }],
    ['answers 500', { status: 500, body: 'oops' }],
    ['answers without a value', { status: 200, body: '{}' }],
    ['answers HTML', { status: 200, body: '<html>' }],
    ['breaks the connection', 'reset' as const],
    ['hangs', 'hang' as const],
  ])('are unauthorized where the store %s, and are read again by the next batch', async (_, fault) => {
    const { stores, environment } = await start(good);
    stores.fault = () => fault;
    await environment.deliver([
      receipt('1'),
      { body: receipt('2'), system: { ApproximateFirstReceiveTimestamp: '0' } },
    ]);
    expect(environment.deadLetters().map(({ failure }) => failure.code)).toEqual(['unauthorized']);
    stores.fault = undefined;
    expect(await mark(environment)).toBe(0);
  });

  test('are read again once for each batch while they are refused, and heal when they change', async () => {
    const { stores, environment } = await start(JSON.stringify(wrong));
    await mark(environment, 20);
    const before = readings(stores).length;
    await mark(environment, 20);
    await mark(environment, 20);
    expect(readings(stores).length - before).toBe(2);
    stores.secrets.set(id, good);
    expect(await mark(environment, 20)).toBe(0);
    expect(environment.huawei.iam.failedLogIns).toBeLessThanOrEqual(1);
    learnTokens(environment.huawei);
  });
});
