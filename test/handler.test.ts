// The function from outside: what comes in, what Huawei is asked, what goes out.
import { useClock } from './clock.ts';
import { context, fabricated, receipt, startEnvironment, useEnvironment } from './environment.ts';

useEnvironment();
useClock();

/** What a mark said, as it went over the wire. */
const said = ({ rawPath, headers, body }: { rawPath: string; headers: object; body: string | undefined }) => {
  const {
    'x-language': language,
    'x-time-zone': timeZone,
    'x-site': site,
  } = headers as Record<string, string>;
  return { rawPath, language, timeZone, site, body };
};
const pathOf = (segment: string) => `/v2/servicerequest/cases/${segment}/instant-messages/unread`;

test('a receipt is marked bare and in each envelope; test/receipt has their rules', async () => {
  const environment = await startEnvironment();
  const inside = (case_id: string) => ({
    case_id,
    group_id: 'g1',
    language: 'en-us',
    time_zone: 'GMT+1',
    extra: [1],
  });
  const bodies = [
    inside('bare'),
    { Type: 'Notification', TopicArn: 'arn:…', Message: JSON.stringify(inside('sns')) },
    { version: '0', 'detail-type': 'Messages Read', source: 'app', detail: inside('eventbridge') },
    { specversion: '1.0', type: 'read', source: '/app', id: '1', data: inside('cloudevent') },
  ];
  const { failed } = await environment.deliver(bodies.map(body => JSON.stringify(body)));
  expect(failed).toEqual([]);
  expect(environment.marks().map(said)).toEqual(
    ['bare', 'sns', 'eventbridge', 'cloudevent'].map(caseId => ({
      rawPath: pathOf(caseId),
      language: 'en-us',
      timeZone: 'GMT+1',
      site: undefined,
      body: '{"group_id":"g1"}',
    })),
  );
});

describe('what Huawei is asked', () => {
  test('no body where there is no group, no headers where nothing names them', async () => {
    const environment = await startEnvironment();
    await environment.deliver([
      receipt('1', { group_id: '', language: null, time_zone: null, read_at: null }),
      receipt('2', { group_id: null }),
    ]);
    const none = { language: undefined, timeZone: undefined, site: undefined, body: '' };
    expect(environment.marks().map(said)).toEqual([
      { rawPath: pathOf('1'), ...none },
      { rawPath: pathOf('2'), ...none },
    ]);
  });

  test("the configuration's language, time zone and site, where the receipt names none", async () => {
    const environment = await startEnvironment({
      env: { OSM_LANGUAGE: 'en-us', OSM_TIME_ZONE: 'GMT+2', OSM_SITE: '1' },
    });
    await environment.deliver([
      receipt('1'),
      receipt('2', { language: 'de-de' }),
      receipt('3', { time_zone: 'Z' }),
    ]);
    expect(
      environment
        .marks()
        .map(said)
        .map(({ language, timeZone, site }) => [language, timeZone, site]),
    ).toEqual([
      ['en-us', 'GMT+2', '1'],
      ['de-de', 'GMT+2', '1'],
      ['en-us', 'Z', '1'],
    ]);
  });

  test('a group_id of any characters, exactly', async () => {
    const environment = await startEnvironment();
    const groups = ['"}{"', '\u0000\n', '🎫'.repeat(64), '\ud800', '__proto__', ' '];
    await environment.invoke(groups.map(group_id => fabricated(receipt('1', { group_id }))));
    expect(environment.marks().map(({ body }) => JSON.parse(body ?? '').group_id)).toEqual(groups);
  });

  test('at most MAX_IN_FLIGHT requests at once', async () => {
    const environment = await startEnvironment({
      huawei: { latencyMs: 50 },
      env: { MAX_IN_FLIGHT: '3' },
    });
    const records = Array.from({ length: 30 }, (_, i) => fabricated(receipt(`c${i}`)));
    expect(await environment.invoke(records)).toEqual({ batchItemFailures: [] });
    expect(environment.huawei.load.peakInFlight).toBe(3);
  });

  test('at most MAX_REQUESTS_PER_SECOND starts in any window of one second, over invocations too', async () => {
    const environment = await startEnvironment({ env: { MAX_REQUESTS_PER_SECOND: '20' } });
    const batch = (name: string, size: number) =>
      Array.from({ length: size }, (_, i) => fabricated(receipt(`${name}${i}`)));
    const began = performance.now();
    await environment.invoke(batch('a', 15));
    await environment.invoke(batch('b', 30));
    expect(environment.marks()).toHaveLength(45);
    // The last five start in the third window; in the second, had the second batch begun anew.
    expect(performance.now() - began).toBeGreaterThan(2000);
  });
});

describe('receipts that ask for the same mark', () => {
  test('are one call, and all are marked', async () => {
    const environment = await startEnvironment();
    const { failed } = await environment.deliver([
      receipt('1', { group_id: 'g' }),
      receipt('1', { read_at: '2026-01-31T09:30:00Z', group_id: 'g' }),
      JSON.stringify({ 'detail-type': 'x', detail: { group_id: 'g', case_id: '1' } }),
      receipt('2', { group_id: '' }),
      receipt('2', { group_id: null, language: null }),
      receipt('2'),
    ]);
    expect(failed).toEqual([]);
    expect(environment.marks().map(({ caseId, body }) => [caseId, body])).toEqual([
      ['1', '{"group_id":"g"}'],
      ['2', ''],
    ]);
    expect(environment.metrics()).toMatchObject({ Marked: 6, Settled: 6, SupersededExcess: -6, Calls: 2 });
    expect(environment.counts()).toMatchObject({ receipts: 6, marks: 2, coalesced: 4 });
  });

  test('share the failure: each has its own dead letter', async () => {
    const environment = await startEnvironment({ huawei: { openCases: false } });
    const { failed, ids } = await environment.deliver([
      receipt('1'),
      receipt('1', { extra: 1 }),
      { body: receipt('1', { extra: 2 }), system: { ApproximateReceiveCount: '4' } },
    ]);
    expect(failed).toEqual([]);
    expect(environment.marks()).toHaveLength(1);
    expect(
      environment.deadLetters().map(({ failure }) => [failure.source_message_id, failure.attempts]),
    ).toEqual([
      [ids[0], 1],
      [ids[1], 1],
      [ids[2], 4],
    ]);
  });

  test('share the trouble: each has its own back-off by its own receives', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'html502', match: { kind: 'mark' } }] },
    });
    const { failed, ids } = await environment.deliver([
      receipt('1'),
      { body: receipt('1'), system: { ApproximateReceiveCount: '6' } },
    ]);
    expect(failed).toEqual([0, 1]);
    expect(environment.marks()).toHaveLength(1);
    expect(environment.hiddenSeconds(ids[0] as string)).toBeLessThanOrEqual(5);
    expect(environment.hiddenSeconds(ids[1] as string)).toBeGreaterThanOrEqual(80);
  });

  test('in batches one after the other are a call each: the unread state is as of now', async () => {
    const environment = await startEnvironment();
    await environment.deliver([receipt('1')]);
    await environment.deliver([receipt('1')]);
    expect(environment.marks()).toHaveLength(2);
  });
});

describe('an event', () => {
  // Lambda's documentation prints these.
  const sample = {
    Records: [
      {
        messageId: '059f36b4-87a3-44ab-83d2-661975830a7d',
        receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...',
        body: 'Test message.',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: '1545082649183',
          SenderId: 'AIDAIENQZJOLO23YVJ4VO',
          ApproximateFirstReceiveTimestamp: '1545082649185',
        },
        messageAttributes: {
          myAttribute: {
            stringValue: 'myValue',
            stringListValues: [],
            binaryListValues: [],
            dataType: 'String',
          },
        },
        md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-2:123456789012:my-queue',
        awsRegion: 'us-east-2',
      },
      {
        messageId: '2e1424d4-f796-459a-8184-9c92662be6da',
        receiptHandle: 'AQEBzWwaftRI0KuVm4tP+/7q1rGgNqicHq...',
        body: '{"case_id":"from-the-sample"}',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: '1545082650636',
          SenderId: 'AIDAIENQZJOLO23YVJ4VO',
          ApproximateFirstReceiveTimestamp: '1545082650649',
        },
        messageAttributes: {},
        md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-2:123456789012:my-queue',
        awsRegion: 'us-east-2',
      },
    ],
  };

  test('as AWS prints it: one text that is no receipt becomes a dead letter, the receipt is marked', async () => {
    // It is years old: by default the case would be looked at first.
    const environment = await startEnvironment({ env: { LATE_RECEIPTS: 'mark' } });
    expect(await environment.handler(sample, context)).toEqual({ batchItemFailures: [] });
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
  test('that is no batch is refused, and nothing is asked', async () => {
    const environment = await startEnvironment();
    environment.huawei.requests.length = 0;
    await expect(environment.handler({ body: '{"case_id":"1"}' }, context)).rejects.toThrow();
    expect(environment.huawei.requests).toEqual([]);
    expect(environment.proxy.calls).toEqual([]);
  });

  test('of no records is settled, without a word to anybody', async () => {
    const environment = await startEnvironment();
    environment.huawei.requests.length = 0;
    expect(await environment.handler({ Records: [] }, context)).toEqual({ batchItemFailures: [] });
    expect(environment.huawei.requests).toEqual([]);
    expect(environment.proxy.calls).toEqual([]);
  });

  test.each([
    ['has no body', { body: undefined }],
    ['has no attributes', { attributes: undefined }],
    ['has attributes that are no numbers', { attributes: { ApproximateReceiveCount: 'x' }, body: '?' }],
    ['has no message attributes', { messageAttributes: undefined, body: '{}' }],
    ['has null for a message attribute', { messageAttributes: { a: null }, body: '{}' }],
  ])('with a record that %s: the others are marked, and that one is never lost', async (_, broken) => {
    const environment = await startEnvironment();
    const records = [
      fabricated(receipt('1')),
      { ...fabricated(receipt('2')), ...broken },
      fabricated(receipt('3')),
    ];
    const { batchItemFailures } = await environment.handler({ Records: records }, context);
    const done = environment.marks().map(({ caseId }) => caseId);
    expect(done).toEqual(expect.arrayContaining(['1', '3']));
    const accounted =
      done.includes('2') ||
      environment.deadLetters().length === 1 ||
      batchItemFailures.some(({ itemIdentifier }) => itemIdentifier === records[1]?.messageId);
    expect(accounted).toBe(true);
    expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).not.toContain(
      records[0]?.messageId,
    );
    expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).not.toContain(
      records[2]?.messageId,
    );
  });
});

describe('telemetry', () => {
  test('one line for each receipt and one for the batch', async () => {
    const environment = await startEnvironment({ huawei: { openCases: false, cases: { fine: {} } } });
    const { ids } = await environment.deliver([
      receipt('fine', { read_at: new Date(Date.now() - 5000).toISOString() }),
      { body: receipt('gone'), system: { ApproximateReceiveCount: '3' } },
      '?',
    ]);
    const lines = environment.lines();
    const requestIds = environment.marks().map(({ requestId }) => requestId);
    expect(lines.filter(({ message }) => String(message).startsWith('receipt.'))).toMatchObject([
      {
        message: 'receipt.marked',
        message_id: ids[0],
        case_id: 'fine',
        attempt: 1,
        request_id: requestIds[0],
      },
      {
        message: 'receipt.dead_lettered',
        message_id: ids[1],
        case_id: 'gone',
        attempt: 3,
        code: 'rejected',
        error_code: 'OSM.01010015',
        request_id: requestIds[1],
        duration_ms: expect.any(Number),
      },
      { message: 'receipt.dead_lettered', message_id: ids[2], code: 'malformed' },
    ]);
    expect(lines.filter(({ message }) => message === 'batch.settled')).toMatchObject([
      {
        receipts: 3,
        marks: 2,
        marked: 1,
        superseded: 0,
        dead_lettered: 2,
        delayed: 0,
        left: 0,
        rejected: 1,
        malformed: 1,
        calls: 2,
        log_ins: 1,
        duration_ms: expect.any(Number),
      },
    ]);
    const metrics = environment.metrics();
    expect(metrics).toMatchObject({ Marked: 1, Settled: 1, DeadLettered: 2 });
    expect(metrics).not.toHaveProperty('Rejected');
    expect(metrics.ReadLag).toBe(5000);
  });

  test('the age of the oldest receipt that was not settled, and throttles', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'retry_after', after: 1, match: { kind: 'mark' } }] },
    });
    await environment.deliver([
      { body: receipt('1'), system: { SentTimestamp: String(Date.now() - 7000) } },
      { body: receipt('2'), system: { SentTimestamp: String(Date.now() - 600_000) } },
    ]);
    const metrics = environment.metrics();
    expect(metrics).toMatchObject({ Settled: 0 });
    expect(environment.counts()).toMatchObject({ throttles: 2, rate_limited: 2 });
    expect(metrics.OldestUnsettledAge).toBe(600);
  });

  test('metrics know no dimension but the service', async () => {
    const environment = await startEnvironment();
    await environment.deliver([receipt('case-that-is-no-dimension')]);
    const documents = environment
      .printed()
      .split('\n')
      .filter(line => line.includes('"_aws"'));
    expect(documents.length).toBeGreaterThan(0);
    for (const document of documents) {
      expect(JSON.parse(document)._aws.CloudWatchMetrics[0].Dimensions).toEqual([['service']]);
      expect(document).not.toContain('case-that-is-no-dimension');
    }
  });
});
