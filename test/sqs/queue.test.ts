import { createQueue } from '../../lib/sqs/queue.ts';
import { type Environment, startEnvironment, useEnvironment } from '../environment.ts';
import { refuseEntries } from '../queue-proxy.ts';

useEnvironment();

let environment: Environment;
beforeAll(async () => {
  environment = await startEnvironment({ until: 'file' });
});
beforeEach(() => environment.clear());

const letters = () => createQueue(process.env.DEAD_LETTER_QUEUE_URL as string);
const source = () => createQueue(process.env.QUEUE_URL as string);
const messages = (count: number, body = 'x') =>
  Array.from({ length: count }, (_, index) => ({ body: `${body}${index}`, attributes: {} }));
const MIB = 1_048_576;

test.each([
  [0, []],
  [10, [10]],
  [11, [10, 1]],
  [25, [10, 10, 5]],
])('%i messages go in calls of %j', async (count, sizes) => {
  const bodies = messages(count).map(({ body }) => body);
  expect(await letters().send(messages(count))).toEqual(Array(count).fill({ messageId: expect.any(String) }));
  expect(environment.proxy.calls.map(({ body }) => body.Entries.length).sort((a, b) => b - a)).toEqual(sizes);
  const sent = environment.deadLetters().map(({ body }) => body);
  expect(sent.sort()).toEqual(bodies.sort());
});

test('1 MiB is one call, one byte more is two', async () => {
  const half = { body: 'x'.repeat(MIB / 2), attributes: {} };
  await letters().send([half, half]);
  expect(environment.proxy.calls).toHaveLength(1);
  await letters().send([half, { ...half, body: `${half.body}x` }]);
  expect(environment.proxy.calls).toHaveLength(3);
});

test('answers come in the order of the items, each refusal in the words of SQS', async () => {
  environment.proxy.intercept = refuseEntries('SendMessageBatch', index => index === 2);
  const results = await letters().send(messages(13));
  expect(results.map(({ error }) => error !== undefined)).toEqual(
    Array.from({ length: 13 }, (_, index) => index === 2 || index === 12),
  );
  expect(results[12]?.error).toEqual({
    code: 'KmsThrottled',
    message: 'Told to refuse.',
    isLasting: false,
    mayHaveHappened: false,
  });
});

test('a signal ends what hangs; every item says so', async () => {
  const ending = new AbortController();
  environment.proxy.intercept = () => {
    ending.abort();
    return 'hang';
  };
  const results = await letters().send(messages(12), ending.signal);
  // Of its own it would end too, as a TimeoutError.
  const error = { code: 'AbortError', isLasting: false, mayHaveHappened: true };
  expect(results).toMatchObject(Array(12).fill({ error }));
});

test('a receipt handle that is none is refused, beside one that is', async () => {
  await source().send(messages(1));
  const answer = await source().receive(60);
  const [received] = 'messages' in answer ? answer.messages : [];
  const results = await source().hide([
    { receiptHandle: received?.receiptHandle as string, seconds: 300 },
    { receiptHandle: 'none', seconds: 300 },
  ]);
  expect(results).toMatchObject([{}, { error: { code: 'ReceiptHandleIsInvalid' } }]);
  expect(environment.hiddenSeconds(received?.messageId as string)).toBeGreaterThan(60);
});

test.each<[string, number | undefined]>([
  ['Sat, 31 Jan 2026 09:30:00 GMT', Date.UTC(2026, 0, 31, 9, 30)],
  ['yesterday', undefined],
  ['', undefined],
])('a Date header of %j is read as %j', async (date, serverTime) => {
  environment.proxy.intercept = async (_, forward) => ({ ...(await forward()), date });
  expect(await letters().depth()).toEqual({ visible: 0, hidden: 0, delayed: 0, serverTime });
});

test('twenty calls are under way at once, and no more', async () => {
  let now = 0;
  let most = 0;
  let open = () => {};
  const twenty = new Promise<void>(resolve => {
    open = resolve;
  });
  environment.proxy.intercept = async (_, forward) => {
    most = Math.max(most, ++now);
    if (now === 20) open();
    await twenty;
    const answer = await forward();
    now--;
    return answer;
  };
  await letters().send(messages(500));
  expect(most).toBe(20);
});
