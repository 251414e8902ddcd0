// Secret and log-in while the function initialises: ready before the first receipt, never at its cost.
import { setTimeout as sleep } from 'node:timers/promises';
import { pass, useClock } from '../clock.ts';
import { useEnvironment } from '../environment.ts';
import { type Kind, mark, type Started, start } from './kinds.ts';

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
  service.aws.calls.length = 0;
  const handler = await service.coldStart();
  expect(service.huawei.requests.map(each => each.kind)).toEqual(calls);
  expect(await mark({ handler }, 3)).toBe(0);
  expect(service.huawei.requests.filter(each => each.kind !== 'mark').map(each => each.kind)).toEqual(calls);
  expect(service.aws.calls).toHaveLength(kind === 'oidc' ? 2 : 1);
});

test('with IAM hanging, the start takes two seconds longer, and the batch waits for the same log-in', async () => {
  const service = await start('password');
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
  const service = await start('password');
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

test.each([
  ['it hangs still', '60000'],
  ['its time is up meanwhile', '2500'],
])(
  'a log-in that was frozen between start and first batch does not fail it: %s',
  async (_, REQUEST_TIMEOUT_MS) => {
    const service = await start('password', { env: { REQUEST_TIMEOUT_MS } });
    service.huawei.requests.length = 0;
    const hang = service.huawei.faults.add({ does: 'hang', match: atIam });
    const handler = await service.coldStart();
    pass({ minutes: 2 });
    // Two seconds of its time had gone by at the start.
    if (REQUEST_TIMEOUT_MS === '2500') await sleep(600);
    hang.remove();
    expect(await mark({ handler }, 10)).toBe(0);
    expect(logIns(service)).toHaveLength(2);
  },
);
