// What becomes of a message by what its mark meets: what Huawei was asked, what SQS was told, what the function
// answered. What each answer means: huawei/outcome.test.ts.
import type { FailureCode } from '../../lib/failure.ts';
import type { Fault, Trouble } from '../../local/huawei/faults.ts';
import { useClock } from '../clock.ts';
import { aged, type Environment, receipt, startEnvironment, useEnvironment } from '../environment.ts';
import { allCodes, gateway, osm, waits } from '../outcome-table.ts';

useEnvironment();
useClock();

const DAY_SECONDS = 86_400;

const answered: [status: number, body: unknown, FailureCode][] = [
  [409, gateway('APIGW.0201'), 'rejected'],
  [200, osm('OSM.01010015'), 'rejected'],
  [403, osm('OSM.0003'), 'forbidden'],
  [200, osm('a code that nobody knows'), 'failed'],
  [200, osm('OSM.01010011'), 'unauthorized'],
  [494, '', 'misconfigured'],
  [400, '<html>', 'misconfigured'],
  [429, {}, 'rate_limited'],
  [503, {}, 'unavailable'],
  [200, '<html>', 'unavailable'],
];
const troubles: { trouble: Trouble; code: FailureCode; status?: number }[] = [
  ...answered.map(([status, body, code]) => ({
    trouble: { does: 'answer' as const, status, body },
    code,
    status,
  })),
  {
    // It is not followed.
    trouble: { does: 'answer', status: 307, headers: { Location: '/v3/auth/tokens' } },
    code: 'unavailable',
    status: 307,
  },
  { trouble: { does: 'reset' }, code: 'unreachable' },
  { trouble: { does: 'hang' }, code: 'timeout' },
];

describe('a mark that meets', () => {
  let environment: Environment;
  beforeAll(async () => {
    environment = await startEnvironment({ until: 'file' });
  });
  // The stand-in lives as long as these rows do; the function is warm from the second on.
  beforeEach(() => environment.clear());

  test.each(troubles)('$trouble: $code', async ({ trouble, code, status }) => {
    environment.huawei.faults.add({
      ...trouble,
      match: ({ caseId }) => caseId !== undefined && caseId !== 'healthy',
    } as Fault);
    const { failed, ids } = await environment.deliver([
      receipt('young'),
      { body: receipt('old'), system: { ApproximateReceiveCount: '8', ...aged(DAY_SECONDS) } },
      receipt('healthy'),
    ]);
    const isDeadAtOnce = waits[code] === 'not';
    expect(failed).toEqual(isDeadAtOnce ? [] : [0]);
    expect(environment.left()).toEqual(isDeadAtOnce ? [] : [ids[0]]);
    const letters = environment.deadLetters();
    expect(letters.map(({ body }) => body)).toEqual(
      (isDeadAtOnce ? ['young', 'old'] : ['old']).map(caseId => receipt(caseId)),
    );
    expect(letters.at(-1)?.failure).toMatchObject({
      code,
      detail: expect.stringMatching(/./),
      attempts: 8,
      source_message_id: ids[1],
      ...(status && { status }),
    });
    expect(letters.at(-1)?.attributes).toMatchObject({
      failure_code: { DataType: 'String', StringValue: code },
      replays: { DataType: 'Number', StringValue: '0' },
    });
    if (!isDeadAtOnce) {
      // 5 s at the first receive, jitter between half and whole.
      expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThanOrEqual(3);
      expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(5);
    }
    expect(environment.marks()).toContainEqual(expect.objectContaining({ caseId: 'healthy', status: 200 }));
  });

  test('each code of a mark is met here', () => {
    const met = new Set(troubles.map(({ code }) => code));
    expect(allCodes.filter(code => !met.has(code))).toEqual(['malformed', 'invalid']);
  });
});

describe('where no mark can be sent, its failure is that of what comes before', () => {
  const noOne = 'http://127.0.0.1:1';
  test.each<[string, FailureCode, Trouble | undefined, Record<string, string | undefined>, RegExp?]>([
    ['a log-in answered with 503', 'unavailable', { does: 'answer', status: 503 }, {}],
    ['a log-in that is throttled', 'rate_limited', { does: 'retry_after', after: 1 }, {}],
    ['a log-in refused in HTML', 'misconfigured', { does: 'answer', status: 401, body: '<html>' }, {}],
    ['a log-in that is refused', 'unauthorized', { does: 'answer', status: 403, body: {} }, {}],
    ['a log-in that hangs', 'timeout', { does: 'hang' }, { REQUEST_TIMEOUT_MS: '1000' }],
    ['no IAM_ENDPOINT', 'misconfigured', undefined, { IAM_ENDPOINT: undefined }, /IAM_ENDPOINT/],
    ['nobody listening at IAM', 'unreachable', undefined, { IAM_ENDPOINT: noOne }],
    ['nobody listening at OSM', 'unreachable', undefined, { OSM_ENDPOINT: noOne }],
    ['a server without TLS', 'unreachable', undefined, { OSM_ENDPOINT: 'https://127.0.0.1:PORT' }],
  ])('%s: %s', async (_, code, trouble, env, says = /./) => {
    const { port } = new URL((await startEnvironment()).huawei.url);
    const environment = await startEnvironment({
      huawei: { faults: trouble ? [{ ...trouble, match: { kind: 'log_in' } }] : [] },
      env: Object.fromEntries(
        Object.entries(env).map(([name, value]) => [name, value?.replace('PORT', port)]),
      ),
    });
    const { failed, ids } = await environment.deliver([
      receipt('young'),
      { body: receipt('old'), system: aged(DAY_SECONDS) },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(5);
    expect(environment.deadLetters()).toMatchObject([
      { failure: { code, detail: expect.stringMatching(says) } },
    ]);
    expect(environment.marks()).toEqual([]);
  });
});
