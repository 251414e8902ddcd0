// A replay where SQS does not play along: a fault in each call at each point, servers that keep time, count and wait in
// other ways than AWS, and letters that are dead again at once. Nothing is ever lost, and nothing stays hidden.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { sourceIdOf } from '../../lib/dead-letters/dead-letter.ts';
import { cameBack } from '../../lib/dead-letters/replay.ts';
import { createQueue } from '../../lib/sqs/queue.ts';
import { type Pair, receipt, useLetterQueues } from '../letter-queues.ts';
import { type Intercept, type QueueAnswer, refuseCalls, refuseEntries } from '../queue-proxy.ts';

const COUNT = 50;
const queues = await useLetterQueues();

const openFilled = (intercept?: Intercept): Pair => {
  const pair = queues.openPair(intercept);
  for (let i = 0; i < COUNT; i++) pair.put(receipt(`c${i}`), { code: 'forbidden' });
  return pair;
};

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
const only =
  (action: string, wanted: (call: number) => boolean, intercept: Intercept, calls = { made: 0 }): Intercept =>
  (call, forward) =>
    call.action === action && wanted(calls.made++) ? intercept(call, forward) : forward();
const unnamed: Intercept = async (call, forward) => {
  const answer = (await forward()) as QueueAnswer & { body: { Successful?: object[] } };
  if (call.action === 'SendMessageBatch') answer.body.Successful = answer.body.Successful?.slice(1) ?? [];
  return answer;
};

/** How often each case is where: at least once in all, or it is lost. */
const placesOf = ({ receipts, letters, hidden }: Pair) => {
  const copies = new Map<string, number>();
  for (const { body } of [...receipts(), ...letters(), ...hidden()]) {
    const id = JSON.parse(body).case_id as string;
    copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  const twice = [...copies.values()].filter(times => times > 1).length;
  return { kept: copies.size, twice, hidden: hidden().length };
};

const SEND = 'SendMessageBatch';
const DELETE = 'DeleteMessageBatch';
const none = { replayed: 0, failed: 0, duplicated: 0, stopped: 'done', twice: 0, hidden: 0, kept: COUNT + 1 };
const some = expect.any(Number);
// Some batches may be under way already.
const gaveUp = { ...none, failed: some, stopped: 'interrupted' };
const fifth = (index: number) => index % 5 === 0;

const faults: Record<string, [Intercept, object, RegExp?]> = {
  'some sends refused': [refuseEntries(SEND, fifth), { replayed: 40, failed: 10 }, /10 ×/],
  'sends not permitted': [refuseCalls(SEND), gaveUp, /may not do this with http/],
  'nowhere to send to': [refuseCalls(SEND, 400, 'QueueDoesNotExist'), gaveUp, /there is no queue http/],
  'one send call in error': [
    only(SEND, call => call === 0, refuseCalls(SEND, 503, 'ServiceUnavailable')),
    { replayed: 40, failed: 10 },
  ],
  'a send cut before SQS had it': [cutBefore(SEND, 1), { replayed: 50, duplicated: 10 }],
  'a send cut after SQS had it': [cutAfter(SEND, 1), { replayed: 50, duplicated: 10, twice: 10 }],
  'sends that are always cut': [
    cutBefore(SEND),
    { ...gaveUp, replayed: some, duplicated: some },
    /gave no answer/,
  ],
  'an answer that leaves messages out': [unnamed, { replayed: 50, duplicated: 5, twice: 5 }],
  'some deletes refused': [refuseEntries(DELETE, fifth), { replayed: 50, duplicated: 10, twice: 10 }],
  'deletes refused': [refuseCalls(DELETE), { replayed: 50, duplicated: 50, twice: 50 }],
  'deletes cut before': [cutBefore(DELETE), { replayed: 50, duplicated: 50, twice: 50 }],
  // fauxqs refuses to delete what is deleted; SQS would confirm it.
  'a delete that is repeated': [cutAfter(DELETE, 1), { replayed: 50, duplicated: some }],
  'receiving not permitted': [refuseCalls('ReceiveMessage'), gaveUp, /may not do this/],
  'no such queue': [refuseCalls('ReceiveMessage', 400, 'QueueDoesNotExist'), gaveUp, /there is no queue/],
  'a receive that fails half-way': [
    only('ReceiveMessage', call => call > 1, refuseCalls('ReceiveMessage', 403, 'AccessDenied')),
    { ...gaveUp, replayed: some },
    /may not do this/,
  ],
  'counting not permitted': [refuseCalls('GetQueueAttributes'), gaveUp, /may not do this/],
  // These come back by themselves.
  'no way to show again': [refuseCalls('ChangeMessageVisibilityBatch'), { replayed: 50, hidden: 1 }],
};

test('a fault in each call: what was not sent stays, what may come twice is counted, all is visible', async () => {
  const seen: Record<string, object> = {};
  const expected: Record<string, object> = {};
  // The runs wait far more than they work, so they run beside each other.
  const run = async ([name, [intercept, result, words]]: [string, (typeof faults)[string]]) => {
    const pair = openFilled(intercept);
    pair.put(receipt('stays'), { code: 'rejected' });
    const request = { filter: { failure_code: ['forbidden' as const] } };
    const { counts, notes, trouble = '' } = await pair.replay(request);
    const { replayed, failed, duplicated, stopped } = counts;
    seen[name] = { replayed, failed, duplicated, stopped, ...placesOf(pair) };
    expected[name] = { ...none, ...result };
    if (words) expect(`${trouble}${notes.join()}`).toMatch(words);
  };
  await Promise.all(Object.entries(faults).map(run));
  expect(seen).toEqual(expected);
});

test('what was refused goes with the next run', async () => {
  const pair = openFilled(only(SEND, call => call < 5, refuseEntries(SEND, fifth)));
  expect((await pair.replay({ all: true })).counts).toMatchObject({ failed: 10, remaining: 10 });
  expect((await pair.replay({ all: true })).counts).toMatchObject({ replayed: 10, remaining: 0 });
});

test.each(['onProgress', 'onChosen', 'onRefused'])('what %s throws leaves nothing hidden', async callback => {
  const pair = openFilled();
  pair.put('?', { code: 'malformed' });
  const broken = () => {
    throw new Error('EPIPE');
  };
  const run = pair.replay({ all: true, set: { group_id: 'g' }, dry_run: true }, { [callback]: broken });
  await expect(run).rejects.toThrow('EPIPE');
  expect(pair.letters()).toHaveLength(COUNT + 1);
  expect(pair.hidden()).toEqual([]);
});

const dateHeader =
  (date: () => string): Intercept =>
  async (_, forward) => ({ ...(await forward()), date: date() });
const aside = (ms: number) => () => new Date(Date.now() + ms).toUTCString();
const receiving =
  (change: object): Intercept =>
  (call, forward) =>
    forward(call.action === 'ReceiveMessage' ? { ...call.body, ...change } : undefined);
const counting =
  (ApproximateNumberOfMessages: string): Intercept =>
  (call, forward) =>
    call.action === 'GetQueueAttributes'
      ? { status: 200, body: { Attributes: { ApproximateNumberOfMessages } } }
      : forward();

const servers: Record<string, Intercept | undefined> = {
  'like AWS': undefined,
  'without a Date header': dateHeader(() => ''),
  'whose Date is no date': dateHeader(() => 'yesterday'),
  'whose Date is 3 s late': dateHeader(aside(-3_000)),
  'whose Date is an hour late': dateHeader(aside(-3_600_000)),
  'whose Date is an hour early': dateHeader(aside(3_600_000)),
  'whose long polls come back empty, two of three': only(
    'ReceiveMessage',
    call => call % 3 !== 0,
    () => ({ status: 200, body: {} }),
  ),
  'whose long polls end in vain, twice each': only(
    'ReceiveMessage',
    call => call < 20,
    async () => {
      await new Promise(resolve => setTimeout(resolve, 1_000));
      return { status: 200, body: {} };
    },
  ),
  'that gives one at a time': receiving({ MaxNumberOfMessages: 1 }),
  'that does not wait': receiving({ WaitTimeSeconds: 0 }),
  'that counts none': counting('0'),
  'that counts some for ever': counting('40'),
};

test('letters of this very second all go, at servers of all kinds', async () => {
  const seen: Record<string, object> = {};
  const run = async ([name, intercept]: [string, Intercept | undefined]) => {
    const pair = openFilled(intercept);
    const { scanned, replayed, duplicated, stopped } = (await pair.replay({ all: true })).counts;
    seen[name] = { scanned, replayed, duplicated, stopped, ...placesOf(pair) };
  };
  await Promise.all(Object.entries(servers).map(run));
  const counts = { scanned: COUNT, replayed: COUNT, duplicated: 0, stopped: 'done' };
  const all = { ...counts, kept: COUNT, twice: 0, hidden: 0 };
  expect(seen).toEqual(Object.fromEntries(Object.keys(servers).map(name => [name, all])));
});

test('what it sent is dead again before its own answer is there: it stays, and is known afterwards', async () => {
  const pair: Pair = openFilled(async (call, forward) => {
    const answer = await forward();
    const { Successful = [] } = answer.body as { Successful?: { Id: string; MessageId: string }[] };
    for (const entry of call.action === SEND ? call.body.Entries : []) {
      const sourceId = Successful.find(({ Id }) => Id === entry.Id)?.MessageId ?? '';
      pair.put(String(entry.MessageBody), { code: 'forbidden', replays: 1, sourceId });
    }
    if (call.action === SEND) await new Promise(resolve => setTimeout(resolve, 50));
    // So that none is taken for one that came after the run began.
    return { ...answer, date: aside(3_600_000)() };
  });
  const { counts, sentIds } = await pair.replay({ all: true });
  const all = { scanned: COUNT, matched: COUNT, replayed: COUNT, remaining: COUNT, stopped: 'done' };
  expect(counts).toMatchObject(all);

  pair.put(receipt('another'), { code: 'rejected', sourceId: 'another' });
  const again = await cameBack(createQueue(pair.lettersUrl), sentIds);
  expect(again.letters.map(sourceIdOf).sort()).toEqual([...sentIds].sort());
  expect(pair.letters()).toHaveLength(COUNT + 1);
});

test('what SQS itself has moved is known by its own id, which it keeps', async () => {
  const pair: Pair = openFilled(async (call, forward) => {
    const answer = await forward();
    while (call.action === SEND && pair.receipts().length > 0) await createQueue(pair.receiptsUrl).receive(0);
    return answer;
  });
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

test('killed with -9 between send and delete: nothing is lost', async () => {
  let sends = 0;
  const child = { kill: () => {} };
  const pair = openFilled(async (call, forward) => {
    const answer = await forward();
    if (call.action !== SEND || ++sends !== 2) return answer;
    child.kill();
    return 'hang';
  });
  const cli = spawn(process.execPath, [path.resolve('.build/cli/main.mjs'), 'replay', '--yes', '--json'], {
    env: { ...process.env, QUEUE_URL: pair.receiptsUrl, DEAD_LETTER_QUEUE_URL: pair.lettersUrl },
    stdio: 'ignore',
  });
  child.kill = () => cli.kill('SIGKILL');
  await new Promise(resolve => cli.once('exit', resolve));
  const { kept, twice } = placesOf(pair);
  expect(kept).toBe(COUNT);
  expect(twice).toBeGreaterThan(0);
  // What it held is hidden for a quarter of an hour at most.
  expect(pair.hidden().length + pair.letters().length).toBe(COUNT - pair.receipts().length + twice);
});
