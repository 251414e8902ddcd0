// Keys instead of passwords, through the handler: every request signed, and what becomes of refused signatures.
import { pass, useClock } from '../clock.ts';
import { fabricated, receipt, startEnvironment, useEnvironment } from '../environment.ts';
import { secret } from '../output/printed.ts';

const ACCESS_KEY = 'ACCESSKEYOFTHETESTS1';
const SECRET_KEY = secret('secretKeyOfTheTestsSecretKeyOfTheTests00');
const DOMAIN_ID = '0a1b2c3d4e5f60718293a4b5c6d7e8f9';
const SECURITY_TOKEN = secret(`securityTokenOfTheTests${'x'.repeat(400)}==`);

const permanent = { type: 'aksk', access_key: ACCESS_KEY, secret_key: SECRET_KEY };
const wrong = { ...permanent, secret_key: 'anotherSecretKeyAnotherSecretKeyAnother0' };
const accessKeys = { [ACCESS_KEY]: { secretKey: SECRET_KEY } };
const MINUTE_MS = 60_000;
/** More than are in flight at once. */
const MANY = 60;

const receipts = (count: number, prefix = 'case') =>
  Array.from({ length: count }, (_, index) => fabricated(receipt(`${prefix}-${index}`)));

const start = (setup: Parameters<typeof startEnvironment>[0] = {}) =>
  startEnvironment({ credentials: permanent, ...setup, huawei: { accessKeys, ...setup.huawei } });
type Started = Awaited<ReturnType<typeof start>>;

const failed = async (environment: Started, records: ReturnType<typeof receipts>) =>
  (await environment.invoke(records)).batchItemFailures.length;
/** The stand-in counts every signature it refuses; five in a row are the most. */
const refusals = ({ huawei }: Started) => huawei.requests.filter(({ status }) => status === 401);
const reasons = ({ lines }: Started) =>
  lines().flatMap(({ message, detail }) =>
    message === 'receipt.delayed' || message === 'receipt.left' ? [String(detail)] : [],
  );

useEnvironment();
useClock();

describe('a key that Huawei takes', () => {
  test.each([
    ['permanent', permanent, { secretKey: SECRET_KEY }],
    [
      'permanent, with the account',
      { ...permanent, domain_id: DOMAIN_ID },
      { secretKey: SECRET_KEY, domainId: DOMAIN_ID },
    ],
    [
      'temporary',
      { ...permanent, security_token: SECURITY_TOKEN, domain_id: DOMAIN_ID },
      { secretKey: SECRET_KEY, securityToken: SECURITY_TOKEN, domainId: DOMAIN_ID },
    ],
    ['with nulls', { ...permanent, security_token: null, domain_id: null }, { secretKey: SECRET_KEY }],
  ])('%s', async (_, credentials, key) => {
    const environment = await start({ credentials, huawei: { accessKeys: { [ACCESS_KEY]: key } } });
    const odd = ['a/b', '100%', '工单 é 😀', "!'()*", '~-_.', '+&=;:@,$', '"\\{}|^<>[]`', 'a?b#c', '%2F'];
    const records = odd.map((caseId, index) =>
      fabricated(receipt(caseId, index % 2 ? { group_id: 'Grüße 组', language: 'en-us' } : {})),
    );
    expect(await failed(environment, records)).toBe(0);
    expect(
      environment
        .marks()
        .map(({ caseId }) => caseId)
        .sort(),
    ).toEqual(odd.sort());
    expect(environment.marks().every(({ marked }) => marked)).toBe(true);
    expect(environment.logIns()).toEqual([]);
  });

  test('is tried by one call, and used by all others at once', async () => {
    const environment = await start({ huawei: { latencyMs: 50 } });
    expect(await failed(environment, receipts(MANY))).toBe(0);
    expect(environment.huawei.state().peakInFlight).toBeGreaterThan(40);
  });
});

describe('a receipt that holds the words of a refusal', () => {
  test.each([
    [200, { group_id: 'OSM.0002' }, 'marked'],
    [200, { error_code: 'OSM.01010015', group_id: 'OSM.0002' }, 'dead'],
    [500, { error_code: 'OSM.0002' }, 'left'],
  ])('answered %i %j speaks for itself alone: the next are called for', async (status, body, fate) => {
    const environment = await start();
    environment.huawei.faults.add({ does: 'answer', status, body, times: 1 });
    expect(await failed(environment, [fabricated(receipt('hostile', { group_id: 'OSM.0002' }))])).toBe(
      fate === 'left' ? 1 : 0,
    );
    expect(await failed(environment, receipts(10))).toBe(0);
    expect(environment.marks().filter(({ marked }) => marked)).toHaveLength(10);
    expect(environment.marks()).toHaveLength(11);
  });
});

describe('a key that Huawei refuses', () => {
  test('is shown once, with 60 receipts waiting, and left alone for an hour', async () => {
    const environment = await start({ credentials: wrong, huawei: { latencyMs: 20 } });
    for (let batch = 0; batch < 4; batch++) {
      expect(await failed(environment, receipts(MANY, `batch-${batch}`))).toBe(MANY);
      pass({ minutes: 14 });
    }
    expect(environment.huawei.requests).toHaveLength(1);
    pass({ minutes: 5 });
    expect(await failed(environment, receipts(MANY))).toBe(MANY);
    expect(environment.huawei.requests).toHaveLength(2);
    expect(environment.deadLetters()).toEqual([]);
    expect(environment.counts().log_ins_refused).toBe(2);
    expect(reasons(environment)[0]).toMatch(
      /^OSM answered 401: APIGW.0301 .*not tried again before .* unless the secret changes/,
    );
  });

  test('is replaced at once by another', async () => {
    const environment = await start({ credentials: wrong });
    expect(await failed(environment, receipts(MANY))).toBe(MANY);
    await environment.store(permanent);
    expect(await failed(environment, receipts(MANY))).toBe(0);
    expect(refusals(environment)).toHaveLength(1);
  });

  test('is never so often tried that Huawei locks it', async () => {
    const environment = await start({ credentials: wrong });
    for (let hour = 0; hour < 5; hour++) {
      await failed(environment, receipts(MANY));
      pass({ minutes: 61 });
    }
    expect(environment.huawei.requests.map(({ body }) => body)).toHaveLength(5);
    await environment.store(permanent);
    expect(await failed(environment, receipts(1))).toBe(0);
  });

  test('says how far the clocks are apart', async () => {
    const environment = await start({ huawei: { clockOffsetMs: -20 * MINUTE_MS } });
    expect(await failed(environment, receipts(3))).toBe(3);
    expect(reasons(environment)[0]).toMatch(/our clock is (1199|1200|1201) s ahead of theirs/);
  });

  test('a clock that is minutes off is still within what Huawei takes', async () => {
    const environment = await start({ huawei: { clockOffsetMs: 14 * MINUTE_MS } });
    expect(await failed(environment, receipts(3))).toBe(0);
  });
});

describe('a key that has served', () => {
  const refusal = { does: 'answer', status: 401, body: { error_code: 'APIGW.0301' } } as const;

  test('is not condemned by one odd refusal', async () => {
    const environment = await start();
    expect(await failed(environment, receipts(MANY))).toBe(0);
    environment.huawei.faults.add({ ...refusal, times: 1 });
    expect(await failed(environment, receipts(1))).toBe(1);
    expect(await failed(environment, receipts(MANY))).toBe(0);
  });

  test('nor by odd ones now and then', async () => {
    const environment = await start();
    expect(await failed(environment, receipts(5))).toBe(0);
    for (let odd = 0; odd < 6; odd++) {
      environment.huawei.faults.add({ ...refusal, times: 1 });
      await failed(environment, receipts(1));
      expect(await failed(environment, receipts(5, `after-${odd}`))).toBe(0);
    }
  });

  test('is not shown again where another is stored after one refusal', async () => {
    const other = { ...permanent, access_key: 'ACCESSKEYOFTHETESTS2' };
    const keys = { ...accessKeys, [other.access_key]: { secretKey: SECRET_KEY } };
    const environment = await start({ huawei: { accessKeys: keys } });
    expect(await failed(environment, receipts(5))).toBe(0);
    const byFirst = ({ headers }: { headers: { authorization?: string | undefined } }) =>
      headers.authorization?.includes(ACCESS_KEY) ?? false;
    environment.huawei.faults.add({ ...refusal, match: byFirst });
    expect(await failed(environment, receipts(1))).toBe(1);
    await environment.store(other);
    expect(await failed(environment, receipts(MANY))).toBe(0);
    expect(refusals(environment)).toHaveLength(1);
  });

  test('is given up after three in a row', async () => {
    const environment = await start();
    expect(await failed(environment, receipts(5))).toBe(0);
    environment.huawei.faults.add(refusal);
    for (let batch = 0; batch < 5; batch++) await failed(environment, receipts(1, `batch-${batch}`));
    expect(refusals(environment)).toHaveLength(3);
  });

  test('and is deleted under load, costs at most what was in flight', async () => {
    const environment = await start({ huawei: { latencyMs: 20 } });
    expect(await failed(environment, receipts(MANY))).toBe(0);
    environment.huawei.faults.add(refusal);
    expect(await failed(environment, receipts(5 * MANY))).toBe(5 * MANY);
    expect(refusals(environment).length).toBeLessThanOrEqual(50 + 3);
    environment.huawei.faults.clear();
    await environment.store({ ...permanent, access_key: 'ACCESSKEYOFTHETESTS1', note: 'made again' });
    expect(await failed(environment, receipts(MANY, 'again'))).toBe(0);
  });
});

describe('no proof of a key', () => {
  test.each([
    ['a gateway in trouble', { does: 'html502' }],
    ['a broken connection', { does: 'reset' }],
    ['a throttled call', { does: 'retry_after', after: 1 }],
  ] as const)('%s: the next call is a trial too', async (_, fault) => {
    const environment = await start({ credentials: wrong, huawei: { latencyMs: 20 } });
    environment.huawei.faults.add({ ...fault, times: 1 });
    expect(await failed(environment, receipts(MANY))).toBe(MANY);
    expect(refusals(environment)).toHaveLength(1);
  });
});
