// The function from outside: what comes in, what Huawei is asked, what goes out.
import { useClock } from './clock.ts';
import { batchOf, context, fabricated, receipt, startEnvironment, useEnvironment } from './environment.ts';

useEnvironment();
useClock();

type Environment = Awaited<ReturnType<typeof startEnvironment>>;

/** Requests arrive in the order of their batch. */
const oneByOne = { MAX_IN_FLIGHT: '1' };

/** What marks said, as it went over the wire. */
const said = (environment: Environment) =>
  environment.marks().map(({ rawPath, body, headers }) => ({
    caseId: rawPath.split('/').at(-3),
    body,
    language: headers['x-language'],
    timeZone: headers['x-time-zone'],
    site: headers['x-site'],
  }));

describe('what Huawei is asked', () => {
  test('what the receipt names, bare and in each envelope; test/receipt has their rules', async () => {
    const environment = await startEnvironment({ env: oneByOne });
    const named = { group_id: 'g1', language: 'en-us', time_zone: 'GMT+1' };
    const inside = (case_id: string) => ({ case_id, ...named, extra: [1] });
    const bodies = [
      inside('bare'),
      { Type: 'Notification', TopicArn: 'arn:…', Message: JSON.stringify(inside('sns')) },
      { version: '0', 'detail-type': 'Messages Read', source: 'app', detail: inside('eventbridge') },
      { specversion: '1.0', type: 'read', source: '/app', id: '1', data: inside('cloudevent') },
    ];
    const { failed } = await environment.deliver(bodies.map(body => JSON.stringify(body)));
    expect(failed).toEqual([]);
    const asked = { body: '{"group_id":"g1"}', language: 'en-us', timeZone: 'GMT+1', site: undefined };
    expect(said(environment)).toEqual(
      ['bare', 'sns', 'eventbridge', 'cloudevent'].map(caseId => ({ caseId, ...asked })),
    );
  });

  test('no body where there is no group, no headers where nothing names them', async () => {
    const environment = await startEnvironment({ env: oneByOne });
    await environment.deliver([
      receipt('1', { group_id: '', language: null, time_zone: null, read_at: null }),
      receipt('2', { group_id: null }),
    ]);
    const none = { body: '', language: undefined, timeZone: undefined, site: undefined };
    expect(said(environment)).toEqual([
      { caseId: '1', ...none },
      { caseId: '2', ...none },
    ]);
  });

  test("the configuration's language, time zone and site, where the receipt names none", async () => {
    const env = { ...oneByOne, OSM_LANGUAGE: 'en-us', OSM_TIME_ZONE: 'GMT+2', OSM_SITE: '1' };
    const environment = await startEnvironment({ env });
    await environment.deliver([receipt('1'), receipt('2', { time_zone: 'Z' })]);
    expect(said(environment)).toMatchObject([
      { language: 'en-us', timeZone: 'GMT+2', site: '1' },
      { language: 'en-us', timeZone: 'Z', site: '1' },
    ]);
  });

  test('a group_id of any characters, exactly', async () => {
    const environment = await startEnvironment({ env: oneByOne });
    const groups = ['"}{"', '\u0000\n', '🎫'.repeat(64), '\ud800', '__proto__', ' '];
    await environment.invoke(groups.map(group_id => fabricated(receipt('1', { group_id }))));
    expect(environment.marks().map(({ body }) => JSON.parse(body ?? '').group_id)).toEqual(groups);
  });

  test('at most MAX_IN_FLIGHT requests at once', async () => {
    const environment = await startEnvironment({ huawei: { latencyMs: 50 }, env: { MAX_IN_FLIGHT: '3' } });
    expect(await environment.invoke(batchOf('c', 30))).toEqual({ batchItemFailures: [] });
    expect(environment.huawei.load.peakInFlight).toBe(3);
  });
});

// What is the same mark: relay/mark.test.ts.
describe('receipts that ask for the same mark', () => {
  test('are one call of their batch, and all are marked; in the next they are a call again', async () => {
    const environment = await startEnvironment({ env: oneByOne });
    const { failed } = await environment.deliver([
      receipt('1', { group_id: 'g' }),
      receipt('1', { read_at: '2026-01-31T09:30:00Z', group_id: 'g' }),
      JSON.stringify({ 'detail-type': 'x', detail: { group_id: 'g', case_id: '1' } }),
      receipt('2', { group_id: '' }),
      receipt('2'),
    ]);
    expect(failed).toEqual([]);
    expect(environment.metrics()).toMatchObject({ Marked: 5, Settled: 5, SupersededExcess: -5, Calls: 2 });
    expect(environment.counts()).toMatchObject({ receipts: 5, marks: 2, coalesced: 3 });
    await environment.deliver([receipt('2')]);
    expect(environment.marks().map(({ caseId, body }) => [caseId, body])).toEqual([
      ['1', '{"group_id":"g"}'],
      ['2', ''],
      ['2', ''],
    ]);
  });

  test('share what becomes of it: each has its own dead letter, or its own back-off by its own receives', async () => {
    const environment = await startEnvironment({
      huawei: {
        openCases: false,
        cases: { down: {} },
        faults: [{ does: 'html502', match: { kind: 'mark', caseId: 'down' } }],
      },
    });
    const received = (caseId: string, count: number) => ({
      body: receipt(caseId, { count }),
      system: { ApproximateReceiveCount: String(count) },
    });
    const { failed, ids } = await environment.deliver([
      ...[1, 4].map(count => received('gone', count)),
      ...[1, 6].map(count => received('down', count)),
    ]);
    expect(environment.marks()).toHaveLength(2);
    expect(environment.deadLetters().map(({ failure }) => failure)).toMatchObject([
      { source_message_id: ids[0], attempts: 1 },
      { source_message_id: ids[1], attempts: 4 },
    ]);
    expect(failed).toEqual([2, 3]);
    expect(environment.hiddenSeconds(ids[2] as string)).toBeLessThanOrEqual(5);
    expect(environment.hiddenSeconds(ids[3] as string)).toBeGreaterThanOrEqual(80);
  });
});

describe('an event', () => {
  test('as AWS prints it: one text that is no receipt becomes a dead letter, the receipt is marked', async () => {
    // It is years old: by default the case would be looked at first.
    const environment = await startEnvironment({ env: { LATE_RECEIPTS: 'mark' } });
    const lists = { stringListValues: [], binaryListValues: [] };
    const printed = {
      messageId: '059f36b4-87a3-44ab-83d2-661975830a7d',
      receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...',
      body: 'Test message.',
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: '1545082649183',
        SenderId: 'AIDAIENQZJOLO23YVJ4VO',
        ApproximateFirstReceiveTimestamp: '1545082649185',
      },
      messageAttributes: { myAttribute: { stringValue: 'myValue', ...lists, dataType: 'String' } },
      md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-2:123456789012:my-queue',
      awsRegion: 'us-east-2',
    };
    const Records = [printed, { ...printed, messageId: 'another', body: receipt('from-the-sample') }];
    expect(await environment.handler({ Records }, context)).toEqual({ batchItemFailures: [] });
    expect(environment.marks().map(({ caseId }) => caseId)).toEqual(['from-the-sample']);
    expect(environment.deadLetters()).toMatchObject([
      {
        body: 'Test message.',
        attributes: { myAttribute: { DataType: 'String', StringValue: 'myValue' } },
        failure: { code: 'malformed', first_received_at: '2018-12-17T21:37:29.185Z' },
      },
    ]);
  });

  // What else is refused: relay/event.test.ts.
  test('that is no batch is refused, one of no records is settled: nothing is asked', async () => {
    const environment = await startEnvironment();
    environment.huawei.requests.length = 0;
    await expect(environment.handler({ body: '{"case_id":"1"}' }, context)).rejects.toThrow();
    expect(await environment.handler({ Records: [] }, context)).toEqual({ batchItemFailures: [] });
    expect(environment.huawei.requests).toEqual([]);
    expect(environment.proxy.calls).toEqual([]);
  });

  test.each<[string, object, becomes: 'marked' | 'dead' | 'left']>([
    ['has no body', { body: undefined }, 'left'],
    ['has no attributes', { attributes: undefined }, 'marked'],
    [
      'has attributes that are no numbers',
      { attributes: { ApproximateReceiveCount: 'x' }, body: '?' },
      'dead',
    ],
    ['has no message attributes', { messageAttributes: undefined, body: '{}' }, 'dead'],
    ['has null for a message attribute', { messageAttributes: { a: null }, body: '{}' }, 'left'],
  ])('with a record that %s: that one is not lost, the others are marked', async (_, broken, becomes) => {
    const environment = await startEnvironment();
    const odd = { ...fabricated(receipt('2')), ...broken };
    const Records = [fabricated(receipt('1')), odd, fabricated(receipt('3'))];
    const { batchItemFailures } = await environment.handler({ Records }, context);
    const marked = environment.marks().map(({ caseId }) => caseId);
    expect(marked.sort()).toEqual(becomes === 'marked' ? ['1', '2', '3'] : ['1', '3']);
    expect(environment.deadLetters()).toHaveLength(becomes === 'dead' ? 1 : 0);
    expect(batchItemFailures).toEqual(becomes === 'left' ? [{ itemIdentifier: odd.messageId }] : []);
  });
});

test('telemetry: one line for each receipt and one for the batch; metrics know no dimension but the service', async () => {
  const environment = await startEnvironment({
    huawei: {
      openCases: false,
      cases: { fine: {} },
      faults: [{ does: 'retry_after', after: 1, match: { caseId: 'later' } }],
    },
    env: oneByOne,
  });
  const sent = (secondsAgo: number) => ({ SentTimestamp: String(Date.now() - secondsAgo * 1000) });
  const { ids } = await environment.deliver([
    receipt('fine', { read_at: new Date(Date.now() - 5000).toISOString() }),
    { body: receipt('gone'), system: { ApproximateReceiveCount: '3', ...sent(20) } },
    '?',
    { body: receipt('later'), system: sent(7) },
    { body: receipt('later'), system: sent(9) },
  ]);
  const lines = environment.lines();
  const requestIds = environment.marks().map(({ requestId }) => requestId);
  const [fine, gone, noReceipt, ...later] = ids;
  const dead = { message: 'receipt.dead_lettered' };
  const delayed = { message: 'receipt.delayed', code: 'rate_limited', delay_s: expect.any(Number) };
  expect(lines.filter(({ message }) => String(message).startsWith('receipt.'))).toMatchObject([
    { message: 'receipt.marked', message_id: fine, case_id: 'fine', attempt: 1, request_id: requestIds[0] },
    {
      ...{ ...dead, message_id: gone, case_id: 'gone', attempt: 3, code: 'rejected' },
      ...{ error_code: 'OSM.01010015', request_id: requestIds[1], duration_ms: expect.any(Number) },
    },
    { ...dead, message_id: noReceipt, code: 'malformed' },
    ...later.map(message_id => ({ ...delayed, message_id })),
  ]);
  expect(lines.filter(({ message }) => message === 'batch.settled')).toMatchObject([
    {
      ...{ receipts: 5, marks: 3, marked: 1, superseded: 0, dead_lettered: 2, delayed: 2, left: 0 },
      ...{ rejected: 1, malformed: 1, rate_limited: 2, calls: 3, log_ins: 1, throttles: 1 },
      duration_ms: expect.any(Number),
    },
  ]);
  const metrics = environment.metrics();
  expect(metrics).toMatchObject({ Marked: 1, Settled: 1, DeadLettered: 2 });
  expect(metrics).toMatchObject({ ReadLag: 5000, OldestUnsettledAge: 9 });
  expect(metrics).not.toHaveProperty('Rejected');
  const documents = environment.printed().split('\n');
  for (const document of documents.filter(line => line.includes('"_aws"'))) {
    expect(JSON.parse(document)._aws.CloudWatchMetrics[0].Dimensions).toEqual([['service']]);
    expect(document).not.toMatch(/gone|later/);
  }
});
