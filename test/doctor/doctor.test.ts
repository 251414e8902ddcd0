// The check-up: inside the function, from the command line, and from the command line inside a deployed function.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkAge } from '../../lib/cli/check-up/age.ts';
import type { Check } from '../../lib/doctor/check.ts';
import { checkQueues } from '../../lib/doctor/check-queues.ts';
import { startAws } from '../../local/aws/endpoint.ts';
import { startStage } from '../cli/stage.ts';
import {
  checkUp,
  closeAfter,
  context,
  fabricated,
  passwordCredentials,
  receipt,
  type Setup,
  startEnvironment,
  useEnvironment,
} from '../environment.ts';
import { leaksIn, secret } from '../output/printed.ts';

const CLI = path.resolve(import.meta.dirname, '../../.build/cli/main.mjs');
const DAY_SECONDS = 86_400;

useEnvironment();

const start = async (setup: Setup = {}) => {
  const environment = await startEnvironment(setup);
  const check = async (): Promise<Check[]> => {
    const checks = await checkUp(environment.handler);
    expect(leaksIn(JSON.stringify(checks))).toEqual([]);
    return checks;
  };
  return { ...environment, check };
};

const byStatus = (checks: Check[], status: Check['status']) =>
  checks.flatMap(each => (each.status === status ? [each.check] : []));
const only = (checks: Check[], name: string) => checks.find(({ check }) => check === name) as Check;

const KEY = {
  type: 'aksk',
  access_key: 'ACCESSKEYOFTHETESTS1',
  secret_key: secret('aSecretKeyOfTheDoctorsTests'),
};
const accessKeys = { [KEY.access_key]: KEY.secret_key };

describe('where all is well', () => {
  test('with a password: one log-in, one call that reads, nothing marked', async () => {
    const { check, huawei } = await start();
    huawei.requests.length = 0;
    const checks = await check();
    expect(byStatus(checks, 'ok')).toEqual([
      'configuration',
      'credentials',
      'OSM',
      'IAM',
      'clock',
      'log-in',
      'permission',
      'queue',
      'dead-letter queue',
      'redrive policy',
      'visibility timeout',
      'retention',
    ]);
    expect(checks).toHaveLength(12);
    const kinds = huawei.requests.map(({ kind, method }) => `${method} ${kind}`).sort();
    expect(kinds).toEqual(['GET other', 'GET other', 'GET unread', 'POST log_in']);
    expect(huawei.osm.marks).toBe(0);
  });

  test.each([
    ['token', 'token'],
    ['aksk', 'signature'],
  ])('with a %s: no log-in', async (type, line) => {
    const { check, huawei, store } = await start({ huawei: { accessKeys } });
    const before = huawei.iam.logIns;
    await store(type === 'aksk' ? KEY : { type: 'token', ...huawei.iam.issueToken() });
    const checks = await check();
    expect(byStatus(checks, 'failed')).toEqual([]);
    expect(only(checks, line).status).toBe('ok');
    expect(byStatus(checks, 'skipped')).toEqual(['IAM']);
    expect(huawei.iam.logIns).toBe(before);
  });

  test('batches go on beside it', async () => {
    const { check, invoke } = await start();
    const [checks, answer] = await Promise.all([check(), invoke([fabricated(receipt('1'))])]);
    expect(byStatus(checks, 'failed')).toEqual([]);
    expect(answer.batchItemFailures).toEqual([]);
  });
});

describe('what is wrong is named, with what to do', () => {
  const cases: [string, Setup, string, RegExp][] = [
    ['no secret', { credentials: null }, 'credentials', /could not be read: ENOENT/],
    [
      'a secret of a wrong shape',
      { credentials: { type: 'password', user: 'x' } },
      'credentials',
      /look at domain, password/,
    ],
    ['a password and no IAM', { env: { IAM_ENDPOINT: undefined } }, 'credentials', /IAM_ENDPOINT/],
    ['nobody at the endpoint', { env: { OSM_ENDPOINT: 'http://127.0.0.1:1' } }, 'OSM', /ECONNREFUSED/],
    ['no such name', { env: { OSM_ENDPOINT: 'https://osm.invalid' } }, 'OSM', /ENOTFOUND|EAI_AGAIN/],
    [
      'an endpoint that hangs',
      {
        credentials: { type: 'token', token: secret('no-token-of-ours') },
        env: { REQUEST_TIMEOUT_MS: '300' },
        huawei: { faults: [{ does: 'hang', match: { kind: 'other' } }] },
      },
      'OSM',
      /no whole answer/,
    ],
    ['a clock that is off', { huawei: { clockOffsetMs: 600_000 } }, 'clock', /(599|6\d\d) s behind/],
    [
      'a wrong password',
      { credentials: { ...passwordCredentials, password: secret('not-the-password') } },
      'log-in',
      /username or password is wrong/,
    ],
    [
      'a dead token',
      { credentials: { type: 'token', token: secret('no-token-of-ours') } },
      'token',
      /APIGW.0301/,
    ],
    [
      'a wrong key',
      { credentials: { ...KEY, secret_key: secret('notTheSecretKey') }, huawei: { accessKeys } },
      'signature',
      /APIGW.0301/,
    ],
    [
      'no permission',
      {
        huawei: {
          faults: [
            {
              does: 'answer',
              status: 403,
              body: { error_code: 'APIGW.0302', error_msg: 'not authorized' },
              match: { kind: 'unread' },
            },
          ],
        },
      },
      'permission',
      /APIGW.0302/,
    ],
    [
      'the wrong identity',
      { huawei: { faults: [{ does: 'error_code', code: 'OSM.01010011', match: { kind: 'unread' } }] } },
      'permission',
      /OSM.01010011/,
    ],
    [
      'OSM in trouble',
      { huawei: { faults: [{ does: 'html502', match: { kind: 'unread' } }] } },
      'permission',
      /502/,
    ],
  ];
  test.each(cases)('%s', async (_, setup, name, says) => {
    const environment = await start(setup);
    environment.huawei.requests.length = 0;
    const failures = (await environment.check()).filter(({ status }) => status === 'failed');
    expect(failures.map(({ check }) => check)).toEqual([name]);
    expect(failures[0]?.says).toMatch(says);
    expect(failures[0]?.todo).toBeTruthy();
    expect(environment.huawei.osm.marks).toBe(0);
    expect(environment.logIns().length).toBeLessThanOrEqual(1);
  });

  test('no TLS where TLS should be', async () => {
    const { check } = await start({
      env: { OSM_ENDPOINT: process.env.AWS_ENDPOINT_URL?.replace('http', 'https') },
    });
    expect(only(await check(), 'OSM').todo).toMatch(/^TLS: check OSM_ENDPOINT/);
  });

  test('a case that OSM does not know is no lack of permission', async () => {
    const { check, huawei } = await start();
    huawei.faults.add({ does: 'error_code', code: 'OSM.01010015', match: { kind: 'unread' } });
    expect(byStatus(await check(), 'failed')).toEqual([]);
  });

  test('queues that are not there', async () => {
    const { check } = await start({ env: {} });
    const environment = await startEnvironment({
      env: {
        QUEUE_URL: `${process.env.QUEUE_URL}-not`,
        DEAD_LETTER_QUEUE_URL: `${process.env.QUEUE_URL}-nor`,
      },
    });
    expect(byStatus(await checkUp(environment.handler), 'failed')).toEqual(['queue', 'dead-letter queue']);
    expect(byStatus(await check(), 'failed')).toEqual([]);
  });
});

describe('one try, never more', () => {
  test.each([
    ['log-in', { credentials: { ...passwordCredentials, password: secret('not-the-password') } }],
    ['signature', { credentials: { ...KEY, secret_key: secret('notTheSecretKey') }, huawei: { accessKeys } }],
  ])('a %s that was refused is not tried by the next check-up, nor by a batch', async (_, setup) => {
    const environment = await start(setup);
    for (let index = 0; index < 3; index++) {
      expect(byStatus(await environment.check(), 'failed')).toHaveLength(1);
      await environment.invoke([fabricated(receipt('1'))]);
    }
    expect(environment.huawei.requests.filter(({ status }) => status === 401)).toHaveLength(1);
  });

  test('nor where a batch was refused before', async () => {
    const environment = await start({ credentials: { ...passwordCredentials, password: secret('not-it') } });
    await environment.invoke([fabricated(receipt('1'))]);
    expect(only(await environment.check(), 'log-in').says).toMatch(/not tried again before/);
    expect(environment.huawei.iam.failedLogIns).toBe(1);
  });
});

describe('queues as the code needs them', () => {
  const source = {
    QueueArn: 'arn:receipts',
    VisibilityTimeout: '185',
    MessageRetentionPeriod: String(7 * DAY_SECONDS),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: 'arn:dead', maxReceiveCount: 500 }),
  };
  const deadLetters = { QueueArn: 'arn:dead', MessageRetentionPeriod: String(14 * DAY_SECONDS) };
  const check = (here: object, there: object = {}, config: object = {}) =>
    byStatus(
      checkQueues({
        source: { ...source, ...here },
        deadLetters: { ...deadLetters, ...there },
        maxAttempts: 8,
        maxAgeSeconds: DAY_SECONDS,
        queueRetentionSeconds: 7 * DAY_SECONDS,
        functionSeconds: 30,
        ...config,
      }),
      'failed',
    );
  const redrive = (policy: object) => ({ RedrivePolicy: JSON.stringify(policy) });

  test.each([
    [[], {}, {}],
    [['queue'], { FifoQueue: 'true' }, {}],
    [['redrive policy'], { RedrivePolicy: undefined }, {}],
    [['redrive policy'], redrive({ deadLetterTargetArn: 'arn:another', maxReceiveCount: 500 }), {}],
    [['redrive policy'], redrive({ deadLetterTargetArn: 'arn:dead', maxReceiveCount: 5 }), {}],
    [['redrive policy'], redrive({ deadLetterTargetArn: 'arn:dead', maxReceiveCount: '400' }), {}],
    [
      ['visibility timeout'],
      { VisibilityTimeout: '179', ...redrive({ deadLetterTargetArn: 'arn:dead', maxReceiveCount: 1000 }) },
      {},
    ],
    [['retention'], {}, { MessageRetentionPeriod: String(7 * DAY_SECONDS) }],
    // The variable has to say what the queue does, in either direction.
    [['retention'], { MessageRetentionPeriod: String(6 * DAY_SECONDS) }, {}],
    [['retention'], { MessageRetentionPeriod: String(8 * DAY_SECONDS) }, {}],
    [['redrive policy', 'retention'], {}, {}, { maxAgeSeconds: 7 * DAY_SECONDS }],
  ] as [string[], object, object, object?][])('%j', (names, here, there, config = {}) => {
    expect(check(here, there, config)).toEqual(names);
  });
});

const relay = (args: string[], env: NodeJS.ProcessEnv = process.env) =>
  new Promise<{ code: number; out: string; error: string }>(resolve => {
    execFile(process.execPath, [CLI, ...args], { env }, (error, out, stderr) => {
      expect(leaksIn(out + stderr)).toEqual([]);
      resolve({ code: Number(error?.code ?? 0), out, error: stderr });
    });
  });

describe('relay doctor', () => {
  test('in this shell: a line each, exit 0', async () => {
    await start();
    const { code, out, error } = await relay(['doctor']);
    expect(error).toBe('');
    expect(out).toMatch(/✓ log-in +IAM took the password/);
    expect(out).toMatch(/All is well\.\n$/);
    expect(code).toBe(0);
  });

  test('in this shell, as JSON, where something is wrong: exit 1', async () => {
    await start({ credentials: { ...passwordCredentials, password: secret('not-the-password') } });
    const { code, out } = await relay(['doctor', '--json']);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ healthy: false, checked_in: 'this shell' });
    expect(byStatus(report.checks, 'failed')).toEqual(['log-in']);
    expect(code).toBe(1);
  });

  test('in a shell that names a profile and no keys: those of the profile are used', async () => {
    const stores = closeAfter(await startAws());
    const { credentialsFile } = await start();
    stores.secrets.set('/relay', JSON.stringify(passwordCredentials));
    const file = `${credentialsFile}.aws`;
    await writeFile(file, '[desk]\naws_access_key_id = AKIDOFTHEDESK\naws_secret_access_key = of-the-desk\n');
    const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...env } = process.env;
    const { code, out } = await relay(['doctor'], {
      ...env,
      AWS_PROFILE: 'desk',
      AWS_SHARED_CREDENTIALS_FILE: file,
      CREDENTIALS_FROM: 'ssm:/relay',
      AWS_ENDPOINT_URL_SSM: stores.url,
    });
    expect(out.replace(/\s+/g, ' ')).toContain('✓ credentials ssm:/relay holds a password');
    expect(stores.calls[0]?.headers.authorization).toContain('Credential=AKIDOFTHEDESK/');
    expect(code).toBe(0);
  });

  test('in a shell without variables', async () => {
    await start();
    delete process.env.OSM_ENDPOINT;
    const { code, out } = await relay(['doctor']);
    expect(out.replace(/\s+/g, ' ')).toMatch(
      /✗ configuration The configuration is wrong.*OSM_ENDPOINT must be.*not set/,
    );
    expect(out).toContain('\n  npx read-receipt-relay doctor --stage NAME\n');
    expect(code).toBe(1);
  });

  test('with --stage: inside the deployed function', async () => {
    const { handler } = await start();
    const stack = await startStack(event => handler(event, context));
    const { code, out } = await relay(['doctor', '--stage', 'prod', '--json']);
    const report = JSON.parse(out);
    expect(stack.asked).toEqual([
      '/2015-03-31/functions/read-receipt-relay-prod-mark-as-read/invocations {"doctor":true}',
    ]);
    expect(report).toMatchObject({ healthy: true, checked_in: 'read-receipt-relay-prod-mark-as-read' });
    expect(byStatus(report.checks, 'ok')).toContain('permission');
    expect(code).toBe(0);
  });

  test('with --stage, where the function does not even start', async () => {
    await start();
    await startStack(async () => {
      throw new Error('The configuration is wrong. Set these environment variables: OSM_ENDPOINT must be …');
    });
    const { code, out } = await relay(['doctor', '--stage', 'prod']);
    expect(out.replace(/\s+/g, ' ')).toContain(
      '✗ configuration read-receipt-relay-prod-mark-as-read failed: The configuration is wrong',
    );
    expect(out).toContain('\n  npx serverless logs -f mark-as-read --stage prod\n');
    expect(code).toBe(1);
  });
});

describe('relay doctor --case', () => {
  test('here and inside the function: how the look at a case is read, and nothing is marked', async () => {
    const { handler, huawei } = await start();
    const here = await relay(['doctor', '--case', 'case-1']);
    expect(here.out).toMatch(/^Case case-1 has \d+ messages?, /);
    expect(here.out).toMatch(/^now +marked, without a look$/m);
    const stack = await startStack(event => handler(event, context));
    const inside = await relay(['doctor', '--case', 'case-1', '--group', 'g', '--stage', 'prod', '--json']);
    expect(stack.asked[0]).toMatch(/ \{"doctor":true,"case":"case-1","group":"g"\}$/);
    expect(JSON.parse(inside.out)).toMatchObject({
      checked_in: 'read-receipt-relay-prod-mark-as-read',
      case: { case_id: 'case-1', status: 'ok' },
    });
    expect([here.code, inside.code]).toEqual([0, 0]);
    expect(huawei.requests.some(({ marked }) => marked)).toBe(false);
  });

  test('a group without a case is wrong use', async () => {
    expect(await relay(['doctor', '--group', 'g'])).toMatchObject({ code: 2, out: '' });
  });
});

describe('the age of the oldest message', () => {
  const minutesAgo = (minutes: number) => Date.now() / 1000 - minutes * 60;

  test.each([
    ['is young', [{ Timestamp: minutesAgo(1), Maximum: 40 }], 'ok', /has waited for 40 s/],
    [
      'was old, and is young',
      [
        { Timestamp: minutesAgo(1), Maximum: 7 },
        { Timestamp: minutesAgo(9), Maximum: 9_000 },
      ],
      'ok',
      /for 7 s/,
    ],
    ['is old', [{ Timestamp: minutesAgo(1), Maximum: 7_200 }], 'failed', /for 7200 s/],
    ['is not measured, as none waits', [], 'ok', /none waits/],
    ['cannot be read', 403, 'skipped', /AccessDenied/],
  ])('%s', async (_, points, status, says) => {
    await start();
    const aws = closeAfter(await startAws());
    const refusal = { __type: 'AccessDeniedException', message: 'not you' };
    aws.intercept = () =>
      points === 403 ? { status: 403, body: refusal } : { status: 200, body: { Datapoints: points } };
    process.env.AWS_ENDPOINT_URL_CLOUDWATCH = aws.url;
    try {
      const check = await checkAge(process.env.QUEUE_URL as string);
      expect(check).toMatchObject({ check: 'oldest message', status, says: expect.stringMatching(says) });
      expect(JSON.stringify(aws.calls[0]?.body)).toContain('ApproximateAgeOfOldestMessage');
    } finally {
      delete process.env.AWS_ENDPOINT_URL_CLOUDWATCH;
    }
  });
});

/** A deployed stage that this process finds. */
const startStack = async (invoke: (event: unknown) => Promise<unknown>) => {
  const [queueUrl, deadLetterQueueUrl] = [process.env.QUEUE_URL, process.env.DEAD_LETTER_QUEUE_URL];
  const stage = await startStage({ queueUrl, deadLetterQueueUrl, invoke } as Parameters<
    typeof startStage
  >[0]);
  Object.assign(process.env, stage.environment);
  const close = async () => {
    for (const name of Object.keys(stage.environment)) delete process.env[name];
    await stage.close();
  };
  return closeAfter({ asked: stage.asked, close });
};
