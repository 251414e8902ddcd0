// The packaged function, the very files that go to Lambda, in a process of its own that has nothing else.
import { globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { build } from '../local/build.ts';
import { startFunction } from '../local/lambda/function.ts';
import { bundleOf } from '../local/serverless.ts';
import { closeAfter, type Handler, receipt, startEnvironment, useEnvironment } from './environment.ts';
import { record } from './output/printed.ts';

const bundle = bundleOf('mark-as-read');
const KB = 1024;

/** Makes a process print its version and every file that it loads. */
const TELL = `
  import { registerHooks } from 'node:module';
  const tell = what => process.stdout.write(what + '\\n');
  registerHooks({ load: (url, context, next) => (tell('loads ' + url), next(url, context)) });
  tell('runs ' + process.version);
`;
const tellingOptions = `--import=data:text/javascript,${encodeURIComponent(TELL)}`;

useEnvironment();
beforeAll(async () => {
  await build();
}, 60_000);

const run = (env: Record<string, string>) => {
  const lines: string[] = [];
  const lambda = startFunction({
    bundle,
    env: { ...env, NODE_OPTIONS: tellingOptions },
    timeoutMs: 20_000,
    onLine(line) {
      lines.push(line);
      record(`${line}\n`);
    },
  });
  closeAfter({ close: lambda.stop });
  return { lambda, lines };
};

/** An environment whose function is the packaged one. */
const start = async () => {
  let told: string[] = [];
  const load = async (env: Record<string, string>): Promise<Handler> => {
    const { lambda, lines } = run(env);
    told = lines;
    return async event => JSON.parse(await lambda.invoke(event));
  };
  return { ...(await startEnvironment({ load })), told: () => told };
};

/** The packaged files that were loaded. */
const files = (told: string[]) =>
  told
    .filter(line => line.startsWith('loads file:') && line.includes('/.build/'))
    .map(line => readFileSync(new URL(line.slice('loads '.length)), 'utf8'));
/** The client has the protocol's name inside. */
const knowsSqs = (text: string) => text.includes('AmazonSQS');
/** Nothing of the log-in without a secret, nor of a key's signature. */
const knowsOthers = (text: string) => /GetWebIdentityToken|SDK-HMAC-SHA256/.test(text);

test('is small: under 400 KB in all, and what every batch needs under 200 KB', () => {
  const folder = path.dirname(path.dirname(bundle));
  const sizes = globSync('**/*', { cwd: folder }).map(name => statSync(path.join(folder, name)));
  const total = sizes.filter(each => each.isFile()).reduce((sum, { size }) => sum + size, 0);
  expect(total).toBeLessThan(400 * KB);
  expect(statSync(bundle).size).toBeLessThan(200 * KB);
});

test('loads under Node 24 with nothing beside it, marks, and has not loaded the SQS client nor other log-ins for it', async () => {
  const environment = await start();
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
  expect(environment.told().join('\n')).toMatch(/^runs v24\./m);
  expect(files(environment.told()).length).toBeGreaterThan(0);
  expect(files(environment.told()).filter(knowsSqs)).toEqual([]);
  expect(files(environment.told()).filter(knowsOthers)).toEqual([]);
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
  expect(environment.left()).toEqual([ids[2]]);
  expect(environment.proxy.calls.map(({ action }) => action)).toContain('ChangeMessageVisibilityBatch');
  expect(files(environment.told()).filter(knowsSqs)).not.toEqual([]);
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
  // It is tried on a call that only reads.
  expect(environment.huawei.requests).toMatchObject([
    { kind: 'unread', status: 401, headers: { authorization: expect.stringMatching(/^SDK-HMAC-SHA256 /) } },
  ]);
});

test('says at a cold start what is wrong with its configuration, and ends', async () => {
  const { lambda, lines } = run({ OSM_ENDPOINT: 'not a url' });
  await expect(lambda.invoke({})).rejects.toThrow('exit code 1');
  const said = lines.join('\n');
  for (const name of ['OSM_ENDPOINT', 'CREDENTIALS_FROM', 'QUEUE_URL', 'DEAD_LETTER_QUEUE_URL']) {
    expect(said).toContain(name);
  }
});
