import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { type LocalQueue, type Sqs, startSqs } from '../../local/aws/sqs.ts';
import { failedIdsOf } from '../../local/lambda/batch-response.ts';
import {
  type Batch,
  type EventSourceMapping,
  type MappingOptions,
  startEventSourceMapping,
} from '../../local/lambda/event-source-mapping.ts';
import { type FunctionOptions, type LocalFunction, startFunction } from '../../local/lambda/function.ts';
import { recordOf } from '../../local/lambda/sqs-record.ts';

const eventually = async (holds: () => boolean, forMs = 10_000) => {
  const until = Date.now() + forMs;
  while (!holds()) {
    if (Date.now() > until) throw new Error(`It did not come true in ${forMs} ms: ${holds}`);
    await sleep(10);
  }
};
const failures = (...ids: string[]) =>
  JSON.stringify({ batchItemFailures: ids.map(itemIdentifier => ({ itemIdentifier })) });

describe('the event source mapping', () => {
  let sqs: Sqs;
  let client: SQSClient;
  let queue: LocalQueue;
  let queueUrl = '';
  const mappings: EventSourceMapping[] = [];
  let queues = 0;

  const makeQueue = (attributes: Record<string, string> = {}) => {
    queue = sqs.createQueue(`queue-${++queues}`, { VisibilityTimeout: '30', ...attributes });
    queueUrl = queue.urlAt(sqs.url);
  };
  const fill = async (bodies: string[]) => {
    for (let from = 0; from < bodies.length; from += 10) {
      const Entries = bodies
        .slice(from, from + 10)
        .map((MessageBody, index) => ({ Id: String(index), MessageBody }));
      await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    }
  };
  /** Starts a mapping on the queue; gives what was invoked and what became of it. */
  const start = async (options: Partial<MappingOptions> = {}) => {
    const events: SQSEvent[] = [];
    const batches: Batch[] = [];
    const mapping = await startEventSourceMapping({
      queueUrl,
      client,
      onBatch: batch => batches.push(batch),
      ...options,
      invoke: async event => {
        events.push(event);
        return options.invoke ? options.invoke(event) : '';
      },
    });
    mappings.push(mapping);
    return {
      mapping,
      events,
      batches,
      bodies: () => events.map(({ Records }) => Records.map(({ body }) => body)),
    };
  };

  beforeAll(async () => {
    sqs = await startSqs();
    client = new SQSClient({
      endpoint: sqs.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  });
  beforeEach(() => makeQueue());
  afterAll(async () => {
    await Promise.all(mappings.map(mapping => mapping.stop()));
    client.destroy();
    await sqs.close();
  });

  test('makes batches of at most the batch size, and deletes what succeeded', async () => {
    const sent = Array.from({ length: 7 }, (_, i) => String(i));
    await fill(sent);
    const { bodies } = await start({ batchSize: 3 });
    await eventually(() => queue.all().length === 0);
    expect(bodies().flat()).toEqual(sent);
    expect(bodies().map(batch => batch.length)).toEqual([3, 3, 1]);
  });

  test('fills a batch over ten from several receives, and waits for more only as long as its window', async () => {
    await fill(Array.from({ length: 24 }, (_, i) => String(i)));
    const { bodies } = await start({ batchSize: 25, windowSeconds: 3 });
    await sleep(500);
    expect(bodies()).toEqual([]);
    await fill(['one more', 'the next batch']);
    await eventually(() => queue.all().length === 0);
    expect(bodies().map(batch => batch.length)).toEqual([25, 1]);
    expect(bodies()[1]).toEqual(['the next batch']);
  });

  test('invokes with the record that Lambda would make', async () => {
    const before = Date.now();
    await client.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: 'hello',
        MessageAttributes: {
          text: { DataType: 'String', StringValue: 'ä' },
          count: { DataType: 'Number.int', StringValue: '7' },
          bytes: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) },
        },
      }),
    );
    const { events } = await start();
    await eventually(() => events.length === 1);
    const lists = { stringListValues: [], binaryListValues: [] };
    const record = events[0]?.Records[0];
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
      eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${queue.name}`,
      awsRegion: 'us-east-1',
    });
    expect(Number(record?.attributes.SentTimestamp)).toBeGreaterThanOrEqual(before);
  });

  test('passes on the message group and the trace header, which fauxqs does not give', () => {
    const attributes = {
      MessageGroupId: 'tenant-1',
      AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793',
    };
    const Attributes = attributes as Message['Attributes'];
    expect(recordOf({ Attributes }, 'arn').attributes).toEqual(attributes);
  });

  test('leaves what was reported failed to the visibility timeout, and deletes the rest', async () => {
    makeQueue({ VisibilityTimeout: '1' });
    await fill(['good', 'bad', 'good too']);
    const startedAt = performance.now();
    const { events, batches } = await start({
      invoke: async ({ Records }) => {
        const [bad] = Records.filter(
          ({ body, attributes }) => body === 'bad' && attributes.ApproximateReceiveCount === '1',
        );
        return bad ? failures(bad.messageId) : failures();
      },
    });
    await eventually(() => batches.length === 1);
    expect(queue.hidden().map(({ body }) => body)).toEqual(['bad']);
    await eventually(() => events.length === 2);
    expect(performance.now() - startedAt).toBeGreaterThan(950);
    expect(events[1]?.Records.map(({ body }) => body)).toEqual(['bad']);
    expect(events[1]?.Records[0]?.attributes.ApproximateReceiveCount).toBe('2');
    await eventually(() => queue.all().length === 0);
  });

  test.each([
    ['throws', () => Promise.reject(new Error('no'))],
    ['answers what is not JSON', async () => 'fine'],
    ['names a message that is not in the batch', async () => failures('someone-else')],
  ])('keeps the whole batch where the function %s', async (_, invoke) => {
    await fill(['a', 'b']);
    const { batches } = await start({ invoke });
    await eventually(() => batches.length === 1);
    expect(batches[0]?.error).toBeInstanceOf(Error);
    expect(batches[0]?.failed.size).toBe(2);
    expect(queue.all().length).toBe(2);
  });

  test('sees a message move to the dead-letter queue after maxReceiveCount', async () => {
    const deadLetters = sqs.createQueue(`${queue.name}-dead`);
    makeQueue({
      VisibilityTimeout: '0',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 3 }),
    });
    await fill(['poison']);
    const { events } = await start({ invoke: ({ Records }) => Promise.reject(new Error(Records[0]?.body)) });
    await eventually(() => deadLetters.ready().length === 1);
    expect(events.map(({ Records }) => Records[0]?.attributes.ApproximateReceiveCount)).toEqual([
      '1',
      '2',
      '3',
    ]);
  });
});

describe('the answer to a batch', () => {
  const ids = new Set(['a', 'b']);

  test.each(['', 'null', '{}', '{"batchItemFailures":null}', '{"batchItemFailures":[]}', '{"other":1}'])(
    '%j means that all succeeded',
    payload => expect(failedIdsOf(payload, ids)).toEqual(new Set()),
  );

  test.each([
    'not JSON',
    '"text"',
    '[]',
    '{"batchItemFailures":"a"}',
    failures('c'),
    failures(''),
    '{"batchItemFailures":[{"itemIdentifier":null}]}',
    '{"batchItemFailures":[{"id":"a"}]}',
  ])('%j fails the whole batch', payload => expect(() => failedIdsOf(payload, ids)).toThrow());

  test('names what failed', () => expect(failedIdsOf(failures('b', 'b'), ids)).toEqual(new Set(['b'])));
});

describe('the function', () => {
  let folder = '';
  let running: LocalFunction | undefined;
  const start = async (handler: string, options: Partial<FunctionOptions> = {}) => {
    const bundle = path.join(folder, `${Math.random()}.mjs`);
    await writeFile(bundle, handler);
    running = startFunction({ bundle, env: {}, timeoutMs: 5000, ...options });
    return running;
  };
  const ask = async (event: unknown = {}) => JSON.parse((await running?.invoke(event)) ?? '');

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'function-'));
  });
  afterEach(() => running?.stop());
  afterAll(() => rm(folder, { recursive: true }));

  test('gets the event, a context and the environment as it was given', async () => {
    await start(
      `export const handler = async (event, context) =>
         ({ event, env: process.env, id: context.awsRequestId, left: context.getRemainingTimeInMillis() });`,
      { env: { ONE: '1', TWO: '' } },
    );
    const answer = await ask({ some: 'event' });
    expect(answer).toEqual({
      event: { some: 'event' },
      env: { ONE: '1', TWO: '' },
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      left: expect.any(Number),
    });
    expect(answer.left).toBeGreaterThan(4000);
    expect(answer.left).toBeLessThanOrEqual(5000);
  });

  test('keeps its process and state for later invocations, and has one more for each at once', async () => {
    const { invoke } = await start(
      `let calls = 0;
       export const handler = async ({ ms = 0 }) => {
         await new Promise(resolve => setTimeout(resolve, ms));
         return [process.pid, ++calls];
       };`,
    );
    const [pid] = await ask();
    expect(await ask()).toEqual([pid, 2]);
    const both = Promise.all([ask({ ms: 300 }), ask({ ms: 300 })]);
    await expect(invoke({})).rejects.toThrow('Rate Exceeded.');
    const pids = (await both).map(([each]) => each);
    expect(new Set(pids).size).toBe(2);
    expect(pids).toContain(pid);
  });
});
