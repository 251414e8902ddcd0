// Every row of the contract's outcome table, seen from outside the function: what Huawei was asked, what SQS
// was told, what the function answered.
import type { FailureCode } from '../../lib/failure.ts';
import type { Fault, Trouble } from '../../local/huawei/faults.ts';
import { useClock } from '../clock.ts';
import { aged, type Environment, receipt, startEnvironment, useEnvironment } from '../environment.ts';
import { answers, codes, gateway, osm, successes, unknownCodes } from '../outcome-table.ts';

useEnvironment();
useClock();

const DAY_SECONDS = 86_400;

const answer = (status: number, body?: unknown, headers?: Record<string, string>): Trouble => ({
  does: 'answer',
  status,
  body,
  ...(headers && { headers }),
});

/** One answer for each status and what it means, and each of OSM's codes. What a 401 means, credentials decide. */
const overHttp = [
  ...new Map(
    answers
      .filter(({ status }) => status >= 200 && status !== 401)
      .filter(({ body }) => JSON.stringify(body) !== JSON.stringify(osm('OSM.0002')))
      .toReversed()
      .map(row => [`${row.status} ${row.code} ${row.status === 200 && row.what}`, row] as const),
  ).values(),
].map(row => ({ ...row, trouble: answer(row.status, row.body) }));
const overHttpUntil = (until: 'at_once' | 'max_age') =>
  overHttp.filter(({ code }) => codes[code].until === until);

/** One receipt that meets the trouble, one that is a day old and meets it too, and a healthy one. */
const deliverThree = async (environment: Environment, trouble: Trouble) => {
  const fault = { ...trouble, match: ({ caseId }) => caseId !== 'healthy' && caseId !== undefined } as Fault;
  environment.huawei.faults.add(fault);
  const result = await environment.deliver([
    receipt('young'),
    { body: receipt('old'), system: aged(DAY_SECONDS + 1) },
    receipt('healthy'),
  ]);
  const letters = Object.fromEntries(
    environment.deadLetters().map(letter => [JSON.parse(letter.body).case_id, letter]),
  );
  return { ...result, letters };
};

describe('a batch at a Huawei that answers', () => {
  let environment: Environment;
  beforeAll(async () => {
    environment = await startEnvironment({ until: 'file' });
  });
  // The stand-in lives as long as these rows do; the function is warm from the second on.
  beforeEach(() => environment.clear());

  describe('a receipt is marked and its message acknowledged', () => {
    const rows: [string, Trouble][] = [
      ...successes.map(([what, body]): [string, Trouble] => [what, answer(200, body)]),
      ['JSON that calls itself text', answer(200, '{}', { 'Content-Type': 'text/plain' })],
    ];
    test.each(rows)('after a 200 with %s', async (_, trouble) => {
      const { failed } = await deliverThree(environment, trouble);
      expect(failed).toEqual([]);
      expect(environment.deadLetters()).toEqual([]);
      expect(environment.left()).toEqual([]);
      expect(environment.marks().map(({ caseId }) => caseId)).toEqual(['young', 'old', 'healthy']);
    });
  });

  describe('a receipt at fault is dead-lettered at once, and the others go on', () => {
    test.each(overHttpUntil('at_once'))('$what: $code', async ({ status, body, code, trouble }) => {
      const { failed, letters, ids } = await deliverThree(environment, trouble);
      expect(failed).toEqual([]);
      expect(environment.left()).toEqual([]);
      expect(Object.keys(letters).sort()).toEqual(['old', 'young']);
      expect(letters.young?.failure).toMatchObject({
        code,
        status,
        attempts: 1,
        source_message_id: ids[0],
        error_code: (body as { error_code: string }).error_code,
      });
      expect(letters.young?.attributes.failure_code).toEqual({ DataType: 'String', StringValue: code });
      expect(letters.young?.attributes.replays).toEqual({ DataType: 'Number', StringValue: '0' });
      expect(letters.young?.body).toBe(receipt('young'));
      expect(environment.marks()).toHaveLength(3);
    });
  });

  describe('an error code that nobody knows, with status 200, is failed', () => {
    const texts = unknownCodes.filter(code => typeof code === 'string');
    test.each(texts)('%s: back-off before MAX_ATTEMPTS, dead letter at it', async code => {
      environment.huawei.faults.add({ does: 'error_code', code, match: { kind: 'mark' } });
      const { failed, ids } = await environment.deliver([
        { body: receipt('seventh'), system: { ApproximateReceiveCount: '7' } },
        { body: receipt('eighth'), system: { ApproximateReceiveCount: '8', ...aged(60) } },
      ]);
      expect(failed).toEqual([0]);
      const [letter, ...others] = environment.deadLetters();
      expect(others).toEqual([]);
      expect(letter?.body).toBe(receipt('eighth'));
      expect(letter?.failure).toMatchObject({ code: 'failed', error_code: code, status: 200, attempts: 8 });
      // 5 s × 2^6, jitter between half and whole.
      expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThanOrEqual(160);
      expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(320);
    });
  });

  describe('trouble with the service hides a young message for its back-off and dead-letters one past its age', () => {
    const broken: { what: string; trouble: Trouble; code: FailureCode }[] = [
      {
        what: 'a redirect, which is not followed',
        trouble: { does: 'answer', status: 307, headers: { Location: '/v3/auth/tokens' } },
        code: 'unavailable',
      },
      {
        what: '200 with 10 MB',
        trouble: { does: 'answer', status: 200, body: { padding: 'x'.repeat(10e6) } },
        code: 'unavailable',
      },
      {
        what: 'headers over 64 KB',
        trouble: { does: 'answer', status: 200, headers: { 'X-Padding': 'x'.repeat(1e5) }, body: {} },
        code: 'unavailable',
      },
      { what: 'a reset', trouble: { does: 'reset' }, code: 'unreachable' },
      { what: 'a connection closed without an answer', trouble: { does: 'close' }, code: 'unreachable' },
      { what: 'half an answer', trouble: { does: 'half' }, code: 'unreachable' },
      { what: 'no answer in time', trouble: { does: 'hang' }, code: 'timeout' },
      { what: 'an answer that trickles', trouble: { does: 'trickle', msPerByte: 2000 }, code: 'timeout' },
    ];
    test.each([...overHttpUntil('max_age'), ...broken])('$what: $code', async ({ code, trouble, ...row }) => {
      const more = 'status' in row ? { status: row.status } : {};
      const { failed, letters, ids } = await deliverThree(environment, trouble);
      expect(failed).toEqual([0]);
      expect(environment.left()).toEqual([ids[0]]);
      // 5 s at the first receive, jitter between half and whole.
      expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThanOrEqual(3);
      expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(5);
      expect(Object.keys(letters)).toEqual(['old']);
      expect(letters.old?.failure).toMatchObject({ code, attempts: 1, source_message_id: ids[1], ...more });
      expect(letters.old?.failure.detail).not.toBe('');
      expect(letters.old?.attributes.failure_code?.StringValue).toBe(code);
      expect(environment.marks().some(({ caseId, status }) => caseId === 'healthy' && status === 200)).toBe(
        true,
      );
    });
  });
});

describe('a 401', () => {
  const refusals: [string, Trouble][] = [
    ['401', answer(401, gateway('APIGW.0301'))],
    ['401 with nothing', answer(401)],
    ['401 with OSM.0002', answer(401, osm('OSM.0002'))],
    ['200 with OSM.0002', answer(200, osm('OSM.0002'))],
  ];
  test.each(refusals)('that a fresh token does not cure is unauthorized: %s', async (_, trouble) => {
    const environment = await startEnvironment();
    // The call that decides between the credentials and the receipt is refused as well.
    environment.huawei.faults.add({ ...trouble, match: { kind: 'unread' } } as Fault);
    const { failed, letters, ids } = await deliverThree(environment, trouble);
    expect(failed).toEqual([0]);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(5);
    expect(Object.keys(letters)).toEqual(['old']);
    expect(letters.old?.failure).toMatchObject({ code: 'unauthorized' });
    // At most one call and one repeat for each mark that was refused.
    expect(environment.marks().length).toBeLessThanOrEqual(5);
  });
});

describe('a log-in that brings no token decides for all who wait for it', () => {
  // Every other status: huawei/outcome.test.ts.
  const rows: [string, Trouble, code: string][] = [
    ['503', answer(503), 'unavailable'],
    ['429', answer(429), 'rate_limited'],
    ['HTML', answer(401, '<html>'), 'misconfigured'],
    ['403 of the wrong site', answer(403, { error_msg: 'x', error_code: 'IAM.0002' }), 'unauthorized'],
    ['201 without a token', answer(201, {}), 'unavailable'],
    ['a reset', { does: 'reset' }, 'unreachable'],
    ['no answer in time', { does: 'hang' }, 'timeout'],
  ];
  test.each(rows)('%s', async (_, trouble, code) => {
    const environment = await startEnvironment({
      huawei: { faults: [{ ...trouble, match: { kind: 'log_in' } } as Fault] },
      env: { REQUEST_TIMEOUT_MS: '1000' },
    });
    const { failed, ids } = await environment.deliver([
      receipt('young'),
      { body: receipt('old'), system: aged(DAY_SECONDS + 1) },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(5);
    expect(environment.deadLetters().map(({ failure }) => failure.code)).toEqual([code]);
    expect(environment.marks()).toEqual([]);
  });

  test.each([
    ['IAM', { IAM_ENDPOINT: 'http://127.0.0.1:1' }],
    ['OSM', { OSM_ENDPOINT: 'http://127.0.0.1:1' }],
    ['a name that does not resolve', { OSM_ENDPOINT: 'https://osm.invalid' }],
  ])('nobody listens: unreachable (%s)', async (_, env) => {
    const environment = await startEnvironment({ env });
    const { failed } = await environment.deliver([
      { body: receipt('old'), system: aged(2 * DAY_SECONDS) },
      receipt('1'),
    ]);
    expect(failed).toEqual([1]);
    expect(environment.deadLetters().map(({ failure }) => failure.code)).toEqual(['unreachable']);
  });

  test('a server that does not speak TLS: unreachable', async () => {
    const plain = await startEnvironment();
    const environment = await startEnvironment({
      env: { OSM_ENDPOINT: plain.huawei.url.replace('http:', 'https:') },
    });
    await environment.deliver([{ body: receipt('old'), system: aged(2 * DAY_SECONDS) }]);
    expect(environment.deadLetters().map(({ failure }) => failure.code)).toEqual(['unreachable']);
  });
});
