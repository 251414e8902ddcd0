// Dead letters and back-offs as SQS sees them, and what becomes of records where SQS does not play along.
import type { Fault } from '../../local/huawei/faults.ts';
import { useClock } from '../clock.ts';
import { fabricated, receipt, startEnvironment, useEnvironment, VISIBILITY_SECONDS } from '../environment.ts';
import { type Intercept, refuseEntries } from '../queue-proxy.ts';

useEnvironment();
useClock();

const MIB = 1_048_576;
const DAY_SECONDS = 86_400;
const attribute = (StringValue: string) => ({ DataType: 'String', StringValue });
const many = (count: number, body = '?') => Array.from({ length: count }, () => body);
const marksMeet = (trouble: Fault, env: Record<string, string> = {}) => ({
  huawei: { faults: [{ ...trouble, match: { kind: 'mark' as const } }] },
  env,
});

// What is in it: dead-letters/dead-letter.test.ts.
describe('a dead letter', () => {
  test('keeps the body byte for byte, attributes of every type, message group and trace', async () => {
    const environment = await startEnvironment();
    const bodies = [' {"case_id" : 1.0 } \n', '\t票é\r\n"', '{"a":1,"a":2}', '\uFFFD\uE000', '0'];
    const attributes = {
      tenant: attribute('t-1'),
      'Custom.Json': { DataType: 'String.json', StringValue: '{"a":"é"}' },
      count: { DataType: 'Number.int', StringValue: '42' },
      blob: { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255, 128, 10]).toString('base64') },
      __proto: attribute('x'),
    };
    const system = { MessageGroupId: 'tenant-7', AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793' };
    await environment.deliver([...bodies, { body: '?', attributes, system }]);
    const letters = environment.deadLetters();
    expect(letters.map(({ body }) => body)).toEqual([...bodies, '?']);
    expect(letters.at(-1)?.attributes).toMatchObject(attributes);
    expect(Object.keys(letters.at(-1)?.attributes ?? {}).sort()).toEqual(
      [...Object.keys(attributes), 'failure', 'replays', 'failure_code'].sort(),
    );
    const entries = environment.proxy.calls.flatMap(({ body }) => body.Entries);
    expect(entries.at(-1)).toMatchObject({
      MessageGroupId: 'tenant-7',
      MessageSystemAttributes: { AWSTraceHeader: attribute(system.AWSTraceHeader) },
    });
    expect(entries[0]).not.toHaveProperty('MessageGroupId');
    expect(entries[0]).not.toHaveProperty('MessageSystemAttributes');
  });

  test('is never refused for what we add: up to ten attributes, and to the last byte of 1 MiB', async () => {
    const environment = await startEnvironment();
    const attributes = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, attribute('x')]));
    const bodies = [0, 20].map(short => 'x'.repeat(MIB - short));
    const parcels = [7, 8, 9, 10].map(count => ({ body: '?', attributes: attributes(count) }));
    const { failed } = await environment.deliver([...parcels, ...bodies]);
    expect(failed).toEqual([]);
    const letters = environment.deadLetters();
    expect(letters).toHaveLength(6);
    const counts = letters.map(({ attributes }) => Object.keys(attributes).length);
    expect(counts.filter(count => count > 3)).toEqual([10, 10, 10, 10]);
  });
});

describe('a record that SQS does not take is reported failed', () => {
  test('where some entries are refused: those, and no others', async () => {
    const environment = await startEnvironment();
    environment.proxy.intercept = refuseEntries('SendMessageBatch', index => index % 3 === 1);
    const { failed, ids } = await environment.deliver([...many(5), receipt('1'), ...many(8)]);
    // Ten dead letters in the first call (index 5 is marked), three in the second.
    expect(failed).toEqual([1, 4, 8, 12]);
    expect(environment.deadLetters()).toHaveLength(9);
    expect(environment.left().sort()).toEqual(failed.map(index => ids[index] as string).sort());
    for (const index of failed)
      expect(environment.hiddenSeconds(ids[index] as string)).toBe(VISIBILITY_SECONDS);
  });

  const refused = (status: number, type: string): Intercept => {
    const body = { __type: `com.amazonaws.sqs#${type}`, message: 'Told to refuse.' };
    return () => ({ status, body });
  };
  test.each<[string, Intercept]>([
    ['the call is refused', refused(403, 'AccessDeniedException')],
    ['SQS answers 500', refused(500, 'InternalFailure')],
    ['SQS throttles', refused(400, 'RequestThrottled')],
    ['there is no such queue', refused(400, 'QueueDoesNotExist')],
    ['the connection breaks', () => 'reset'],
    ['the answer is HTML', () => ({ status: 200, body: '<html></html>' })],
    ['the answer names nothing', () => ({ status: 200, body: {} })],
    ['the answer is empty', () => ({ status: 200, body: '' })],
    ['the answer names others', () => ({ status: 200, body: { Successful: [{ Id: '77' }], Failed: [] } })],
  ])('where %s: a dead letter, a back-off', async (_, intercept) => {
    const environment = await startEnvironment();
    environment.huawei.faults.add({ does: 'html502', match: { caseId: 'down' } });
    environment.proxy.intercept = intercept;
    const { failed } = await environment.deliver(['?', receipt('fine'), receipt('down')]);
    expect(failed).toEqual([0, 2]);
    environment.proxy.intercept = undefined;
    expect(environment.deadLetters()).toEqual([]);
    expect((await environment.deliver(['?'])).failed).toEqual([]);
    expect(environment.deadLetters()).toHaveLength(1);
  });

  test('where calls hang: the others count, and the function gives up before its end', async () => {
    const environment = await startEnvironment();
    // It loads the SQS client, which takes its time on a busy machine.
    await environment.invoke([fabricated('?')]);
    environment.huawei.faults.add({ does: 'html502', match: { caseId: 'down' } });
    environment.proxy.intercept = (call, forward) =>
      call.body.Entries.some(({ MessageBody = 'hangs' }) => MessageBody === 'hangs') ? 'hang' : forward();
    const bodies = [...many(10), 'hangs', ...many(12), receipt('down')];
    const records = bodies.map(body => fabricated(body));
    // Of its own a call ends after four seconds.
    const tooLate = new Promise(resolve => setTimeout(resolve, 3500));
    expect(await Promise.race([environment.invoke(records, 1500), tooLate])).toEqual({
      batchItemFailures: [...records.slice(10, 20), records[23]].map(record => ({
        itemIdentifier: record?.messageId,
      })),
    });
  });
});

// Tables of receives and of Retry-After: backoff.test.ts and huawei/outcome.test.ts.
test.each<[string, Fault, receives: number, least: number, most: number]>([
  ['the back-off of its receive', { does: 'html502', match: { kind: 'mark' } }, 5, 40, 80],
  ['Retry-After of a mark', { does: 'retry_after', after: 120, match: { kind: 'mark' } }, 1, 120, 120],
  ['Retry-After of IAM', { does: 'retry_after', after: 300, match: { kind: 'log_in' } }, 1, 300, 300],
])('a message that comes back later stays hidden for %s', async (_, fault, receives, least, most) => {
  const environment = await startEnvironment({ huawei: { faults: [fault] } });
  const system = { ApproximateReceiveCount: String(receives) };
  const { ids } = await environment.deliver([{ body: receipt('1'), system }]);
  expect(environment.hiddenSeconds(ids[0] as string)).toBeGreaterThanOrEqual(least);
  expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(most);
});

/** A message that the queue drops when these seconds have passed. */
const endsIn = (seconds: number, retention = 7 * DAY_SECONDS) => ({
  SentTimestamp: String(Date.now() - (retention - seconds) * 1000),
});

describe('limits by configuration', () => {
  const down: Fault = { does: 'html502' };
  test.each<[string, Fault, string, system: () => object, over: () => object]>([
    [
      'MAX_ATTEMPTS counts receives',
      { does: 'error_code', code: 'OSM.99' },
      '2',
      () => ({ ApproximateReceiveCount: '1' }),
      () => ({ ApproximateReceiveCount: '2' }),
    ],
    [
      'MAX_AGE_SECONDS counts from the first receive, not from when it was sent',
      down,
      '60',
      () => ({ SentTimestamp: String(Date.now() - 60_000) }),
      () => ({ ApproximateFirstReceiveTimestamp: String(Date.now() - 60_000) }),
    ],
    [
      'QUEUE_RETENTION_SECONDS says how long the queue keeps it',
      down,
      '3600',
      () => endsIn(305, 3600),
      () => endsIn(302, 3600),
    ],
  ])('%s', async (name, trouble, value, system, over) => {
    const env = { LATE_RECEIPTS: 'mark', [name.split(' ')[0] as string]: value };
    const environment = await startEnvironment(marksMeet(trouble, env));
    const { failed } = await environment.deliver([
      { body: receipt('lives'), system: system() },
      { body: receipt('ends'), system: over() },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toMatchObject([{ body: receipt('ends') }]);
  });
});

describe("near the end of the queue's retention", () => {
  test.each<[string, Fault, code: string, least: number, most: number]>([
    ['a 503', { does: 'html502' }, 'unavailable', 3, 5],
    ['a 429 with Retry-After', { does: 'retry_after', after: 3600 }, 'rate_limited', 3600, 3600],
    ['an answer that nobody knows', { does: 'error_code', code: 'OSM.99' }, 'failed', 3, 5],
    ['a hang', { does: 'hang' }, 'timeout', 3, 5],
  ])('what meets %s does not wait for longer than it lives', async (_, trouble, code, least, most) => {
    const environment = await startEnvironment(
      marksMeet(trouble, { LATE_RECEIPTS: 'mark', REQUEST_TIMEOUT_MS: '1000' }),
    );
    const { failed } = await environment.deliver([
      { body: receipt('lives'), system: endsIn(most + 300) },
      { body: receipt('ends'), system: endsIn(least + 299) },
      { body: receipt('gone'), system: endsIn(-60) },
    ]);
    expect(failed).toEqual([0]);
    expect(environment.deadLetters()).toMatchObject([
      { body: receipt('ends'), failure: { code } },
      { body: receipt('gone'), failure: { code } },
    ]);
  });

  test('nor what meets trouble at a late look, or waits behind an open breaker', async () => {
    const match = ({ kind }: { kind: string }) => kind === 'mark' || kind === 'messages';
    const environment = await startEnvironment({ huawei: { faults: [{ does: 'html502', match }] } });
    const { failed } = await environment.deliver(
      Array.from({ length: 70 }, (_, i) => ({ body: receipt(`c${i}`), system: i < 60 ? {} : endsIn(200) })),
    );
    expect(failed).toHaveLength(60);
    expect(new Set(environment.deadLetters().map(({ failure }) => failure.code))).toEqual(
      new Set(['unavailable']),
    );
  });

  test('what the batch did not get to is a timeout; it would come back after the visibility timeout', async () => {
    const environment = await startEnvironment(
      marksMeet({ does: 'hang' }, { MAX_IN_FLIGHT: '1', LATE_RECEIPTS: 'mark' }),
    );
    const { failed } = await environment.deliver(
      [
        receipt('takes the only place until no call may start'),
        { body: receipt('lives'), system: endsIn(VISIBILITY_SECONDS + 300) },
        { body: receipt('ends'), system: endsIn(VISIBILITY_SECONDS + 299) },
      ],
      3000,
    );
    expect(failed).toEqual([0, 1]);
    expect(environment.deadLetters()).toMatchObject([
      { body: receipt('ends'), failure: { code: 'timeout' } },
    ]);
  });

  test('what is marked is marked, however old, and a batch that is all marked asks nothing of SQS', async () => {
    const environment = await startEnvironment({ env: { LATE_RECEIPTS: 'mark' } });
    expect((await environment.deliver([{ body: receipt('1'), system: endsIn(1) }])).failed).toEqual([]);
    expect(environment.marks()).toHaveLength(1);
    expect(environment.proxy.calls).toEqual([]);
  });
});
