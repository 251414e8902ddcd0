// The replay at SQS's own protocol: what is sent, and what the function answers. What it takes: runs.test.ts.
import type { Context } from 'aws-lambda';
import { NO_COUNTS } from '../../lib/dead-letters/replay.ts';
import { receipt, string, useLetterQueues } from '../letter-queues.ts';
import { refuseCalls } from '../queue-proxy.ts';

const queues = await useLetterQueues();

test('what is sent: body byte for byte, own attributes of every type, group, trace, sent_at, one replay more', async () => {
  const own = {
    tenant: string('é'),
    'Custom.Json': { DataType: 'String.json', StringValue: '{}' },
    count: { DataType: 'Number.int', StringValue: '42' },
    blob: { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255, 128]).toString('base64') },
  };
  const ten = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`a${i}`, string('x')]));
  const body = ' {"case_id" : "a", "n": 1.0 } \n';
  const system = { AWSTraceHeader: 'Root=1-5759e988', MessageGroupId: 'tenant-7' };
  const pair = queues.openPair(async (_, forward) => {
    const answer = await forward();
    const { Messages = [] } = answer.body as { Messages?: { Body: string; Attributes: object }[] };
    for (const { Body, Attributes } of Messages) if (Body === body) Object.assign(Attributes, system);
    return answer;
  });
  pair.put(body, { code: 'failed', own, replays: 1 });
  const sentAt = { DataType: 'Number', StringValue: String(pair.letters()[0]?.sentTimestamp) };
  pair.put('ten', { own: ten });

  const { counts, notes } = await pair.replay({ all: true });
  expect(counts).toEqual({ ...NO_COUNTS, scanned: 2, matched: 2, replayed: 2 });
  const sent = Object.fromEntries(pair.receipts().map(each => [each.body, each.messageAttributes]));
  expect(Object.keys(sent).sort()).toEqual([body, 'ten'].sort());
  expect(sent[body]).toEqual({
    ...own,
    sent_at: sentAt,
    replays: { DataType: 'Number', StringValue: '2' },
  });
  expect(sent.ten).toEqual(ten);
  expect(notes.join()).toContain('1 had no room for the attribute "replays"');
  const sends = pair.calls().filter(({ action }) => action === 'SendMessageBatch');
  const entries = sends.flatMap(({ body }) => body.Entries);
  const trace = { DataType: 'String', StringValue: system.AWSTraceHeader };
  expect(entries.find(({ MessageBody }) => MessageBody === body)).toMatchObject({
    MessageGroupId: 'tenant-7',
    MessageSystemAttributes: { AWSTraceHeader: trace },
  });
});

describe('the function', () => {
  const context = { getRemainingTimeInMillis: () => 60_000, awsRequestId: 'r-1' } as Context;
  type Handler = (event: unknown, context: Context) => Promise<unknown>;
  let handler: Handler;

  const own = queues.openPair();
  beforeAll(async () => {
    Object.assign(process.env, {
      QUEUE_URL: own.receiptsUrl,
      DEAD_LETTER_QUEUE_URL: own.lettersUrl,
      POWERTOOLS_LOG_LEVEL: 'SILENT',
    });
    handler = (await import('../../handlers/replay.ts')).handler as unknown as Handler;
    own.put(receipt('a'), { code: 'forbidden' });
    own.put('?', { code: 'malformed' });
  });

  test('a bad request is one clear error, and nothing is touched', async () => {
    await expect(handler({ filter: {} }, context)).rejects.toThrow('filter must have at least one field');
    await expect(handler(null, context)).rejects.toThrow('JSON object');
    expect(queues.proxy.calls).toEqual([]);
  });

  test('answers with the counts, and notes where there is something to know', async () => {
    const counts = { ...NO_COUNTS, scanned: 2, matched: 2 };
    expect(await handler({ all: true, dry_run: true }, context)).toEqual({ ...counts, remaining: 2 });
    expect(own.receipts()).toEqual([]);
    expect(await handler({ all: true, set: { group_id: 'g' } }, context)).toEqual({
      ...counts,
      replayed: 1,
      failed: 1,
      remaining: 1,
      notes: [expect.stringContaining('not JSON')],
    });
    expect(own.receipts().map(({ body }) => body)).toEqual([receipt('a', { group_id: 'g' })]);
    expect(own.letters().map(({ body }) => body)).toEqual(['?']);
  });

  test('fails where something is wrong for every letter, and says what was done until then', async () => {
    queues.proxy.intercept = refuseCalls('SendMessageBatch');
    await expect(handler({ all: true }, context)).rejects.toThrow(
      /may not do this.*Until then: \{"scanned":1/s,
    );
  });
});
