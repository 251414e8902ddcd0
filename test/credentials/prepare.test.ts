// Secret and log-in while the function initialises: ready before the first receipt, never at its cost.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answered, Invocation } from '../../local/lambda/function-runtime.ts';
import { useClock } from '../clock.ts';
import { closeAfter, useEnvironment } from '../environment.ts';
import { record } from '../output/printed.ts';
import { type Kind, mark, receipts, refused, type Started, start } from './kinds.ts';

useEnvironment();
useClock();

const atIam = ({ kind }: { kind: string }) => kind === 'log_in' || kind === 'id_token';
const logIns = ({ huawei }: Started) => huawei.requests.filter(atIam);

test.each<[Kind, string[]]>([
  ['password', ['log_in']],
  ['oidc', ['id_token']],
  ['aksk', ['unread']],
  ['token', []],
])('with a %s all is ready when the function is, and nothing is done again', async (kind, calls) => {
  const service = await start(kind, { store: 'secretsmanager' });
  service.huawei.requests.length = 0;
  service.aws.requests.length = 0;
  const handler = await service.coldStart();
  expect(service.huawei.requests.map(each => each.kind)).toEqual(calls);
  expect(await mark({ handler }, 3)).toBe(0);
  expect(service.huawei.requests.filter(each => each.kind !== 'mark').map(each => each.kind)).toEqual(calls);
  expect(service.aws.requests).toHaveLength(kind === 'oidc' ? 2 : 1);
});

test.each<Kind>(['password', 'aksk', 'oidc'])('a %s that was refused then is not tried again', async kind => {
  const service = await start(kind, { wrong: true });
  expect(refused(service)).toHaveLength(1);
  expect(await mark(service, 20)).toBe(20);
  expect(refused(service)).toHaveLength(1);
});

test('with IAM hanging, the start takes two seconds longer, and the batch waits for the same log-in', async () => {
  const service = await start('password', { env: { REQUEST_TIMEOUT_MS: '15000' } });
  service.huawei.requests.length = 0;
  service.huawei.faults.add({ does: 'hang', match: atIam });
  const began = performance.now();
  const handler = await service.coldStart();
  expect(performance.now() - began).toBeGreaterThan(1_900);
  expect(performance.now() - began).toBeLessThan(12_000);
  const batch = mark({ handler }, 20);
  await service.huawei.close();
  expect(await batch).toBe(20);
  expect(logIns(service)).toHaveLength(1);
  expect(service.lines().filter(({ code }) => code === 'unreachable')).toHaveLength(20);
});

test('a slow log-in goes on beside the first batch, which waits for it', async () => {
  const service = await start('password', { env: { REQUEST_TIMEOUT_MS: '15000' } });
  service.huawei.requests.length = 0;
  service.huawei.faults.add({ does: 'slow', ms: 2_300, match: atIam });
  expect(await mark({ handler: await service.coldStart() }, 20)).toBe(0);
  expect(logIns(service)).toHaveLength(1);
});

test.each([
  ['nobody at IAM', { env: { IAM_ENDPOINT: 'http://127.0.0.1:1' } }],
  ['no secret', { credentials: null }],
  ['nobody at all', { env: { IAM_ENDPOINT: 'http://127.0.0.1:1', OSM_ENDPOINT: 'http://127.0.0.1:1' } }],
])('never fails the start: %s', async (_, setup) => {
  const service = await start('password', setup as object);
  expect(await mark(service, 3)).toBe(3);
});

/** The function in a process of its own, that can be frozen as Lambda freezes it. */
const startProcess = async (env: Record<string, string>) => {
  const root = path.resolve(import.meta.dirname, '../..');
  const child = fork(
    path.join(root, 'local/lambda/function-runtime.ts'),
    [path.join(root, 'handlers/mark-as-read.ts')],
    {
      env: { ...process.env, ...env },
      silent: true,
    },
  );
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => record(String(chunk)));
  closeAfter({
    async close() {
      child.kill('SIGKILL');
    },
  });
  const answer = async () => ((await once(child, 'message')) as [Answered])[0];
  return {
    child,
    ready: answer(),
    async mark(count: number) {
      const invocation: Invocation = {
        requestId: 'x',
        event: { Records: receipts(count) },
        deadlineMs: performance.timeOrigin + performance.now() + 20_000,
      };
      child.send(invocation);
      const answered = await answer();
      if ('error' in answered) throw new Error(answered.error);
      return JSON.parse(answered.payload).batchItemFailures.length as number;
    },
  };
};

test.each([
  ['has not answered', 60_000],
  ['has answered meanwhile', 700],
])('a log-in that was frozen between start and first batch does not fail it: IAM %s', async (_, slowMs) => {
  const service = await start('password');
  service.huawei.requests.length = 0;
  const slow = service.huawei.faults.add({ does: 'slow', ms: slowMs, match: atIam });
  const lambda = await startProcess({ REQUEST_TIMEOUT_MS: '3000' });
  while (logIns(service).length === 0) await sleep(20);
  if (slowMs > 2_000) await lambda.ready;
  lambda.child.kill('SIGSTOP');
  await sleep(3_500);
  slow.remove();
  lambda.child.kill('SIGCONT');
  await lambda.ready;
  expect(await lambda.mark(10)).toBe(0);
  expect(logIns(service).length).toBeLessThanOrEqual(2);
});
