// Dead letters and back-offs as SQS sees them, and what becomes of records where SQS does not play along.
import type { Fault } from '../../local/huawei/faults.ts';
import { useClock } from '../clock.ts';
import { fabricated, receipt, startEnvironment, useEnvironment, VISIBILITY_SECONDS } from '../environment.ts';
import { type Intercept, refuseCalls, refuseEntries } from '../queue-proxy.ts';

useEnvironment();
useClock();

const MIB = 1_048_576;
const attribute = (StringValue: string) => ({ DataType: 'String', StringValue });
const many = (count: number, body = '?') => Array.from({ length: count }, () => body);
const lateOrMark = ({ kind }: { kind: string }) => kind === 'mark' || kind === 'messages';
const outage = { huawei: { faults: [{ does: 'html502' as const, match: { kind: 'mark' as const } }] } };

describe('a dead letter', () => {
  test('keeps the body byte for byte', async () => {
    const environment = await startEnvironment();
    const bodies = [' {"case_id" : 1.0 } \n', '\t票é\r\n"', '{"a":1,"a":2}', '\uFFFD\uE000', '0'];
    await environment.deliver(bodies);
    expect(environment.deadLetters().map(({ body }) => body)).toEqual(bodies);
  });

  test('keeps attributes of every type, and ours come after them', async () => {
    const environment = await startEnvironment();
    const attributes = {
      tenant: attribute('t-1'),
      'Custom.Json': { DataType: 'String.json', StringValue: '{"a":"é"}' },
      count: { DataType: 'Number.int', StringValue: '42' },
      blob: { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255, 128, 10]).toString('base64') },
      __proto: attribute('x'),
    };
    await environment.deliver([{ body: '?', attributes }]);
    const [letter] = environment.deadLetters();
    expect(letter?.attributes).toMatchObject(attributes);
    expect(Object.keys(letter?.attributes ?? {}).sort()).toEqual(
      [...Object.keys(attributes), 'failure', 'replays', 'failure_code'].sort(),
    );
  });

  test('keeps message group and trace', async () => {
    const environment = await startEnvironment();
    const system = { MessageGroupId: 'tenant-7', AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793' };
    await environment.deliver([{ body: '?', system }, '?']);
    const entries = environment.proxy.calls.flatMap(({ body }) => body.Entries);
    expect(entries).toHaveLength(2);
    expect(entries[0]).toMatchObject({
      MessageGroupId: 'tenant-7',
      MessageSystemAttributes: {
        AWSTraceHeader: { DataType: 'String', StringValue: system.AWSTraceHeader },
      },
    });
    expect(entries[1]).not.toHaveProperty('MessageGroupId');
    expect(entries[1]).not.toHaveProperty('MessageSystemAttributes');
  });

  test('is never refused for what we add: up to ten attributes, and to the last byte of 1 MiB', async () => {
    const environment = await startEnvironment();
    const attributes = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, attribute('x')]));
    const bodies = [0, 1, 20, 100, 300, 500].map(short => 'x'.repeat(MIB - short));
    const parcels = [7, 8, 9, 10].map(count => ({ body: '?', attributes: attributes(count) }));
    const { failed } = await environment.deliver([...parcels, ...bodies]);
    expect(failed).toEqual([]);
    const letters = environment.deadLetters();
    expect(letters.map(({ body }) => body.length).sort()).toEqual(
      [...parcels, ...bodies.map(body => ({ body }))].map(({ body }) => body.length).sort(),
    );
    const counts = letters.map(({ attributes }) => Object.keys(attributes).length);
    expect(counts.filter(count => count > 3)).toEqual([10, 10, 10, 10]);
  });
});

describe('a record whose dead letter SQS has not confirmed is reported failed', () => {
  test('where some entries are refused: those, and no others', async () => {
    const environment = await startEnvironment();
    environment.proxy.intercept = refuseEntries('SendMessageBatch', index => index % 3 === 1);
    const { failed, ids } = await environment.deliver([...many(5), receipt('1'), ...many(8)]);
    // Ten dead letters in the first call (index 5 is marked), three in the second.
    expect(failed).toEqual([1, 4, 8, 12]);
    expect(environment.deadLetters()).toHaveLength(9);
    expect(environment.left().sort()).toEqual(failed.map(index => ids[index] as string).sort());
    for (const index of failed) {
      expect(environment.hiddenSeconds(ids[index] as string)).toBe(VISIBILITY_SECONDS);
    }
  });

  const spoiled: [string, Intercept][] = [
    ['the call is refused', refuseCalls('SendMessageBatch')],
    ['SQS answers 500', refuseCalls('SendMessageBatch', 500, 'InternalFailure')],
    ['SQS throttles', refuseCalls('SendMessageBatch', 400, 'RequestThrottled')],
    ['the connection breaks', () => 'reset'],
    ['the answer is HTML', () => ({ status: 200, body: '<html></html>' })],
    ['the answer names nothing', () => ({ status: 200, body: {} })],
    ['the answer is empty', () => ({ status: 200, body: '' })],
    ['the answer names others', () => ({ status: 200, body: { Successful: [{ Id: '77' }], Failed: [] } })],
    ['there is no such queue', refuseCalls('SendMessageBatch', 400, 'QueueDoesNotExist')],
  ];
  test.each(spoiled)('where %s', async (_, intercept) => {
    const environment = await startEnvironment();
    environment.proxy.intercept = intercept;
    const { failed } = await environment.deliver(['?', receipt('fine'), '{}']);
    expect(failed).toEqual([0, 2]);
    expect(environment.marks()).toHaveLength(1);
    environment.proxy.intercept = undefined;
    expect(environment.deadLetters()).toEqual([]);
    expect((await environment.invoke([fabricated('?')])).batchItemFailures).toEqual([]);
    expect(environment.deadLetters()).toHaveLength(1);
  });

  test('where SQS hangs: the function answers before its end', async () => {
    const environment = await startEnvironment();
    environment.proxy.intercept = () => 'hang';
    const { failed, tookMs } = await environment.deliver(['?', receipt('fine')], 2000);
    expect(failed).toEqual([0]);
    // Far more than its time, for a busy machine; what hung would end with the test.
    expect(tookMs).toBeLessThan(8000);
  });

  test('where one of several calls hangs: the others count', async () => {
    const environment = await startEnvironment();
    environment.proxy.intercept = (call, forward) =>
      call.body.Entries.some(({ MessageBody }) => MessageBody === 'hangs') ? 'hang' : forward();
    const { failed, tookMs } = await environment.deliver([...many(10), 'hangs', ...many(12)], 3000);
    expect(tookMs).toBeLessThan(12_000);
    expect(failed).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });
});

describe('a message that comes back later', () => {
  // Tables of receives and of Retry-After: backoff.test.ts and huawei/outcome.test.ts.
  test.each<[string, Fault, receives: number, least: number, most: number]>([
    ['the back-off of its receive', { does: 'html502', match: { kind: 'mark' } }, 5, 40, 80],
    ['Retry-After of a 429', { does: 'retry_after', after: 120, match: { kind: 'mark' } }, 1, 120, 120],
    [
      'Retry-After of a 503',
      { does: 'answer', status: 503, headers: { 'Retry-After': '77' }, match: { kind: 'mark' } },
      1,
      77,
      77,
    ],
    ['Retry-After of IAM', { does: 'retry_after', after: 300, match: { kind: 'log_in' } }, 1, 300, 300],
    ['an hour at most', { does: 'retry_after', after: 86_400, match: { kind: 'mark' } }, 1, 3600, 3600],
  ])('stays hidden for %s', async (_, fault, receives, least, most) => {
    const environment = await startEnvironment({ huawei: { faults: [fault] } });
    const { ids } = await environment.deliver([
      { body: receipt('1'), system: { ApproximateReceiveCount: String(receives) } },
    ]);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThanOrEqual(least);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(most);
  });
  const spoiled: [string, Intercept][] = [
    ['refuses some', refuseEntries('ChangeMessageVisibilityBatch', index => index === 0)],
    ['refuses the call', refuseCalls('ChangeMessageVisibilityBatch')],
    ['breaks the connection', () => 'reset'],
    ['names nothing in its answer', () => ({ status: 200, body: {} })],
  ];
  test.each(spoiled)('is reported failed all the same where SQS %s', async (_, intercept) => {
    const environment = await startEnvironment(outage);
    environment.proxy.intercept = intercept;
    const { failed } = await environment.deliver([receipt('1'), receipt('2')]);
    expect(failed).toEqual([0, 1]);
    expect(environment.deadLetters()).toEqual([]);
  });
});

describe('limits by configuration', () => {
  test('MAX_ATTEMPTS counts receives', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'error_code', code: 'OSM.99', match: { kind: 'mark' } }] },
      env: { MAX_ATTEMPTS: '2' },
    });
    const { failed } = await environment.deliver([
      receipt('1'),
      { body: receipt('2'), system: { ApproximateReceiveCount: '2' } },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toMatchObject([{ failure: { code: 'failed', attempts: 2 } }]);
  });

  test('MAX_AGE_SECONDS counts from the first receive, not from when it was sent', async () => {
    const environment = await startEnvironment({ ...outage, env: { MAX_AGE_SECONDS: '60' } });
    const old = String(Date.now() - 61_000);
    const { failed } = await environment.deliver([
      { body: receipt('1'), system: { SentTimestamp: old } },
      { body: receipt('2'), system: { ApproximateFirstReceiveTimestamp: old } },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toMatchObject([{ body: receipt('2') }]);
  });
});

describe("near the end of the queue's retention", () => {
  const DAY_SECONDS = 86_400;
  /** A message that the queue drops when these seconds have passed. */
  const endsIn = (seconds: number, retention = 7 * DAY_SECONDS) => ({
    SentTimestamp: String(Date.now() - (retention - seconds) * 1000),
  });
  const troubles: [string, Fault, code: string][] = [
    ['a 503', { does: 'html502' }, 'unavailable'],
    ['a 429 with Retry-After', { does: 'retry_after', after: 3600 }, 'rate_limited'],
    ['an answer that nobody knows', { does: 'error_code', code: 'OSM.99' }, 'failed'],
    ['a hang', { does: 'hang' }, 'timeout'],
  ];
  test.each(troubles)('what meets %s does not wait for longer than it lives', async (_, fault, code) => {
    const environment = await startEnvironment({
      huawei: { faults: [{ ...fault, match: { kind: 'mark' } }] },
      env: { LATE_RECEIPTS: 'mark', REQUEST_TIMEOUT_MS: '1000' },
    });
    const longest = code === 'rate_limited' ? 3600 : 5;
    const { failed } = await environment.deliver([
      { body: receipt('lives'), system: endsIn(longest + 330) },
      { body: receipt('ends'), system: endsIn(longest + 270 - longest / 2) },
      { body: receipt('gone'), system: endsIn(-60) },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toMatchObject([
      { body: receipt('ends'), failure: { code } },
      { body: receipt('gone'), failure: { code } },
    ]);
  });

  test('nor what meets trouble at a late look, or waits behind an open breaker', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'html502', match: lateOrMark }] },
    });
    const { failed } = await environment.deliver(
      Array.from({ length: 70 }, (_, i) => ({ body: receipt(`c${i}`), system: i < 60 ? {} : endsIn(200) })),
    );
    expect(failed).toHaveLength(60);
    expect(new Set(environment.deadLetters().map(({ failure }) => failure.code))).toEqual(
      new Set(['unavailable']),
    );
  });

  test('what the batch did not get to is a timeout; it would come back after the visibility timeout', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'hang', match: { kind: 'mark' } }] },
      env: { MAX_IN_FLIGHT: '1', LATE_RECEIPTS: 'mark' },
    });
    const { failed } = await environment.deliver(
      [
        receipt('takes the only place until no call may start'),
        { body: receipt('lives'), system: endsIn(510) },
        { body: receipt('ends'), system: endsIn(470) },
      ],
      3000,
    );
    expect(failed).toEqual([0, 1]);
    expect(environment.deadLetters()).toMatchObject([
      { body: receipt('ends'), failure: { code: 'timeout' } },
    ]);
  });

  test('QUEUE_RETENTION_SECONDS says how long the queue keeps it', async () => {
    const environment = await startEnvironment({ ...outage, env: { QUEUE_RETENTION_SECONDS: '3600' } });
    const { failed } = await environment.deliver([
      { body: receipt('lives'), system: endsIn(330, 3600) },
      { body: receipt('ends'), system: endsIn(270, 3600) },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toMatchObject([{ body: receipt('ends') }]);
  });

  test('what is marked is marked, however old', async () => {
    const environment = await startEnvironment({ env: { LATE_RECEIPTS: 'mark' } });
    expect((await environment.deliver([{ body: receipt('1'), system: endsIn(1) }])).failed).toEqual([]);
    expect(environment.marks()).toHaveLength(1);
  });
});

test('a batch that is all marked asks nothing of SQS', async () => {
  const environment = await startEnvironment();
  await environment.deliver([receipt('1'), receipt('2')]);
  expect(environment.proxy.calls).toEqual([]);
});
