// Which letters a run takes and when it ends: on servers that keep time, count and wait in other ways than AWS.
import { type Letter, sourceIdOf } from '../../lib/dead-letters/dead-letter.ts';
import { cameBack } from '../../lib/dead-letters/replay.ts';
import { scan } from '../../lib/dead-letters/scan.ts';
import type { Received } from '../../lib/sqs/message.ts';
import { createQueue, queueOver } from '../../lib/sqs/queue.ts';
import { awsEnvironment, openLetterQueues, type Pair, receipt } from '../letter-queues.ts';
import type { Intercept, QueueAnswer } from '../queue-proxy.ts';

Object.assign(process.env, awsEnvironment);
let queues: Awaited<ReturnType<typeof openLetterQueues>>;
let pair: Pair;

beforeAll(async () => {
  queues = await openLetterQueues();
});
afterAll(() => queues.close());
beforeEach(() => {
  queues.proxy.intercept = undefined;
  pair = queues.openPair();
});

const COUNT = 40;
const fill = () => {
  for (let i = 0; i < COUNT; i++) pair.put(receipt(`c${i}`), { code: 'forbidden' });
};
const dateHeader =
  (date: () => string): Intercept =>
  async (_, forward) => ({ ...(await forward()), date: date() });
const aside = (ms: number) => () => new Date(Date.now() + ms).toUTCString();
const onReceive =
  (
    spoil: (answer: QueueAnswer, calls: number) => QueueAnswer | Promise<QueueAnswer>,
    calls = { made: 0 },
  ): Intercept =>
  async (call, forward) => {
    if (call.action !== 'ReceiveMessage') return forward();
    calls.made++;
    // Not received at all, or it would be hidden.
    if (spoil === misses && calls.made % 3 !== 0) return { status: 200, body: {} };
    return spoil(await forward(), calls.made);
  };
const misses = (answer: QueueAnswer) => answer;
const counts =
  (ApproximateNumberOfMessages: string): Intercept =>
  async (call, forward) =>
    call.action === 'GetQueueAttributes'
      ? { status: 200, body: { Attributes: { ApproximateNumberOfMessages } } }
      : forward();

describe('letters of this very second, at a server', () => {
  test.each<[string, Intercept | undefined]>([
    ['like AWS', undefined],
    ['without a Date header', dateHeader(() => '')],
    ['with one that is no date', dateHeader(() => 'yesterday')],
    ['whose Date is 3 s late', dateHeader(aside(-3_000))],
    ['whose Date is an hour late', dateHeader(aside(-3_600_000))],
    ['whose Date is an hour early', dateHeader(aside(3_600_000))],
    ['whose long polls come back empty, two of three', onReceive(misses)],
    [
      'that gives one at a time',
      async (call, forward) =>
        forward(call.action === 'ReceiveMessage' ? { ...call.body, MaxNumberOfMessages: 1 } : undefined),
    ],
    [
      'that does not wait',
      async (call, forward) =>
        forward(call.action === 'ReceiveMessage' ? { ...call.body, WaitTimeSeconds: 0 } : undefined),
    ],
    ['that counts none', counts('0')],
    ['that counts some for ever', counts('40')],
  ])('%s', async (_, intercept) => {
    fill();
    queues.proxy.intercept = intercept;
    const { counts } = await pair.replay({ all: true });
    expect(counts).toMatchObject({ scanned: COUNT, replayed: COUNT, duplicated: 0, stopped: 'done' });
    expect(pair.receipts()).toHaveLength(COUNT);
    expect([...pair.letters(), ...pair.hidden()]).toEqual([]);
  });
});

describe('what it sent is dead again before its own answer is there: it stays, and is known afterwards', () => {
  /** @param idOf what the new letter says of where it came from */
  const kill =
    (date?: () => string): Intercept =>
    async (call, forward) => {
      const answer = await forward();
      if (call.action === 'SendMessageBatch') {
        const { Successful = [] } = answer.body as { Successful?: { Id: string; MessageId: string }[] };
        for (const [index, entry] of call.body.Entries.entries())
          pair.put(String(entry.MessageBody), {
            code: 'forbidden',
            replays: 1,
            sourceId: Successful.find(({ Id }) => Id === String(entry.Id))?.MessageId ?? String(index),
          });
        await new Promise(resolve => setTimeout(resolve, 50));
      }
      return { ...answer, ...(date && { date: date() }) };
    };

  test.each([
    ['with clocks that agree', undefined],
    ['with a Date that is an hour early', aside(3_600_000)],
  ])('%s', async (_, date) => {
    fill();
    queues.proxy.intercept = kill(date);
    const { counts, sentIds } = await pair.replay({ all: true });
    expect(counts).toMatchObject({
      scanned: COUNT,
      matched: COUNT,
      replayed: COUNT,
      remaining: COUNT,
      stopped: 'done',
    });
    expect(pair.receipts()).toHaveLength(COUNT);
    expect(pair.letters()).toHaveLength(COUNT);

    queues.proxy.intercept = undefined;
    pair.put(receipt('another'), { code: 'rejected', sourceId: 'another' });
    const again = await cameBack(createQueue(pair.lettersUrl), sentIds);
    expect(again.letters.map(sourceIdOf).sort()).toEqual([...sentIds].sort());
    expect(pair.letters()).toHaveLength(COUNT + 1);
  });
});

test('with newcomers all the time it ends', async () => {
  fill();
  let more = true;
  const added = setInterval(() => more && pair.put(receipt('new'), { code: 'rejected' }), 20);
  const { counts } = await pair.replay({ filter: { failure_code: ['forbidden'] } });
  more = false;
  clearInterval(added);
  expect(counts).toMatchObject({ replayed: COUNT, stopped: 'done' });
  expect(pair.hidden()).toEqual([]);
});

test.each(['onProgress', 'onChosen', 'onRefused'])('what %s throws leaves nothing hidden', async callback => {
  fill();
  pair.put('?', { code: 'malformed' });
  const run = pair.replay(
    { all: true, set: { group_id: 'g' }, dry_run: true },
    {
      [callback]: () => {
        throw new Error('EPIPE');
      },
    },
  );
  await expect(run).rejects.toThrow('EPIPE');
  expect(pair.letters()).toHaveLength(COUNT + 1);
  expect(pair.hidden()).toEqual([]);
});

describe('at most 100,000 held', () => {
  /** A queue that gives `size` messages, ten at a time, and counts what is hidden. */
  const endless = (size: number) => {
    let [given, hidden, most, removed] = [0, 0, 0, 0];
    const received = (): Received => ({
      messageId: `id-${++given}`,
      receiptHandle: `handle-${given}`,
      message: { body: '{"case_id":"1"}', attributes: {} },
      sentAt: Date.now(),
      receives: 1,
    });
    const all = (entries: { id: string }[]) => ({ Successful: entries.map(({ id }) => ({ Id: id })) });
    const queue = queueOver('endless', {
      sendBatch: async entries => all(entries),
      async changeVisibilityBatch(entries) {
        hidden -= entries.length;
        return all(entries);
      },
      async deleteBatch(entries) {
        hidden -= entries.length;
        removed += entries.length;
        return all(entries);
      },
      async receive() {
        const messages = Array.from({ length: Math.min(10, size - given) }, received);
        hidden += messages.length;
        most = Math.max(most, hidden);
        return messages;
      },
      attributes: async () => ({ attributes: {} }),
    });
    return { queue, seen: () => ({ given, hidden, most, removed }) };
  };

  test.each([
    [100_000, 'done', 100_000],
    [100_001, 'scan_limit', 100_001],
    [200_000, 'scan_limit', 100_100],
  ])('of %i', async (size, stopped, mostGiven) => {
    const { queue, seen } = endless(size);
    let visited = 0;
    const result = await scan(queue, (letters: Letter[]) => {
      visited += letters.length;
    });
    expect(result).toMatchObject({ stopped, remaining: 100_000 });
    expect(visited).toBeLessThanOrEqual(100_000);
    expect(seen()).toMatchObject({ hidden: 0, removed: 0 });
    expect(seen().given).toBeLessThanOrEqual(mostGiven);
    // What comes on top while others are under way is shown again at once.
    expect(seen().most).toBeLessThanOrEqual(100_100);
  });
});
