// Credentials that change while receipts come in: at Huawei and where they are stored, in either order, with a
// gap between. Two instances, a round of receipts every five seconds; what failed comes again in the next round.
import { jest } from '@jest/globals';
import type { SQSRecord } from 'aws-lambda';
import { startAwsStores } from '../aws-stores.ts';
import {
  closeAfter,
  fabricated,
  type Handler,
  passwordCredentials,
  receipt,
  startEnvironment,
  useEnvironment,
} from '../environment.ts';
import { secret } from '../output/printed.ts';

const ROUND_MS = 5_000;
const MOST_ROUNDS = 12; // a minute
const HOUR_MS = 3_600_000;
const RECEIPTS = 12;

const before = passwordCredentials;
const after = { ...before, password: secret('the-password-after') };

/** Secrets Manager and SSM as they keep what was there before. */
const startStores = async () => {
  const stores = closeAfter(await startAwsStores());
  const versions: { text: string; at: number }[] = [];
  stores.fault = ({ target, body }) => {
    const parameter = target.startsWith('AmazonSSM');
    const index = parameter
      ? Number(String(body.Name).split(':')[1] ?? versions.length) - 1
      : versions.length - (body.VersionStage === 'AWSPREVIOUS' ? 2 : 1);
    const found = versions[index];
    if (!found) return { status: 400, body: '{"__type":"ResourceNotFoundException"}' };
    const { text, at } = found;
    const answer = parameter
      ? { Parameter: { Value: text, Version: index + 1, LastModifiedDate: at / 1000 } }
      : { SecretString: text, CreatedDate: at / 1000 };
    return { status: 200, body: JSON.stringify(answer) };
  };
  const put = async (content: object) => {
    versions.push({ text: JSON.stringify(content), at: Date.now() });
  };
  return { url: stores.url, put };
};

const pass = (ms: number) => jest.setSystemTime(Date.now() + ms);

const start = async (kind: string, credentials: object, accessKeys = {}) => {
  const stores = await startStores();
  const from = { file: undefined, secretsmanager: 'secretsmanager:relay', ssm: 'ssm:/relay' }[kind];
  await stores.put(credentials);
  pass(48 * HOUR_MS); // what is stored is not new
  const environment = await startEnvironment({
    credentials,
    huawei: { accessKeys },
    env: {
      ...(from && { CREDENTIALS_FROM: from }),
      AWS_ENDPOINT_URL_SECRETS_MANAGER: stores.url,
      AWS_ENDPOINT_URL_SSM: stores.url,
    },
  });
  const instances: Handler[] = [environment.handler];
  const coldStart = async () => {
    const { handler } = await import(`../../handlers/mark-as-read.ts?rotation-${Math.random()}`);
    instances.push(handler);
  };
  await coldStart();

  let sent = 0;
  const waiting: SQSRecord[][] = [];
  /** New receipts and those that failed, for each instance. Gives how many failed. */
  const round = async () => {
    pass(ROUND_MS);
    const context = { awsRequestId: 'round', getRemainingTimeInMillis: () => 20_000 };
    const failures = await Promise.all(
      instances.map(async (handler, index) => {
        const fresh = Array.from({ length: RECEIPTS }, () => fabricated(receipt(`case-${++sent}`)));
        const Records = [...(waiting[index] ?? []), ...fresh];
        const failed = new Set(
          (await handler({ Records }, context)).batchItemFailures.map(each => each.itemIdentifier),
        );
        waiting[index] = Records.filter(({ messageId }) => failed.has(messageId));
        return failed.size;
      }),
    );
    return failures.reduce((a, b) => a + b, 0);
  };
  const rounds = async (count: number) => {
    for (let index = 0; index < count; index++) await round();
  };
  /** A few rounds, spread over so many minutes. Gives how many receipts failed. */
  const minutes = async (count: number) => {
    let failures = 0;
    for (let index = 0; index < Math.min(3, count * 3); index++) {
      pass((count * 60_000) / 3 - ROUND_MS);
      failures += await round();
    }
    return failures;
  };
  /** Goes on until nothing fails; gives the seconds that took, a minute at most. */
  const healed = async () => {
    for (let count = 1; count <= MOST_ROUNDS; count++)
      if ((await round()) === 0) return (count * ROUND_MS) / 1000;
    return Number.POSITIVE_INFINITY;
  };
  const { huawei } = environment;
  return {
    ...environment,
    instances,
    coldStart,
    round,
    rounds,
    minutes,
    healed,
    put: kind === 'file' ? environment.store : stores.put,
    /** No receipt lost, none dead, nobody locked out. */
    expectWhole() {
      const marked = huawei.requests.filter(each => each.marked).map(each => each.caseId);
      expect(new Set(marked).size).toBe(sent);
      expect(environment.deadLetters()).toEqual([]);
      expect(huawei.iam.lockState('relay')).toEqual({ locked: false, failures: 0 });
    },
  };
};

useEnvironment();
beforeEach(() => {
  const others = ['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'];
  const timers = ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'];
  jest.useFakeTimers({ now: Date.now(), doNotFake: [...others, ...timers] as 'hrtime'[] });
});
afterEach(() => {
  jest.useRealTimers();
});

const kinds = ['file', 'secretsmanager', 'ssm'];
/** Minutes; where the credentials are stored makes no difference to how the time goes. */
const gapsOf = (kind: string) => (kind === 'file' ? [0, 1, 40] : [1]);

describe.each(kinds)('a password, stored in %s', kind => {
  test.each(gapsOf(kind))('changed at Huawei first, %i minutes before the secret', async gap => {
    const service = await start(kind, before);
    await service.rounds(2);
    service.huawei.iam.setPassword('relay', after.password);
    await service.minutes(gap);
    expect(service.huawei.iam.failedLogIns).toBe(gap === 0 ? 0 : 2);
    await service.put(after);
    expect(await service.healed()).toBeLessThanOrEqual(60);
    service.expectWhole();
    expect(service.huawei.iam.failedLogIns).toBeLessThanOrEqual(2);
  });

  test.each(gapsOf(kind))('changed in the secret first, %i minutes before Huawei', async gap => {
    const service = await start(kind, before);
    await service.rounds(2);
    await service.put(after);
    expect(await service.minutes(gap)).toBe(0);
    service.huawei.iam.setPassword('relay', after.password);
    expect(await service.healed()).toBe(ROUND_MS / 1000);
    service.expectWhole();
    expect(service.huawei.iam.failedLogIns).toBe(0);
  });

  test('changed in the secret first, and tokens are renewed before Huawei follows', async () => {
    const service = await start(kind, before);
    await service.rounds(2);
    await service.put(after);
    pass(23.7 * HOUR_MS);
    await service.rounds(2);
    expect(service.huawei.iam.failedLogIns).toBe(2);
    service.huawei.iam.setPassword('relay', after.password);
    expect(await service.healed()).toBeLessThanOrEqual(60);
    service.expectWhole();
    expect(service.huawei.iam.failedLogIns).toBe(2);
  });

  test('under load: changed between two calls', async () => {
    const service = await start(kind, before);
    await service.rounds(1);
    service.huawei.faults.add({ does: 'slow', ms: 10 });
    const running = service.round();
    await new Promise(resolve => setTimeout(resolve, 15));
    service.huawei.iam.setPassword('relay', after.password);
    await service.put(after);
    await running;
    expect(await service.healed()).toBeLessThanOrEqual(60);
    service.expectWhole();
  });
});

describe('a cold start between the change of the secret and that at Huawei', () => {
  test.each(['secretsmanager', 'ssm', 'file'])(
    '%s: one refused log-in, and nothing more for an hour',
    async kind => {
      const service = await start(kind, before);
      await service.put(after);
      await service.rounds(2);
      service.huawei.iam.setPassword('relay', after.password);
      expect(await service.round()).toBeGreaterThan(0);
      expect(service.huawei.iam.failedLogIns).toBe(2);
      pass(HOUR_MS);
      expect(await service.healed()).toBeLessThanOrEqual(60);
      service.expectWhole();
    },
  );

  test('or until the secret is stored again in other words', async () => {
    const service = await start('file', before);
    await service.put(after);
    await service.rounds(2);
    service.huawei.iam.setPassword('relay', after.password);
    await service.put({ ...after, note: 'both agree' });
    expect(await service.healed()).toBe(ROUND_MS / 1000);
    service.expectWhole();
  });
});

describe('the bound: refused log-ins per instance, per secret and per hour', () => {
  test('a wrong password stored, and none before it that works: one', async () => {
    const service = await start('secretsmanager', { ...before, password: secret('never-was-right') });
    for (let index = 0; index < 5; index++) {
      pass(11 * 60_000);
      await service.round();
    }
    expect(service.huawei.iam.failedLogIns).toBe(2);
  });

  test('two wrong ones stored in a row, seen by a cold start: the newer alone is tried', async () => {
    const service = await start('secretsmanager', { ...before, password: secret('never-was-right') });
    await service.put({ ...before, password: secret('nor-was-this') });
    for (let index = 0; index < 5; index++) {
      pass(11 * 60_000);
      await service.round();
    }
    expect(service.huawei.iam.failedLogIns).toBe(2);
  });

  test('changed at Huawei, and a wrong one stored: what was ended there is not tried again', async () => {
    const service = await start('secretsmanager', before);
    await service.rounds(1);
    service.huawei.iam.setPassword('relay', after.password);
    await service.put({ ...before, password: secret('after-with-a-slip') });
    await service.rounds(3);
    expect(service.huawei.iam.failedLogIns).toBe(2);
    await service.put(after);
    expect(await service.healed()).toBe(ROUND_MS / 1000);
    service.expectWhole();
    expect(service.huawei.iam.failedLogIns).toBe(2);
  });

  test('a token dies for another reason while the secret is ahead of Huawei: a second one, never a third', async () => {
    const service = await start('secretsmanager', before);
    await service.rounds(2);
    await service.put(after);
    pass(23.7 * HOUR_MS);
    await service.rounds(2);
    expect(service.huawei.iam.failedLogIns).toBe(2);
    for (let index = 0; index < 5; index++) {
      service.huawei.iam.revokeTokens();
      await service.rounds(2);
    }
    expect(service.huawei.iam.failedLogIns).toBe(4);
  });
});

describe.each(kinds)('a token, stored in %s', kind => {
  const tokenOf = (service: { huawei: { iam: { issueToken: (user: string) => object } } }) => ({
    type: 'token',
    ...service.huawei.iam.issueToken('relay'),
  });

  test.each(gapsOf(kind))('ended at Huawei %i minutes before a new one is stored', async gap => {
    const service = await start(kind, { type: 'token', token: 'not-yet' });
    await service.put(tokenOf(service));
    pass(60_000);
    expect(await service.healed()).toBeLessThanOrEqual(60);
    service.huawei.iam.revokeTokens();
    await service.minutes(gap);
    await service.put(tokenOf(service));
    expect(await service.healed()).toBeLessThanOrEqual(60);
    service.expectWhole();
  });

  test('a new one stored before the old one ends', async () => {
    const service = await start(kind, { type: 'token', token: 'not-yet' });
    await service.put(tokenOf(service));
    expect(await service.healed()).toBeLessThanOrEqual(60);
    service.huawei.iam.revokeTokens();
    await service.put(tokenOf(service));
    expect(await service.healed()).toBe(ROUND_MS / 1000);
    service.expectWhole();
  });
});

describe.each(kinds)('a key, stored in %s', kind => {
  const keyOf = (name: string) => ({
    type: 'aksk',
    access_key: `ACCESSKEY${name}`,
    secret_key: secret(`secretKeyOfTheTests${name}SecretKeyOfTheTests`),
  });
  const [first, second] = [keyOf('FIRST'), keyOf('SECOND')];
  const accessKeys = {
    [first.access_key]: { secretKey: first.secret_key },
    [second.access_key]: { secretKey: second.secret_key },
  };
  /** Until it is removed, the key is none at Huawei. */
  const without = (service: Awaited<ReturnType<typeof start>>, { access_key }: typeof first) =>
    service.huawei.faults.add({
      does: 'answer',
      status: 401,
      body: { error_code: 'APIGW.0301', error_msg: 'ak not exist' },
      match: ({ headers }) => headers.authorization?.includes(access_key) ?? false,
    });

  test.each(gapsOf(kind))('deleted at Huawei %i minutes before the other is stored', async gap => {
    const service = await start(kind, first, accessKeys);
    await service.rounds(2);
    without(service, first);
    await service.minutes(gap);
    await service.put(second);
    expect(await service.healed()).toBeLessThanOrEqual(60);
    service.expectWhole();
  });

  test.each(gapsOf(kind))('the other stored %i minutes before the first is deleted', async gap => {
    const service = await start(kind, first, accessKeys);
    await service.rounds(2);
    await service.put(second);
    expect(await service.minutes(gap)).toBe(0);
    without(service, first);
    expect(await service.healed()).toBe(ROUND_MS / 1000);
    service.expectWhole();
  });
});
