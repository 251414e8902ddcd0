import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@aws-sdk/client-sqs';
import { recordOf } from '../../local/lambda/consumer.ts';
import { startEventSourceMapping } from '../../local/lambda/event-source-mapping.ts';
import { startFunction } from '../../local/lambda/function.ts';
import { openWorld } from '../../local/world.ts';
import { useFolder } from '../folder.ts';

const folder = useFolder();
const world = await openWorld();
afterAll(world.close);

test('a batch is filled from several receives, and what succeeded is deleted', async () => {
  const { receipts, consumer } = world.openQueues();
  for (let index = 0; index < 26; index++) receipts.put(String(index));
  const batches: string[][] = [];
  const mapping = startEventSourceMapping({
    consumer,
    batchSize: 25,
    windowSeconds: 300,
    async invoke({ Records }) {
      batches.push(Records.map(({ body }) => body));
      return '{"batchItemFailures":[]}';
    },
    onError(error) {
      throw error;
    },
  });
  while (receipts.all().length > 1) await sleep(10);
  // The last one waits for its window.
  await mapping.stop();
  expect(batches).toEqual([Array.from({ length: 25 }, (_, index) => String(index))]);
  expect(receipts.all()).toMatchObject([{ body: '25' }]);
});

test('a message becomes the record that Lambda would make of it', async () => {
  const { receipts, consumer } = world.openQueues();
  const before = Date.now();
  receipts.put('hello', {
    text: { DataType: 'String', StringValue: 'ä' },
    count: { DataType: 'Number.int', StringValue: '7' },
    bytes: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]).toString('base64') },
  });
  const [record] = await consumer.receive(1);
  const lists = { stringListValues: [], binaryListValues: [] };
  expect(record).toEqual({
    messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    receiptHandle: expect.any(String),
    body: 'hello',
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: expect.stringMatching(/^\d{13}$/),
      ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
      SenderId: expect.any(String),
    },
    messageAttributes: {
      text: { dataType: 'String', stringValue: 'ä', ...lists },
      count: { dataType: 'Number.int', stringValue: '7', ...lists },
      bytes: { dataType: 'Binary', binaryValue: 'AP8=', ...lists },
    },
    md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
    md5OfBody: '5d41402abc4b2a76b9719d911017c592',
    eventSource: 'aws:sqs',
    eventSourceARN: receipts.arn,
    awsRegion: 'us-east-1',
  });
  expect(Number(record?.attributes.SentTimestamp)).toBeGreaterThanOrEqual(before);
  // The embedded queue does not give these.
  const rare = { MessageGroupId: 'tenant-1', AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793' };
  expect(recordOf({ Attributes: rare as Message['Attributes'] }, 'arn').attributes).toEqual(rare);
});

test('a function gets the environment that was given and nothing else, and a process for each invocation at once', async () => {
  const bundle = path.join(folder, 'function.mjs');
  await writeFile(bundle, 'export const handler = event => ({ event, env: process.env });');
  const env = { ONE: '1', TWO: '' };
  const { invoke, pids, stop } = startFunction({ bundle, env, timeoutMs: 20_000 });
  for (let call = 0; call < 2; call++)
    expect(JSON.parse(await invoke({ some: 'event' }))).toEqual({ event: { some: 'event' }, env });
  expect(pids()).toHaveLength(1);
  await Promise.all([invoke({}), invoke({})]);
  expect(pids()).toHaveLength(2);
  await stop();
  expect(pids()).toEqual([]);
});
