// A log-in: what it asks for, made once for all, renewed beside the calls.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../../lib/credentials/secret-store.ts';
import { pass, useClock } from '../clock.ts';
import { context, fabricated, passwordCredentials, receipt, useEnvironment } from '../environment.ts';
import { type Kind, MANY, mark, type Started, start } from './kinds.ts';

useEnvironment();
useClock();

const logIns = ({ huawei }: Pick<Started, 'huawei'>) =>
  huawei.requests.filter(({ kind }) => kind === 'log_in' || kind === 'id_token');
const statuses = (service: Started) => service.marks().map(({ status }) => status);
const byLogIn: Kind[] = ['password', 'oidc'];

test.each<[string, Scope | undefined, object]>([
  ['none: the domain', undefined, { domain: { name: 'acme' } }],
  ['a domain by name', { domain: 'acme' }, { domain: { name: 'acme' } }],
  ['a domain by id', { domain: { id: '0a1b' } }, { domain: { id: '0a1b' } }],
  ['a project by name', { project: 'ap-southeast-3' }, { project: { name: 'ap-southeast-3' } }],
  ['a project by id', { project: { id: '9f8e' } }, { project: { id: '9f8e' } }],
])('asks for the scope that is stored: %s', async (_, scope, wanted) => {
  const service = await start('password', { credentials: { ...passwordCredentials, scope } });
  const [request] = logIns(service);
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
    expect(await mark(service, 20)).toBe(0);
    while (logIns(service).length < 2) await sleep(5);
    for (let batch = 0; batch < 2; batch++) expect(await mark(service, 20)).toBe(0);
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

  test('that nobody answers is renewed again in a quarter of an hour: it may have been refused', async () => {
    const service = await start(kind);
    await mark(service);
    pass({ hours: 23, minutes: 31 });
    service.huawei.faults.add({ does: 'reset', match: ({ kind }) => /log_in|id_token/.test(kind) });
    for (let minute = 0; minute < 14; minute++) {
      expect(await mark(service)).toBe(0);
      pass({ minutes: 1 });
    }
    expect(logIns(service)).toHaveLength(2);
    pass({ minutes: 1 });
    expect(await mark(service)).toBe(0);
    expect(logIns(service)).toHaveLength(3);
  });
});

describe('a token', () => {
  test('that seems to have ended at once, as the clocks differ, is used until Huawei refuses it', async () => {
    const service = await start('password', { huawei: { clockOffsetMs: -2 * 86_400_000 } });
    for (let batch = 0; batch < 2; batch++) expect(await mark(service, 3)).toBe(0);
    expect(logIns(service)).toHaveLength(1);
  });

  test.each([
    [31_000, 32_768, undefined],
    [60_000, 100_000, undefined],
    [60_000, 32_768, { code: 'misconfigured', status: 494 }],
  ])(
    'of %i characters comes through to a gateway that takes %i',
    async (tokenBytes, headerLimitBytes, failure) => {
      const service = await start('password', { huawei: { tokenBytes, headerLimitBytes } });
      await service.deliver([{ body: receipt('1'), system: { ApproximateFirstReceiveTimestamp: '0' } }]);
      expect(String(service.marks()[0]?.headers['x-auth-token'])).toHaveLength(tokenBytes);
      expect(service.deadLetters()).toMatchObject(failure ? [{ failure }] : []);
      expect(logIns(service)).toHaveLength(1);
    },
  );

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

test('a secret that cannot be used: unauthorized, the place and nothing of the content is told, the next batch reads it again', async () => {
  const { aws, ...service } = await start('password', { store: 'ssm' });
  await service.put('user=relay password=right-password');
  service.huawei.requests.length = 0;
  const handler = await service.coldStart();
  await handler({ Records: [fabricated(receipt('1'), { ApproximateFirstReceiveTimestamp: '0' })] }, context);
  const failure = {
    code: 'unauthorized',
    detail: expect.stringMatching(/credentials ssm:\S+ .*is not JSON/),
  };
  expect(service.deadLetters()).toMatchObject([{ failure }]);
  expect(service.printed()).not.toContain('right-password');
  expect(service.huawei.requests).toEqual([]);
  const before = aws.calls.length;
  for (let batch = 0; batch < 3; batch++) expect(await mark({ handler }, 20)).toBe(20);
  expect(aws.calls.length - before).toBe(3);
  await service.put(passwordCredentials);
  pass({ seconds: 1 });
  expect(await mark({ handler })).toBe(0);
});
