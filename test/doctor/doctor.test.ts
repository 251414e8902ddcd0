// The check-up: inside the function, from the command line, and from the command line inside a deployed function.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkAge } from '../../lib/cli/check-up/age.ts';
import type { Check } from '../../lib/doctor/check.ts';
import { checkQueues } from '../../lib/doctor/check-queues.ts';
import { sqsErrorOf } from '../../lib/sqs/errors.ts';
import { startAws } from '../../local/aws/endpoint.ts';
import type { Fault } from '../../local/huawei/faults.ts';
import { startStage } from '../cli/stage.ts';
import { accessKeys, keys, wrongOf } from '../credentials/kinds.ts';
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
import { leaksIn } from '../output/printed.ts';

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

const huawei = { accessKeys };
const wrongPassword = { credentials: wrongOf.password };
const wrongKey = { credentials: wrongOf.aksk, huawei };
const wrongToken = { credentials: wrongOf.token };

test('where all is well with a password: one log-in, one call that reads, nothing marked; batches go on beside it', async () => {
  const { check, invoke, marks, huawei } = await start();
  huawei.requests.length = 0;
  const checks = await check();
  const kinds = huawei.requests.map(({ kind, method }) => `${method} ${kind}`).sort();
  expect(kinds).toEqual(['GET other', 'GET other', 'GET unread', 'POST log_in']);
  expect(checks).toHaveLength(12);
  const names = 'configuration, credentials, OSM, IAM, clock, log-in, permission, queue, dead-letter queue';
  expect(byStatus(checks, 'ok').join()).toBe(
    `${names}, redrive policy, visibility timeout, retention`.replaceAll(', ', ','),
  );
  expect(marks()).toEqual([]);
  const [, answer] = await Promise.all([check(), invoke([fabricated(receipt('1'))])]);
  expect(answer.batchItemFailures).toEqual([]);
});

test.each(['token', 'aksk'])('where all is well with a %s: no log-in', async type => {
  const { check, huawei: server, store } = await start({ huawei });
  const before = server.iam.logIns;
  await store(type === 'aksk' ? keys.first : { type, ...server.iam.issueToken() });
  const checks = await check();
  expect(byStatus(checks, 'failed')).toEqual([]);
  expect(byStatus(checks, 'ok')).toContain(type === 'aksk' ? 'signature' : type);
  expect(byStatus(checks, 'skipped')).toEqual(['IAM']);
  expect(server.iam.logIns).toBe(before);
});

const unread = (fault: Omit<Fault, 'match'>): Setup => ({
  huawei: { faults: [{ ...fault, match: { kind: 'unread' } } as Fault] },
});
const forbidden = { does: 'answer', status: 403, body: { error_code: 'APIGW.0302' } } as const;
const hanging: Setup = {
  ...wrongToken,
  env: { REQUEST_TIMEOUT_MS: '300' },
  huawei: { faults: [{ does: 'hang', match: { kind: 'other' } }] },
};
const osmAt = (url: string): Setup => ({ env: { OSM_ENDPOINT: url } });

test.each<[string, Setup | (() => Setup), string[], RegExp]>([
  ['no secret', { credentials: null }, ['credentials'], /could not be read: ENOENT.*operating\.md/],
  ['another shape', { credentials: { type: 'password' } }, ['credentials'], /look at domain, user, password/],
  ['no IAM', { env: { IAM_ENDPOINT: undefined } }, ['credentials'], /IAM_ENDPOINT/],
  ['nobody there', osmAt('http://127.0.0.1:1'), ['OSM'], /ECONNREFUSED No way there: check OSM_/],
  ['no such name', osmAt('https://osm.invalid'), ['OSM'], /(ENOTFOUND|EAI_AGAIN) No such name/],
  [
    'no TLS',
    () => osmAt(`${process.env.AWS_ENDPOINT_URL}`.replace('http', 'https')),
    ['OSM'],
    / TLS: check OSM_/,
  ],
  ['an endpoint that hangs', hanging, ['OSM'], /no whole answer/],
  ['a clock that is off', { huawei: { clockOffsetMs: 600_000 } }, ['clock'], /(599|6\d\d) s behind/],
  ['a wrong password', wrongPassword, ['log-in'], /username or password is wrong.*Huawei locks the user/],
  ['a dead token', wrongToken, ['token'], /APIGW.0301 .*Store a new token/],
  ['a wrong key', wrongKey, ['signature'], /APIGW.0301 .*Huawei locks the key/],
  [
    'a token that OSM refuses',
    unread({ ...forbidden, status: 401 } as Fault),
    ['log-in'],
    /IAM took it, OSM does/,
  ],
  ['no permission', unread(forbidden), ['permission'], /APIGW.0302 .*Ticket Administrator/],
  [
    'the wrong identity',
    unread({ does: 'error_code', code: 'OSM.01010011' } as Fault),
    ['permission'],
    /OSM.01010011/,
  ],
  ['OSM in trouble', unread({ does: 'html502' }), ['permission'], /502.*try again/],
  ['OSM broken off', unread({ does: 'reset' }), ['permission'], /did not answer.*try again/],
  ['a case unknown to OSM', unread({ does: 'error_code', code: 'OSM.01010015' } as Fault), [], /^$/],
  [
    'no queues',
    () => ({
      env: {
        QUEUE_URL: `${process.env.QUEUE_URL}-not`,
        DEAD_LETTER_QUEUE_URL: `${process.env.QUEUE_URL}-nor`,
      },
    }),
    ['queue', 'dead-letter queue'],
    /^QUEUE_URL is (\S+-not): \S*(QueueDoesNotExist|NonExistentQueue): .* there is no queue \1: check the URL.*\nDEAD_/,
  ],
])('what is wrong is named, with what to do: %s', async (_, setup, names, said) => {
  const environment = await start(typeof setup === 'function' ? setup() : setup);
  environment.huawei.requests.length = 0;
  const failures = (await environment.check()).filter(({ status }) => status === 'failed');
  expect(failures.map(({ check }) => check)).toEqual(names);
  expect(failures.map(({ says, todo }) => `${says} ${todo}`).join('\n')).toMatch(said);
  expect(environment.marks()).toEqual([]);
  expect(environment.logIns().length).toBeLessThanOrEqual(1);
});

const redrive = (deadLetterTargetArn: string, maxReceiveCount: number | string) => ({
  RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
});
const retention = (days: number) => ({ MessageRetentionPeriod: String(days * DAY_SECONDS) });

test.each<[string[], object, object?, object?]>([
  [[], {}],
  [['queue'], { FifoQueue: 'true' }],
  [['redrive policy'], { RedrivePolicy: undefined }],
  [['redrive policy'], redrive('arn:another', 500)],
  [['redrive policy'], redrive('arn:dead', 5)],
  [['redrive policy'], redrive('arn:dead', '400')],
  // A target that cannot be compared is not called right.
  [['dead-letter queue', 'redrive policy', 'retention'], {}, sqsErrorOf(new Error('no such queue'))],
  [['visibility timeout'], { VisibilityTimeout: '179', ...redrive('arn:dead', 1000) }],
  [['retention'], {}, retention(7)],
  // The variable has to say what the queue does, in either direction.
  [['retention'], retention(6)],
  [['retention'], retention(8)],
  [['redrive policy', 'retention'], {}, {}, { maxAgeSeconds: 7 * DAY_SECONDS }],
])('queues as the code needs them, but for %j', (names, here, there = {}, setting = {}) => {
  const found = checkQueues({
    source: {
      QueueArn: 'arn:receipts',
      VisibilityTimeout: '185',
      ...retention(7),
      ...redrive('arn:dead', 500),
      ...here,
    },
    deadLetters: { QueueArn: 'arn:dead', ...retention(14), ...there },
    queueUrl: 'https://sqs.example/1/receipts',
    deadLetterQueueUrl: 'https://sqs.example/1/dead',
    maxAttempts: 8,
    maxAgeSeconds: DAY_SECONDS,
    queueRetentionSeconds: 7 * DAY_SECONDS,
    functionSeconds: 30,
    ...setting,
  });
  expect(Object.keys(found).filter(name => found[name]?.status !== 'ok')).toEqual(names);
});

const relay = (args: string[], env: NodeJS.ProcessEnv = process.env) =>
  new Promise<{ code: number; out: string; words: string; error: string }>(resolve => {
    execFile(process.execPath, [CLI, ...args], { env }, (error, out, stderr) => {
      expect(leaksIn(out + stderr)).toEqual([]);
      resolve({ code: Number(error?.code ?? 0), out, words: out.replace(/\s+/g, ' '), error: stderr });
    });
  });

/** A deployed stage that this process finds. */
const startStack = async (invoke: (event: unknown) => Promise<unknown>) => {
  const { QUEUE_URL: queueUrl = '', DEAD_LETTER_QUEUE_URL: deadLetterQueueUrl = '' } = process.env;
  const stage = await startStage({ queueUrl, deadLetterQueueUrl, invoke });
  Object.assign(process.env, stage.environment);
  const close = async () => {
    for (const name of Object.keys(stage.environment)) delete process.env[name];
    await stage.close();
  };
  return closeAfter({ asked: stage.asked, close });
};
const FUNCTION = 'read-receipt-relay-prod-mark-as-read';

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
    await start(wrongPassword);
    const { code, out } = await relay(['doctor', '--json']);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ healthy: false, checked_in: 'this shell' });
    expect(byStatus(report.checks, 'failed')).toEqual(['log-in']);
    expect(code).toBe(1);
  });

  test('in a shell that names a profile and no keys: those of the profile are used', async () => {
    const aws = closeAfter(await startAws());
    const { credentialsFile } = await start();
    aws.secrets.set('/relay', JSON.stringify(passwordCredentials));
    const file = `${credentialsFile}.aws`;
    await writeFile(file, '[desk]\naws_access_key_id = AKIDOFTHEDESK\naws_secret_access_key = of-the-desk\n');
    const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...env } = process.env;
    const { code, words } = await relay(['doctor'], {
      ...env,
      AWS_PROFILE: 'desk',
      AWS_SHARED_CREDENTIALS_FILE: file,
      CREDENTIALS_FROM: 'ssm:/relay',
      AWS_ENDPOINT_URL_SSM: aws.url,
    });
    expect(words).toContain('✓ credentials ssm:/relay holds a password');
    expect(aws.calls[0]?.headers.authorization).toContain('Credential=AKIDOFTHEDESK/');
    expect(code).toBe(0);
  });

  test('in a shell without variables', async () => {
    await start();
    delete process.env.OSM_ENDPOINT;
    const { code, out, words } = await relay(['doctor']);
    expect(words).toMatch(/✗ configuration The configuration is wrong.*OSM_ENDPOINT must be.*not set/);
    expect(out).toContain('\n  npx read-receipt-relay doctor --stage NAME\n');
    expect(code).toBe(1);
  });

  test('with --stage: inside the deployed function', async () => {
    const { handler } = await start();
    const stack = await startStack(event => handler(event, context));
    const { code, out } = await relay(['doctor', '--stage', 'prod', '--json']);
    const report = JSON.parse(out);
    expect(stack.asked).toEqual([`/2015-03-31/functions/${FUNCTION}/invocations {"doctor":true}`]);
    expect(report).toMatchObject({ healthy: true, checked_in: FUNCTION });
    expect(byStatus(report.checks, 'ok')).toContain('permission');
    expect(code).toBe(0);
  });

  test('with --stage, where the function does not even start', async () => {
    await start();
    await startStack(() => Promise.reject(new Error('The configuration is wrong. Set …')));
    const { code, out, words } = await relay(['doctor', '--stage', 'prod']);
    expect(words).toContain(`✗ configuration ${FUNCTION} failed: The configuration is wrong`);
    expect(out).toContain('\n  npx serverless logs -f mark-as-read --stage prod\n');
    expect(code).toBe(1);
  });

  test('--case, here and inside the function: how the look at it is read, and nothing is marked', async () => {
    const { handler, marks } = await start();
    const here = await relay(['doctor', '--case', 'case-1']);
    expect(here.out).toMatch(/^Case case-1 has \d+ messages?, /);
    expect(here.out).toMatch(/^now +marked, without a look$/m);
    const stack = await startStack(event => handler(event, context));
    const inside = await relay(['doctor', '--case', 'case-1', '--group', 'g', '--stage', 'prod', '--json']);
    expect(stack.asked[0]).toMatch(/ \{"doctor":true,"case":"case-1","group":"g"\}$/);
    const found = { case_id: 'case-1', status: 'ok' };
    expect(JSON.parse(inside.out)).toMatchObject({ checked_in: FUNCTION, case: found });
    expect([here.code, inside.code]).toEqual([0, 0]);
    expect(marks()).toEqual([]);
    // A group without a case is wrong use.
    expect(await relay(['doctor', '--group', 'g'])).toMatchObject({ code: 2, out: '' });
  });
});

const measured = (Maximum: number, minutesAgo = 1) => ({
  Timestamp: Date.now() / 1000 - minutesAgo * 60,
  Maximum,
});
test.each<[string, object[] | undefined, Check['status'], RegExp]>([
  ['is young', [measured(40)], 'ok', /has waited for 40 s/],
  ['was old, and is young', [measured(7), measured(9_000, 9)], 'ok', /for 7 s/],
  ['is old', [measured(7_200)], 'failed', /for 7200 s/],
  ['is not measured, as none waits', [], 'ok', /none waits/],
  ['cannot be read', undefined, 'skipped', /AccessDenied/],
])('the oldest message %s', async (_, Datapoints, status, says) => {
  await start();
  const aws = closeAfter(await startAws());
  aws.intercept = () =>
    Datapoints
      ? { status: 200, body: { Datapoints } }
      : { status: 403, body: { __type: 'AccessDeniedException', message: 'not you' } };
  process.env.AWS_ENDPOINT_URL_CLOUDWATCH = aws.url;
  try {
    const found = await checkAge(process.env.QUEUE_URL as string);
    expect(found).toMatchObject({ status, says: expect.stringMatching(says) });
    expect(JSON.stringify(aws.calls[0]?.body)).toContain('ApproximateAgeOfOldestMessage');
  } finally {
    delete process.env.AWS_ENDPOINT_URL_CLOUDWATCH;
  }
});
