// A replay through SQS's own protocol that is cut, or whose letters are dead again at once. The faults of each
// call: runs.test.ts.
import { SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { sourceIdOf } from '../../lib/dead-letters/dead-letter.ts';
import { cameBack } from '../../lib/dead-letters/replay.ts';
import { createQueue } from '../../lib/sqs/queue.ts';
import { type Pair, receipt, useLetterQueues } from '../letter-queues.ts';
import type { Intercept } from '../queue-proxy.ts';

const COUNT = 50;
const queues = await useLetterQueues();

const openFilled = (intercept?: Intercept): Pair => {
  const pair = queues.openPair(intercept);
  for (let i = 0; i < COUNT; i++) pair.put(receipt(`c${i}`), { code: 'forbidden' });
  return pair;
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

test('a send that is cut after SQS had it is not repeated, but counted', async () => {
  let sends = 0;
  const pair = openFilled(async (call, forward) => {
    const answer = await forward();
    return call.action === SEND && ++sends === 1 ? 'reset' : answer;
  });
  const { counts } = await pair.replay({ all: true });
  const { twice, ...places } = placesOf(pair);
  expect(counts).toMatchObject({ replayed: COUNT, failed: 0, duplicated: twice, stopped: 'done' });
  expect(twice).toBeGreaterThan(0);
  expect(places).toEqual({ kept: COUNT, hidden: 0 });
});

test('what it sent is dead again before its own answer is there: it stays, and is known afterwards', async () => {
  const pair: Pair = openFilled(async (call, forward) => {
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
