// What Huawei refused is left alone for its time, per version of the secret: here, and in all other instances.
import type { Intercept } from '../../local/aws/endpoint.ts';
import { pass, useClock } from '../clock.ts';
import { checkUp, useEnvironment } from '../environment.ts';
import { leaksIn, secret } from '../output/printed.ts';
import { type Kind, MANY, mark, reasons, refused, type Store, start, wrongOf } from './kinds.ts';

useEnvironment();
useClock();

/** Minutes it is left alone, and the most that Huawei sees of it within: a token has no lock to fear. */
const kinds: [Kind, number, number][] = [
  ['password', 61, 1],
  ['aksk', 6, 1],
  ['token', 1, 52],
  ['oidc', 1, 1],
];

describe.each(kinds)('a %s that Huawei refuses', (kind, minutes, most) => {
  test('is left alone for its time, by a thousand receipts and a check-up, and the reason says so', async () => {
    const service = await start(kind, { wrong: true, huawei: { latencyMs: 5 } });
    expect(await mark(service, 1000)).toBe(1000);
    const first = refused(service).length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(most);
    const said = reasons(service).filter(reason => !reason.startsWith('not called'));
    expect(said[0]).toMatch(/(IAM|OSM) answered 40\d: \S/);
    expect(said.at(-1)).toMatch(/not tried again before \d{4}-.*Z, unless the secret is saved again$/);
    pass({ minutes, seconds: -2 });
    expect(await mark(service, MANY)).toBe(MANY);
    expect(await mark(service, MANY)).toBe(MANY);
    expect(JSON.stringify(await checkUp(service.handler))).toMatch(/not tried again before/);
    expect(refused(service)).toHaveLength(first);
    pass({ minutes: 1 });
    expect(await mark(service, MANY)).toBe(MANY);
    expect(refused(service).length).toBeGreaterThan(first);
    expect(refused(service).length).toBeLessThanOrEqual(first + most);
    expect(service.deadLetters()).toEqual([]);
    expect(service.huawei.iam.isLocked()).toBe(false);
    expect(service.counts().log_ins_refused).toBe(2);
  });

  test('is replaced at once by another version, though the breaker was open', async () => {
    const service = await start(kind, { wrong: true });
    expect(await mark(service, MANY)).toBe(MANY);
    const before = refused(service).length;
    await service.put(wrongOf[kind]);
    expect(await mark(service, MANY)).toBe(MANY);
    expect(refused(service).length).toBeGreaterThan(before);
    expect(refused(service).length).toBeLessThanOrEqual(before + most);
    await service.put(await service.rightOf());
    expect(await mark(service, MANY)).toBe(0);
  });
});

test('a stored token that has ended by its own date is not sent', async () => {
  const service = await start('token', { wrong: true });
  await service.put({ ...wrongOf.token, expires_at: '2020-01-01T00:00:00Z' });
  expect(await mark({ handler: await service.coldStart() }, MANY)).toBe(MANY);
  expect(service.marks()).toEqual([]);
  expect(reasons(service).at(-1)).toMatch(/expired at 2020-01-01T00:00:00Z: store a new one/);
});

describe('a refused log-in that all instances remember', () => {
  const NAME = '/relay/refusals';
  const wrong = (given: { store?: Store; env?: Record<string, string> } = {}) =>
    start('password', {
      store: 'ssm',
      wrong: true,
      ...given,
      env: { REFUSALS_IN: `ssm:${NAME}`, ...given.env },
    });
  type Service = Awaited<ReturnType<typeof wrong>>;
  const failed = ({ huawei }: Service) => huawei.iam.failedLogIns;
  const coldBatch = async (service: Service) => mark({ handler: await service.coldStart() }, 3);

  test.each<Store>(['file', 'secretsmanager', 'ssm'])(
    'costs one in an hour of cold starts and check-ups, stored in %s',
    async store => {
      const service = await wrong({ store });
      for (let start = 0; start < 10; start++) {
        expect(await coldBatch(service)).toBe(3);
        pass({ minutes: 6 });
      }
      const checks = await checkUp(await service.coldStart());
      expect(checks.find(({ check }) => check === 'log-in')?.says).toMatch(/not tried again before/);
      expect(failed(service)).toBe(1);
      pass({ minutes: 2 });
      expect(await coldBatch(service)).toBe(3);
      expect(failed(service)).toBe(2);
      const note = service.aws.secrets.get(NAME) as string;
      expect(JSON.parse(note)).toEqual({
        version: expect.any(String),
        refused_at: new Date().toISOString(),
      });
      expect(service.aws.calls.findLast(({ action }) => action === 'PutParameter')?.body).toEqual({
        Name: NAME,
        Value: note,
        Type: 'String',
        Overwrite: true,
      });
      expect(leaksIn(note)).toEqual([]);
      expect(reasons(service).at(-1)).toMatch(/unless the secret is saved again/);
    },
  );

  test('is forgotten by another version, at once', async () => {
    const service = await wrong();
    await service.put(await service.rightOf());
    expect(await coldBatch(service)).toBe(0);
    await service.put({ ...wrongOf.password, password: secret('another-wrong-password') });
    expect(await coldBatch(service)).toBe(3);
    expect(await coldBatch(service)).toBe(3);
    expect(failed(service)).toBe(2);
  });

  test('costs two at most where instances start in the same second', async () => {
    const service = await wrong();
    await service.put(wrongOf.password);
    const before = failed(service);
    await Promise.all([coldBatch(service), coldBatch(service)]);
    for (let start = 0; start < 3; start++) await coldBatch(service);
    expect(failed(service) - before).toBeLessThanOrEqual(2);
  });

  test('with a time in the future counts as now', async () => {
    const service = await wrong();
    await service.put(await service.rightOf());
    const version = String(service.aws.secrets.versions('/relay/credentials'));
    service.aws.secrets.set(NAME, JSON.stringify({ version, refused_at: '2222-01-01T00:00:00.000Z' }));
    expect(await coldBatch(service)).toBe(3);
    pass({ minutes: 60 });
    expect(await coldBatch(service)).toBe(3);
    pass({ minutes: 2 });
    expect(await coldBatch(service)).toBe(0);
    expect(failed(service)).toBe(1);
  });

  test.each<[string, string | Awaited<ReturnType<Intercept>>, boolean]>([
    ['is new', '-', false],
    ['is no note', '{"version":7}', false],
    ['tells of another version', '{"version":"another","refused_at":"2020-01-01T00:00:00Z"}', false],
    ['is not there', { status: 400, body: '{"__type":"ParameterNotFound"}' }, true],
    ['is forbidden', { status: 400, body: '{"__type":"AccessDeniedException"}' }, true],
    ['hangs', 'hang', true],
    ['breaks off', 'reset', true],
  ])('costs no log-in, at most a warning, where the parameter %s', async (_, found, warns) => {
    // Longer than a batch: what waited so long for the parameter would not be marked in its time.
    const service = await wrong({ env: { REQUEST_TIMEOUT_MS: '60000' } });
    await service.put(await service.rightOf());
    if (!warns) service.aws.secrets.set(NAME, `${found}`);
    else service.aws.intercept = ({ body }, forward) => (body.Name === NAME ? (found as 'hang') : forward());
    const warnings = () => service.lines().filter(({ message }) => message === 'refusals.unreachable').length;
    const before = warnings();
    expect(await coldBatch(service)).toBe(0);
    expect(warnings() - before).toBe(warns ? 1 : 0);
    await service.put(wrongOf.password);
    expect(await coldBatch(service)).toBe(3);
    expect(failed(service)).toBe(2);
  });

  test('is looked up beside the secret, which is not waited for', async () => {
    const service = await wrong();
    await service.put(await service.rightOf());
    const isAsked = Promise.withResolvers<void>();
    service.aws.intercept = async ({ body }, forward) => {
      if (body.Name === NAME) isAsked.resolve();
      else await isAsked.promise;
      return forward();
    };
    expect(await coldBatch(service)).toBe(0);
  });

  test.each<Kind>(['aksk', 'token', 'oidc'])(
    'is nothing for a %s: no trouble with it is told, or waited for',
    async kind => {
      const env = { REFUSALS_IN: `ssm:${NAME}`, REQUEST_TIMEOUT_MS: '60000' };
      const service = await start(kind, { env });
      service.aws.intercept = ({ body }, forward) => (body.Name === NAME ? 'hang' : forward());
      service.huawei.requests.length = 0;
      const handler = await service.coldStart();
      if (kind !== 'token') expect(service.huawei.requests).toHaveLength(1);
      expect(await mark({ handler }, 3)).toBe(0);
      expect(service.printed()).not.toContain('refusals.unreachable');
    },
  );
});

test("any other failed log-in, and a gateway's HTML, is the answer of all for a second, or for its Retry-After", async () => {
  const service = await start('password');
  const handler = await service.coldStart();
  service.huawei.iam.revokeTokens();
  for (const status of [502, 401]) {
    service.huawei.faults.add({
      does: 'answer',
      status,
      body: '<html>',
      match: { kind: 'log_in' },
      times: 1,
    });
    expect(await mark({ handler })).toBe(1);
    expect(await mark({ handler })).toBe(1);
    pass({ seconds: 1 });
  }
  service.huawei.faults.add({ does: 'retry_after', after: 30, match: { kind: 'log_in' }, times: 1 });
  expect(await mark({ handler })).toBe(1);
  pass({ seconds: 29 });
  expect(await mark({ handler })).toBe(1);
  pass({ seconds: 2 });
  expect(await mark({ handler })).toBe(0);
  expect(service.deadLetters()).toEqual([]);
});
