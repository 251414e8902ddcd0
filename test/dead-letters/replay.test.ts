// The replay at SQS's own protocol: what is sent, what is dead again at once, and what the function answers. What a run
// takes, and faults: runs.test.ts.

import { SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Context } from 'aws-lambda';
import { sourceIdOf } from '../../lib/dead-letters/dead-letter.ts';
import { cameBack, NO_COUNTS } from '../../lib/dead-letters/replay.ts';
import { createQueue } from '../../lib/sqs/queue.ts';
import { receipt, string, useLetterQueues } from '../letter-queues.ts';
import { refuseCalls } from '../queue-proxy.ts';

const SEND = 'SendMessageBatch';
const COUNT = 50;
const queues = await useLetterQueues();
const openFilled = () => {
  const pair = queues.openPair();
  for (let i = 0; i < COUNT; i++) pair.put(receipt(`c${i}`), { code: 'forbidden' });
  return pair;
};

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
  queues.proxy.intercept = async (_, forward) => {
    const answer = await forward();
    const { Messages = [] } = answer.body as { Messages?: { Body: string; Attributes: object }[] };
    for (const { Body, Attributes } of Messages) if (Body === body) Object.assign(Attributes, system);
    return answer;
  };
  const pair = queues.openPair();
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
  const sends = queues.proxy.calls.filter(({ action }) => action === SEND);
  const entries = sends.flatMap(({ body }) => body.Entries);
  const trace = { DataType: 'String', StringValue: system.AWSTraceHeader };
  expect(entries.find(({ MessageBody }) => MessageBody === body)).toMatchObject({
    MessageGroupId: 'tenant-7',
    MessageSystemAttributes: { AWSTraceHeader: trace },
  });
});

test('a send that is cut after SQS had it is not repeated, but counted', async () => {
  const pair = openFilled();
  let sends = 0;
  queues.proxy.intercept = async (call, forward) => {
    const answer = await forward();
    return call.action === SEND && ++sends === 1 ? 'reset' : answer;
  };
  const { counts } = await pair.replay({ all: true });
  const bodies = [...pair.receipts(), ...pair.letters()].map(({ body }) => body);
  const twice = bodies.length - new Set(bodies).size;
  expect(twice).toBeGreaterThan(0);
  expect(bodies).toHaveLength(COUNT + twice);
  expect(counts).toMatchObject({ replayed: COUNT, failed: 0, duplicated: twice, stopped: 'done' });
});

test('what it sent is dead again before its own answer is there: it stays, and is known afterwards', async () => {
  const pair = openFilled();
  queues.proxy.intercept = async (call, forward) => {
    // SQS may give fewer than it is asked for.
    const fewer = call.action === 'ReceiveMessage' ? { ...call.body, MaxNumberOfMessages: 7 } : undefined;
    const answer = await forward(fewer);
    const { Successful = [] } = answer.body as { Successful?: { Id: string; MessageId: string }[] };
    for (const entry of call.action === SEND ? call.body.Entries : []) {
      const sourceId = Successful.find(({ Id }) => Id === entry.Id)?.MessageId ?? '';
      pair.put(String(entry.MessageBody), { code: 'forbidden', replays: 1, sourceId });
    }
    if (call.action === SEND) await new Promise(resolve => setTimeout(resolve, 50));
    // So that none is taken for one that came after the run began.
    return { ...answer, date: new Date(Date.now() + 3_600_000).toUTCString() };
  };
  const { counts, sentIds } = await pair.replay({ all: true });
  const all = { scanned: COUNT, matched: COUNT, replayed: COUNT, remaining: COUNT, stopped: 'done' };
  expect(counts).toMatchObject(all);

  pair.put(receipt('another'), { code: 'rejected', sourceId: 'another' });
  const again = await cameBack(createQueue(pair.lettersUrl), sentIds);
  expect(again.letters.map(sourceIdOf).sort()).toEqual([...sentIds].sort());
  expect(pair.letters()).toHaveLength(COUNT + 1);
});

test('what SQS itself has moved is known by its own id, which it keeps', async () => {
  const pair = openFilled();
  queues.proxy.intercept = async (call, forward) => {
    const answer = await forward();
    while (call.action === SEND && pair.receipts().length > 0) await createQueue(pair.receiptsUrl).receive(0);
    return answer;
  };
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: pair.lettersArn, maxReceiveCount: 1 });
  await new SQSClient({ endpoint: queues.proxy.url }).send(
    new SetQueueAttributesCommand({ QueueUrl: pair.receiptsUrl, Attributes: { RedrivePolicy } }),
  );
  const { counts, sentIds } = await pair.replay({ all: true });
  expect(counts).toMatchObject({ scanned: COUNT, replayed: COUNT, remaining: COUNT, stopped: 'done' });
  const again = pair.letters();
  expect(again.map(({ messageId }) => messageId).sort()).toEqual([...sentIds].sort());
  expect(again.every(({ messageAttributes }) => messageAttributes.replays?.StringValue === '1')).toBe(true);
});

describe('the function', () => {
  const context = { getRemainingTimeInMillis: () => 60_000, awsRequestId: 'r-1' } as Context;
  type Handler = (event: unknown, context: Context) => Promise<unknown>;
  let handler: Handler;

  const own = queues.openPair();
  beforeAll(async () => {
    Object.assign(process.env, { QUEUE_URL: own.receiptsUrl, DEAD_LETTER_QUEUE_URL: own.lettersUrl });
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
    queues.proxy.intercept = refuseCalls(SEND);
    await expect(handler({ all: true }, context)).rejects.toThrow(
      /may not do this.*Until then: \{"scanned":1/s,
    );
  });
});
