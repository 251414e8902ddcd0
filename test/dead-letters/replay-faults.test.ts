// What a replay does when SQS does not play along: a fault in each call at each point, and nothing is ever lost.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { awsEnvironment, openLetterQueues, type Pair, receipt } from '../letter-queues.ts';
import { type Intercept, type QueueAnswer, refuseCalls, refuseEntries } from '../queue-proxy.ts';

Object.assign(process.env, awsEnvironment);
const COUNT = 50;
let queues: Awaited<ReturnType<typeof openLetterQueues>>;
let pair: Pair;

beforeAll(async () => {
  queues = await openLetterQueues();
});
afterAll(() => queues.close());
beforeEach(() => {
  queues.proxy.intercept = undefined;
  pair = queues.openPair();
  for (let i = 0; i < COUNT; i++) pair.put(receipt(`c${i}`), { code: 'forbidden' });
});

/** Carried out, and then the connection breaks before the answer. */
const cutAfter =
  (action: string, times = Number.POSITIVE_INFINITY): Intercept =>
  async (call, forward) => {
    const answer = await forward();
    return call.action === action && times-- > 0 ? 'reset' : answer;
  };
/** Broken before anything is carried out. */
const cutBefore =
  (action: string, times = Number.POSITIVE_INFINITY): Intercept =>
  (call, forward) =>
    call.action === action && times-- > 0 ? 'reset' : forward();

/** How often each case is where: at least once in all, or it is lost. */
const placesOf = ({ receipts, letters, hidden }: Pair) => {
  const copies = new Map<string, number>();
  for (const { body } of [...receipts(), ...letters(), ...hidden()]) {
    const id = JSON.parse(body).case_id as string;
    copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  const twice = [...copies.values()].filter(times => times > 1).length;
  return { kept: copies.size, twice };
};

describe('send', () => {
  test('some refused: they stay, and are counted', async () => {
    queues.proxy.intercept = refuseEntries('SendMessageBatch', index => index % 5 === 0);
    const { counts, notes } = await pair.replay({ all: true });
    expect(counts).toMatchObject({
      scanned: 50,
      matched: 50,
      replayed: 40,
      failed: 10,
      duplicated: 0,
      remaining: 10,
    });
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice: 0 });
    expect(pair.letters()).toHaveLength(10);
    expect(notes.join()).toContain('10 ×');
    queues.proxy.intercept = undefined;
    expect((await pair.replay({ all: true })).counts).toMatchObject({ replayed: 10, remaining: 0 });
  });

  test.each([
    ['no permission', 403, 'AccessDeniedException', 'may not do this'],
    ['no such queue', 400, 'QueueDoesNotExist', 'there is no queue'],
    ['expired credentials', 403, 'ExpiredTokenException', 'have expired'],
    ['unknown credentials', 403, 'InvalidClientTokenId', 'does not accept these credentials'],
  ])('%s: it gives up at once, in words, and everything is visible again', async (_, status, type, words) => {
    queues.proxy.intercept = refuseCalls('SendMessageBatch', status, type);
    const { counts, trouble } = await pair.replay({ all: true });
    expect(trouble).toContain(words);
    expect(trouble).toContain(
      type.includes('Expired') || type.includes('Client') ? 'credentials' : pair.receiptsUrl,
    );
    expect(counts).toMatchObject({ replayed: 0, duplicated: 0, stopped: 'interrupted', remaining: COUNT });
    expect(pair.letters()).toHaveLength(COUNT);
    expect(pair.hidden()).toEqual([]);
  });

  test('an error of SQS is a refusal', async () => {
    let calls = 0;
    queues.proxy.intercept = (call, forward) =>
      call.action === 'SendMessageBatch' && calls++ === 0
        ? { status: 503, body: { __type: 'com.amazonaws.sqs#ServiceUnavailable', message: 'later' } }
        : forward();
    expect((await pair.replay({ all: true })).counts).toMatchObject({
      replayed: 40,
      failed: 10,
      remaining: 10,
    });
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice: 0 });
  });

  test.each([
    ['before SQS had it', cutBefore, 0],
    ['after SQS had it', cutAfter, 10],
  ])('cut %s: nobody knows, so it stays and counts as duplicated', async (_, cut, twice) => {
    queues.proxy.intercept = cut('SendMessageBatch', 1);
    const { counts } = await pair.replay({ all: true });
    expect(counts).toMatchObject({ matched: 50, replayed: 50, failed: 0, duplicated: 10, remaining: 10 });
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice });
    expect(pair.hidden()).toEqual([]);
  });

  test('always cut: it gives up', async () => {
    queues.proxy.intercept = cutBefore('SendMessageBatch');
    const { counts, trouble } = await pair.replay({ all: true });
    expect(trouble).toContain('gave no answer');
    expect(counts.stopped).toBe('interrupted');
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice: 0 });
    expect(pair.hidden()).toEqual([]);
  });

  test('an answer that leaves messages out: what it does not name is not deleted', async () => {
    queues.proxy.intercept = async (call, forward) => {
      const answer = (await forward()) as QueueAnswer & { body: { Successful?: object[] } };
      if (call.action === 'SendMessageBatch') answer.body.Successful = answer.body.Successful?.slice(1) ?? [];
      return answer;
    };
    expect((await pair.replay({ all: true })).counts).toMatchObject({
      replayed: 50,
      duplicated: 5,
      remaining: 5,
    });
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice: 5 });
  });
});

describe('delete', () => {
  test.each([
    ['some refused', refuseEntries('DeleteMessageBatch', index => index % 5 === 0), 10],
    ['the call refused', refuseCalls('DeleteMessageBatch'), 50],
    ['cut before', cutBefore('DeleteMessageBatch'), 50],
  ])('%s: sent, still there, counted as duplicated', async (_, intercept, duplicated) => {
    queues.proxy.intercept = intercept;
    const { counts } = await pair.replay({ all: true });
    expect(counts).toMatchObject({ replayed: COUNT, failed: 0, duplicated, remaining: duplicated });
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice: duplicated });
    expect(pair.hidden()).toEqual([]);
  });

  test('cut once: it is repeated', async () => {
    queues.proxy.intercept = cutAfter('DeleteMessageBatch', 1);
    const { counts } = await pair.replay({ all: true });
    expect(counts).toMatchObject({ replayed: COUNT, remaining: expect.any(Number) });
    // fauxqs refuses to delete what is deleted; SQS would confirm it.
    expect(counts.duplicated).toBeLessThanOrEqual(10);
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice: 0 });
  });
});

describe('receive and show', () => {
  test.each([
    ['no permission', 403, 'AccessDeniedException', 'may not do this'],
    ['no such queue', 400, 'QueueDoesNotExist', 'there is no queue'],
  ])('%s to receive: in words, nothing touched', async (_, status, type, words) => {
    queues.proxy.intercept = refuseCalls('ReceiveMessage', status, type);
    const { counts, trouble } = await pair.replay({ all: true });
    expect(trouble).toContain(words);
    expect(trouble).toContain(pair.lettersUrl);
    expect(counts).toMatchObject({ scanned: 0, remaining: COUNT });
  });

  test('no permission to count: nothing touched', async () => {
    queues.proxy.intercept = refuseCalls('GetQueueAttributes');
    const { counts, trouble } = await pair.replay({ all: true });
    expect(trouble).toContain('may not do this');
    expect(counts.scanned).toBe(0);
    expect(pair.letters()).toHaveLength(COUNT);
  });

  test('a receive that fails half-way: what was chosen before is not lost, and all is visible again', async () => {
    let calls = 0;
    queues.proxy.intercept = (call, forward) =>
      call.action === 'ReceiveMessage' && ++calls > 2
        ? { status: 403, body: { __type: 'com.amazonaws.sqs#AccessDenied', message: 'no more' } }
        : forward();
    const { counts, trouble } = await pair.replay({ all: true });
    expect(trouble).toBeDefined();
    expect(pair.receipts()).toHaveLength(counts.replayed);
    expect(placesOf(pair)).toEqual({ kept: COUNT, twice: 0 });
    expect(pair.hidden()).toEqual([]);
  });

  test('what cannot be shown again comes back by itself', async () => {
    queues.proxy.intercept = refuseCalls('ChangeMessageVisibilityBatch');
    const { counts } = await pair.replay({ filter: { failure_code: ['rejected'] } });
    expect(counts).toMatchObject({ scanned: COUNT, matched: 0, remaining: COUNT });
    expect(pair.hidden()).toHaveLength(COUNT);
  });
});

test('nobody listens: in words', async () => {
  const { createReplay } = await import('../../lib/dead-letters/replay.ts');
  const { createQueue } = await import('../../lib/sqs/queue.ts');
  const nobody = createQueue('http://127.0.0.1:9/000000000000/letters');
  const { trouble } = await createReplay({ source: nobody, deadLetters: nobody })({ all: true });
  expect(trouble).toContain('connection refused');
});

test('killed with -9 between send and delete, then run again: nothing lost, what came twice is known', async () => {
  let sends = 0;
  const child = { kill: () => {} };
  queues.proxy.intercept = async (call, forward) => {
    const answer = await forward();
    if (call.action === 'SendMessageBatch' && ++sends === 2) {
      child.kill();
      return 'hang';
    }
    return answer;
  };
  const cli = spawn(process.execPath, [path.resolve('handlers/cli.ts'), 'replay', '--yes', '--json'], {
    env: { ...process.env, QUEUE_URL: pair.receiptsUrl, DEAD_LETTER_QUEUE_URL: pair.lettersUrl },
    stdio: 'ignore',
  });
  child.kill = () => cli.kill('SIGKILL');
  await new Promise(resolve => cli.once('exit', resolve));
  queues.proxy.intercept = undefined;
  const sentTwice = placesOf(pair);
  expect(sentTwice.kept).toBe(COUNT);
  expect(sentTwice.twice).toBeGreaterThan(0);
  // What it held is hidden for a quarter of an hour at most.
  expect(pair.hidden().length + pair.letters().length).toBe(COUNT - pair.receipts().length + sentTwice.twice);
});
