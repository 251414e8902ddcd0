// The packaged function, the very files that go to Lambda, in a process of its own that has nothing else.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { SQSBatchResponse } from 'aws-lambda';
import { build } from '../local/build.ts';
import { fabricated, type Handler, receipt, startEnvironment, useEnvironment } from './environment.ts';
import { record } from './output/printed.ts';

const folder = path.resolve(import.meta.dirname, '../.build/mark-as-read');
const bundle = path.join(folder, 'handlers/mark-as-read.mjs');
const KB = 1024;

// Lambda's runtime in short; it notes which files are loaded.
const RUNTIME = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  const { handler } = await import(process.argv[1]);
  process.send({ ready: true, version: process.version });
  process.on('message', async ({ event, remainingMs }) => {
    const end = performance.now() + remainingMs;
    const context = { awsRequestId: 'x', getRemainingTimeInMillis: () => end - performance.now() };
    try {
      process.send({ answer: await handler(event, context), loaded });
    } catch (error) {
      process.send({ thrown: String(error), loaded });
    }
  });
`;

interface Said {
  ready?: boolean;
  version?: string;
  answer?: SQSBatchResponse;
  thrown?: string;
  loaded?: string[];
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
useEnvironment();
beforeAll(async () => {
  await build();
}, 60_000);

const run = (env: Record<string, string>) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', RUNTIME, bundle], {
    env: { ...env, PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => record(String(chunk)));
  const said = async () => ((await once(child, 'message')) as [Said])[0];
  return { child, said };
};

/** An environment whose function is the packaged one. */
const start = async () => {
  let last: Said = {};
  let process: ChildProcess | undefined;
  const load = async (env: Record<string, string>): Promise<Handler> => {
    const { child, said } = run(env);
    process = child;
    last = await said();
    return async (event, context) => {
      const remainingMs = (context as { getRemainingTimeInMillis: () => number }).getRemainingTimeInMillis();
      child.send({ event, remainingMs } as object);
      last = await said();
      if (!last.answer) throw new Error(last.thrown);
      return last.answer;
    };
  };
  const environment = await startEnvironment({ load });
  return { ...environment, said: () => last, child: process as ChildProcess | undefined };
};

/** The packaged files that were loaded. */
const files = ({ loaded = [] }: Said) =>
  loaded.filter(url => url.startsWith('file:')).map(url => readFileSync(new URL(url), 'utf8'));
/** The client has the protocol's name inside. */
const knowsSqs = (text: string) => text.includes('AmazonSQS');

test('is small: under 400 KB in all, and what every batch needs under 200 KB', () => {
  const sizes = globSync('**/*', { cwd: folder }).map(name => statSync(path.join(folder, name)));
  const total = sizes.filter(each => each.isFile()).reduce((sum, { size }) => sum + size, 0);
  expect(total).toBeLessThan(400 * KB);
  expect(statSync(bundle).size).toBeLessThan(200 * KB);
});

test('loads under Node 24 with nothing beside it, marks, and has not loaded the SQS client for it', async () => {
  const environment = await start();
  expect(environment.said()).toMatchObject({ ready: true, version: expect.stringMatching(/^v24\./) });
  const { failed } = await environment.deliver([
    receipt('1', { group_id: 'g' }),
    receipt('2'),
    receipt('1', { group_id: 'g' }),
  ]);
  expect(failed).toEqual([]);
  expect(environment.marks().map(({ caseId, status }) => [caseId, status])).toEqual([
    ['1', 200],
    ['2', 200],
  ]);
  expect(files(environment.said()).length).toBeGreaterThan(0);
  expect(files(environment.said()).filter(knowsSqs)).toEqual([]);
  expect(environment.lines().map(({ message }) => message)).toEqual(
    expect.arrayContaining(['receipt.marked', 'batch.settled']),
  );
  expect(environment.metrics()).toMatchObject({ Marked: 3, Calls: 2 });
});

test('sends dead letters and hides what comes back later, with the client it loads then', async () => {
  const environment = await start();
  environment.huawei.faults.add({ does: 'html502', match: { caseId: 'later' } });
  const { failed, ids } = await environment.deliver([receipt('1'), '?', receipt('later')]);
  expect(failed).toEqual([2]);
  expect(environment.deadLetters()).toMatchObject([{ body: '?', failure: { code: 'malformed' } }]);
  expect(environment.hiddenSeconds(ids[2] as string)).toBeLessThanOrEqual(5);
  expect(files(environment.said()).filter(knowsSqs)).not.toEqual([]);
});

test('wakes up after it was frozen, its connections dead, and marks', async () => {
  const environment = await start();
  const batch = (name: string) => Array.from({ length: 20 }, (_, i) => fabricated(receipt(`${name}-${i}`)));
  expect(await environment.invoke(batch('a'))).toEqual({ batchItemFailures: [] });
  environment.child?.kill('SIGSTOP');
  environment.huawei.dropConnections('idle');
  const answer = environment.invoke(batch('b'));
  environment.child?.kill('SIGCONT');
  expect(await answer).toEqual({ batchItemFailures: [] });
  expect(environment.huawei.osm.marks).toBe(40);
});

test('signs with a key, by the file it loads then', async () => {
  const environment = await start();
  await environment.store({
    type: 'aksk',
    access_key: 'ACCESSKEYOFTHETESTS3',
    secret_key: 'a-key-that-nobody-knows',
  });
  const { failed } = await environment.deliver([receipt('1')]);
  expect(failed).toEqual([0]);
  expect(environment.marks()).toMatchObject([
    { status: 401, headers: { authorization: expect.stringMatching(/^SDK-HMAC-SHA256 /) } },
  ]);
});

test('says at a cold start what is wrong with its configuration, and ends', async () => {
  const { child } = run({ OSM_ENDPOINT: 'not a url' });
  let said = '';
  child.stderr?.on('data', chunk => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  for (const name of ['OSM_ENDPOINT', 'CREDENTIALS_FROM', 'QUEUE_URL', 'DEAD_LETTER_QUEUE_URL']) {
    expect(said).toContain(name);
  }
});
