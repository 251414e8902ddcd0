// Every row of the contract's outcome table, seen from outside the function: what Huawei was asked, what SQS
// was told, what the function answered.
import type { Fault, Trouble } from '../../local/huawei/faults.ts';
import {
  aged,
  type Environment,
  receipt,
  startEnvironment,
  useEnvironment,
  VISIBILITY_SECONDS,
} from '../environment.ts';

useEnvironment();

const DAY_SECONDS = 86_400;

const answer = (status: number, body?: unknown, headers?: Record<string, string>): Trouble => ({
  does: 'answer',
  status,
  body,
  ...(headers && { headers }),
});
const osm = (error_code: string) => ({ error_code, error_msg: 'Because.' });
const gateway = (error_code: string) => ({ error_code, error_msg: 'Because.', request_id: 'from-the-body' });
const HTML = '<html><body>Bad</body></html>';

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
    environment = await startEnvironment({ env: { REQUEST_TIMEOUT_MS: '1500' }, until: 'file' });
  });
  // The stand-in lives as long as these rows do; the function is warm from the second on.
  beforeEach(() => environment.clear());

  describe('a receipt is marked and its message acknowledged', () => {
    const successes: [string, Trouble][] = [
      ['a group_id, as in the API reference', answer(200, { group_id: '123456' })],
      ['an empty object', answer(200, {})],
      ['an empty error_code', answer(200, { error_code: '', error_msg: '' })],
      ['a null error_code', answer(200, { error_code: null })],
      ['an error_msg alone', answer(200, { error_msg: 'ok' })],
      ['fields that nobody knows', answer(200, { code: 'OSM.01010015', data: [{ error_code: 'x' }] })],
      ['JSON that calls itself text', answer(200, '{}', { 'Content-Type': 'text/plain' })],
      ['a message longer than documented', answer(200, { error_code: '', error_msg: 'm'.repeat(5000) })],
    ];
    test.each(successes)('after a 200 with %s', async (_, trouble) => {
      const { failed } = await deliverThree(environment, trouble);
      expect(failed).toEqual([]);
      expect(environment.deadLetters()).toEqual([]);
      expect(environment.left()).toEqual([]);
      expect(environment.marks().map(({ caseId }) => caseId)).toEqual(['young', 'old', 'healthy']);
    });
  });

  describe('a receipt at fault is dead-lettered at once, and the others go on', () => {
    const rows: [string, Trouble, code: string, Record<string, unknown>?][] = [
      ['400', answer(400, gateway('APIGW.0201')), 'rejected', { error_code: 'APIGW.0201' }],
      ['400 with an OSM code', answer(400, osm('OSM.0001')), 'rejected', { error_code: 'OSM.0001' }],
      ['400 with nothing', answer(400), 'rejected'],
      ['413', answer(413, gateway('APIGW.0201')), 'rejected'],
      ['414', answer(414, gateway('APIGW.0201')), 'rejected'],
      ['402', answer(402, {}), 'rejected'],
      ['409', answer(409, HTML), 'rejected'],
      ['422', answer(422, {}), 'rejected'],
      ['431', answer(431, {}), 'rejected'],
      ['499', answer(499, 'null'), 'rejected'],
      ['200 with OSM.01010001', answer(200, osm('OSM.01010001')), 'rejected'],
      ['200 with OSM.01010010', answer(200, osm('OSM.01010010')), 'rejected'],
      ['200 with OSM.01010015', answer(200, osm('OSM.01010015')), 'rejected'],
      ['200 with OSM.01010062', answer(200, osm('OSM.01010062')), 'rejected'],
      ['200 with OSM.0001', answer(200, osm('OSM.0001')), 'rejected'],
      ['404 with an OSM code', answer(404, osm('OSM.01010015')), 'rejected'],
      ['404 with an OSM code nobody knows', answer(404, osm('OSM.7777')), 'rejected'],
      ['405 with an OSM code nobody knows', answer(405, osm('OSM.7777')), 'rejected'],
      ['200 with OSM.01010002', answer(200, osm('OSM.01010002')), 'forbidden'],
      ['200 with OSM.0003', answer(200, osm('OSM.0003')), 'forbidden'],
      ['403 with OSM.0003', answer(403, osm('OSM.0003')), 'forbidden'],
      ['403 with an OSM code nobody knows', answer(403, osm('OSM.7777')), 'forbidden'],
    ];
    test.each(rows)('%s', async (what, trouble, code, more = {}) => {
      const { failed, letters, ids } = await deliverThree(environment, trouble);
      expect(failed).toEqual([]);
      expect(environment.left()).toEqual([]);
      expect(Object.keys(letters).sort()).toEqual(['old', 'young']);
      expect(letters.young?.failure).toMatchObject({
        code,
        status: Number(what.slice(0, 3)),
        attempts: 1,
        source_message_id: ids[0],
        ...more,
      });
      expect(letters.young?.attributes.failure_code).toEqual({ DataType: 'String', StringValue: code });
      expect(letters.young?.attributes.replays).toEqual({ DataType: 'Number', StringValue: '0' });
      expect(letters.young?.body).toBe(receipt('young'));
      expect(environment.marks()).toHaveLength(3);
    });
  });

  describe('an error code that nobody knows, with status 200, is failed', () => {
    const codes = ['OSM.01019999', 'APIGW.0301', 'SOMETHING', 'constructor', '__proto__', 'toString', '0'];
    test.each(codes)('%s: back-off before MAX_ATTEMPTS, dead letter at it', async code => {
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
      expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThan(155);
      expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(320);
    });

    test('its age alone, without receives, does not dead-letter it', async () => {
      environment.huawei.faults.add({ does: 'error_code', code: 'OSM.5', match: { kind: 'mark' } });
      const { failed } = await environment.deliver([{ body: receipt('old'), system: aged(2 * DAY_SECONDS) }]);
      expect(failed).toEqual([0]);
      expect(environment.deadLetters()).toEqual([]);
    });
  });

  describe('trouble with the service hides a young message for its back-off and dead-letters one past its age', () => {
    const rows: [string, Trouble, code: string, Record<string, unknown>?][] = [
      ['200 with OSM.01010011', answer(200, osm('OSM.01010011')), 'unauthorized', { status: 200 }],
      ['494, our token is too large', answer(494, gateway('APIGW.0201')), 'misconfigured', { status: 494 }],
      [
        '403 of the gateway',
        answer(403, gateway('APIGW.0302')),
        'misconfigured',
        { error_code: 'APIGW.0302' },
      ],
      ['403 of a firewall', answer(403, HTML), 'misconfigured', { status: 403 }],
      ['404 of the gateway', answer(404, gateway('APIGW.0101')), 'misconfigured'],
      ['404 with nothing', answer(404), 'misconfigured'],
      ['405 of the gateway: quota, balance', answer(405, gateway('APIGW.0501')), 'misconfigured'],
      ['429', answer(429, gateway('APIGW.0308')), 'rate_limited', { request_id: 'from-the-body' }],
      ['429 with an OSM code', answer(429, osm('OSM.0001')), 'rate_limited'],
      ['408', answer(408), 'unavailable'],
      ['425', answer(425), 'unavailable'],
      ['500', answer(500, gateway('APIGW.0601')), 'unavailable', { error_code: 'APIGW.0601' }],
      ['500 with OSM.0004', answer(500, osm('OSM.0004')), 'unavailable'],
      ['500 with the code of a receipt at fault', answer(500, osm('OSM.01010015')), 'unavailable'],
      ['502 in HTML', { does: 'html502' }, 'unavailable', { status: 502 }],
      ['502 with APIGW.0201', answer(502, gateway('APIGW.0201')), 'unavailable'],
      ['503', answer(503, gateway('APIGW.0613')), 'unavailable'],
      ['504', answer(504, ''), 'unavailable'],
      ['599', answer(599, ''), 'unavailable'],
      ['200 with OSM.01010014', answer(200, osm('OSM.01010014')), 'unavailable'],
      ['200 with OSM.0004', answer(200, osm('OSM.0004')), 'unavailable'],
      ['201', answer(201, {}), 'unavailable', { status: 201 }],
      ['204', answer(204), 'unavailable'],
      ['206', answer(206, {}), 'unavailable'],
      ['304', answer(304), 'unavailable'],
      [
        'a redirect, which is not followed',
        { does: 'redirect', to: '/v3/auth/tokens', status: 307 },
        'unavailable',
      ],
      ['200 that is not JSON', { does: 'not_json' }, 'unavailable', { status: 200 }],
      ['200 with nothing', answer(200), 'unavailable'],
      ['200 with null', answer(200, 'null'), 'unavailable'],
      ['200 with an array', answer(200, '[]'), 'unavailable'],
      ['200 with a text', answer(200, '"ok"'), 'unavailable'],
      ['200 with 10 MB', { does: 'big' }, 'unavailable'],
      ['headers over 64 KB', { does: 'huge_headers' }, 'unavailable'],
      ['a reset', { does: 'reset' }, 'unreachable'],
      ['a connection closed without an answer', { does: 'close' }, 'unreachable'],
      ['half an answer', { does: 'half' }, 'unreachable'],
      ['no answer in time', { does: 'hang' }, 'timeout'],
      ['an answer that trickles', { does: 'trickle', msPerByte: 2000 }, 'timeout'],
    ];
    test.each(rows)('%s', async (_, trouble, code, more = {}) => {
      const { failed, letters, ids } = await deliverThree(environment, trouble);
      expect(failed).toEqual([0]);
      expect(environment.left()).toEqual([ids[0]]);
      // 5 s at the first receive, jitter between half and whole.
      expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThan(1.5);
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

  test('a message is past its age exactly at MAX_AGE_SECONDS since its first receive', async () => {
    environment.huawei.faults.add({ does: 'html502' });
    const { failed } = await environment.deliver([
      { body: receipt('nearly'), system: aged(DAY_SECONDS - 5) },
      { body: receipt('just'), system: aged(DAY_SECONDS) },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters().map(({ body }) => body)).toEqual([receipt('just')]);
  });

  test('receives never dead-letter a message for trouble with the service', async () => {
    environment.huawei.faults.add({ does: 'html502' });
    const { failed } = await environment.deliver([
      { body: receipt('young'), system: { ApproximateReceiveCount: '500' } },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toEqual([]);
  });

  describe('a body that is no receipt is dead-lettered at once, without a call', () => {
    const bodies: [string, string, code: string, detail: RegExp][] = [
      ['not JSON', 'case 1', 'malformed', /JSON/],
      ['cut JSON', '{"case_id":"1"', 'malformed', /JSON/],
      ['blank', ' ', 'malformed', /JSON/],
      ['an SNS notification without Message', '{"Type":"Notification"}', 'malformed', /Message/],
      [
        'an SNS notification of something else',
        '{"Type":"Notification","Message":"hello"}',
        'malformed',
        /Message/,
      ],
      ['an EventBridge event without detail', '{"detail-type":"read"}', 'malformed', /detail/],
      ['a CloudEvent without data', '{"specversion":"1.0","data":null}', 'malformed', /data/],
      ['null', 'null', 'invalid', /case_id/],
      ['a number', '42', 'invalid', /case_id/],
      ['an array', '[{"case_id":"1"}]', 'invalid', /case_id/],
      ['an empty object', '{}', 'invalid', /case_id/],
      ['a case_id too long', receipt('x'.repeat(65)), 'invalid', /case_id.*64/],
      ['a bad group_id', receipt('1', { group_id: 7 }), 'invalid', /group_id/],
      ['a bad language', receipt('1', { language: 'en us' }), 'invalid', /language/],
      ['a bad time_zone', receipt('1', { time_zone: '' }), 'invalid', /time_zone/],
      ['a read_at without offset', receipt('1', { read_at: '2026-01-31T09:30:00' }), 'invalid', /read_at/],
    ];
    test.each(bodies)('%s', async (_, body, code, detail) => {
      const { failed, ids } = await environment.deliver([body]);
      expect(failed).toEqual([]);
      const [letter] = environment.deadLetters();
      expect(letter).toMatchObject({ body, failure: { code, source_message_id: ids[0], attempts: 1 } });
      expect(letter?.failure.detail).toMatch(detail);
      expect(letter?.failure).not.toHaveProperty('status');
      expect(environment.huawei.requests).toEqual([]);
    });
  });

  test('a dead letter tells when it was received first and when it died', async () => {
    const before = Date.now();
    await environment.deliver([{ body: '?', system: aged(100) }]);
    const [letter] = environment.deadLetters();
    const failure = letter?.failure ?? {};
    expect(Date.parse(String(failure.first_received_at))).toBeGreaterThanOrEqual(before - 100_000);
    expect(Date.parse(String(failure.first_received_at))).toBeLessThanOrEqual(Date.now() - 99_000);
    expect(Date.parse(String(failure.dead_lettered_at))).toBeGreaterThanOrEqual(before);
    expect(Date.parse(String(failure.dead_lettered_at))).toBeLessThanOrEqual(Date.now());
  });

  test("where the function's time runs out first, the message is reported failed and gets no back-off", async () => {
    environment.huawei.faults.add({ does: 'hang', match: { caseId: 'hangs' } });
    const { failed, ids } = await environment.deliver([receipt('hangs'), receipt('fine')], 400);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toEqual([]);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThan(VISIBILITY_SECONDS - 5);
    expect(environment.proxy.calls).toEqual([]);
  });
});

describe('a 401', () => {
  test('is cured by a fresh token: every receipt is marked', async () => {
    const environment = await startEnvironment();
    await environment.deliver([receipt('before')]);
    environment.huawei.iam.revokeTokens();
    const { failed } = await environment.deliver([receipt('after')]);
    expect(failed).toEqual([]);
    expect(environment.logIns()).toHaveLength(2);
    expect(environment.marks().map(({ status }) => status)).toEqual([200, 401, 200]);
  });

  const refusals: [string, Trouble][] = [
    ['401', answer(401, gateway('APIGW.0301'))],
    ['401 with nothing', answer(401)],
    ['401 with OSM.0002', answer(401, osm('OSM.0002'))],
    ['200 with OSM.0002', answer(200, osm('OSM.0002'))],
  ];
  test.each(refusals)('that a fresh token does not cure is unauthorized: %s', async (_, trouble) => {
    const environment = await startEnvironment();
    const { failed, letters, ids } = await deliverThree(environment, trouble);
    expect(failed).toEqual([0]);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(5);
    expect(Object.keys(letters)).toEqual(['old']);
    expect(letters.old?.failure).toMatchObject({ code: 'unauthorized' });
    // One call and one repeat for each mark that was refused.
    expect(environment.marks()).toHaveLength(5);
  });
});

describe('a log-in that brings no token decides the fate of all who wait for it', () => {
  const iam = (status: number) =>
    answer(status, { error: { code: status, message: 'Because.', title: 'T' } });
  const rows: [string, Trouble, code: string][] = [
    ['400', iam(400), 'unauthorized'],
    ['401', iam(401), 'unauthorized'],
    ['403', iam(403), 'unauthorized'],
    ['403 of the wrong site', answer(403, { error_msg: 'x', error_code: 'IAM.0002' }), 'unauthorized'],
    ['404', iam(404), 'misconfigured'],
    ['429', answer(429, gateway('APIGW.0308')), 'rate_limited'],
    ['500', iam(500), 'unavailable'],
    ['502 in HTML', { does: 'html502' }, 'unavailable'],
    ['503', answer(503, ''), 'unavailable'],
    ['200 instead of 201', answer(200, {}), 'unavailable'],
    ['201 without a token', answer(201, {}), 'unavailable'],
    ['a redirect, which is not followed', { does: 'redirect', to: '/elsewhere' }, 'unavailable'],
    ['a reset', { does: 'reset' }, 'unreachable'],
    ['no answer in time', { does: 'hang' }, 'timeout'],
  ];
  test.each(rows)('%s', async (_, trouble, code) => {
    const environment = await startEnvironment({
      huawei: { faults: [{ ...trouble, match: { method: 'POST', path: '/v3/auth/tokens' } } as Fault] },
      env: { REQUEST_TIMEOUT_MS: '300' },
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

describe('stored credentials that cannot be used are unauthorized, and nothing is asked of Huawei', () => {
  const stored: [string, object | string | null][] = [
    ['missing', null],
    ['empty', ''],
    ['not JSON', 'user=relay password=right-password'],
    ['of a wrong shape', { type: 'password', user: 'relay' }],
    ['of a kind nobody knows', { type: 'cookie', cookie: 'x' }],
    ['expired', { type: 'token', token: 'a-token-that-has-expired', expires_at: '2020-01-01T00:00:00Z' }],
  ];
  test.each(stored)('%s', async (_, credentials) => {
    const environment = await startEnvironment({ credentials });
    const { failed } = await environment.deliver([
      receipt('young'),
      { body: receipt('old'), system: aged(DAY_SECONDS + 1) },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters().map(({ failure }) => failure.code)).toEqual(['unauthorized']);
    expect(environment.huawei.requests).toEqual([]);
  });
});
