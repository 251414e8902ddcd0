// How long a run lasts and how much it holds: a queue in this process, in virtual time.
import { jest } from '@jest/globals';
import { createReplay } from '../../lib/dead-letters/replay.ts';
import { scan } from '../../lib/dead-letters/scan.ts';
import type { Calls } from '../../lib/sqs/calls.ts';
import { queueOver } from '../../lib/sqs/queue.ts';

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] }));
afterEach(() => jest.useRealTimers());

const after = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
/** How it ended, and how long it took. */
const timed = async <T extends object>(run: () => Promise<T>): Promise<T & { tookMs: number }> => {
  const start = performance.now();
  const ended = run().then(result => ({ ...result, tookMs: performance.now() - start }));
  await jest.runAllTimersAsync();
  return ended;
};

/** A queue of so many letters; every second one is `forbidden`, nobody knows why the others are dead. */
const openQueue = (size: number, spoil: (calls: Calls) => Partial<Calls> = () => ({})) => {
  const putAt: number[] = [];
  const ready: number[] = [];
  const put = () => ready.push(putAt.push(Date.now()) - 1);
  for (let i = 0; i < size; i++) put();
  const hidden = new Map<string, { index: number; untilMs: number }>();
  const sentAt: number[] = [];
  const sizes: number[] = [];
  let receives = 0;
  let mostHidden = 0;

  const take = (seconds: number) => {
    // All are hidden for as long, so the first is due first.
    for (const [handle, { index, untilMs }] of hidden) {
      if (untilMs > Date.now()) break;
      hidden.delete(handle);
      ready.push(index);
    }
    const taken = ready.splice(-10).map(index => {
      const receiptHandle = `${index}#${++receives}`;
      hidden.set(receiptHandle, { index, untilMs: Date.now() + seconds * 1000 });
      const failure = { DataType: 'String', StringValue: '{"code":"forbidden"}' };
      const message = { body: '{"case_id":"1"}', attributes: index % 2 ? { failure } : {} };
      return { messageId: `id-${index}`, receiptHandle, message, sentAt: putAt[index] ?? 0, receives: 1 };
    });
    mostHidden = Math.max(mostHidden, hidden.size);
    return taken;
  };
  const all = (entries: { id: string }[]) => ({ Successful: entries.map(({ id }) => ({ Id: id })) });
  const calls: Calls = {
    async sendBatch(entries) {
      sizes.push(entries.length);
      // So long until it is there, so long until the answer is here.
      await after((sizes.length * 37) % 200);
      for (const _ of entries) sentAt.push(Date.now());
      await after((sizes.length * 73) % 200);
      return all(entries);
    },
    async changeVisibilityBatch(entries) {
      for (const { receiptHandle } of entries) {
        const shown = hidden.get(receiptHandle);
        if (hidden.delete(receiptHandle) && shown) ready.push(shown.index);
      }
      return all(entries);
    },
    async deleteBatch(entries) {
      for (const { receiptHandle } of entries) hidden.delete(receiptHandle);
      return all(entries);
    },
    async receive({ hidden, wait }) {
      for (let waitedMs = 0; waitedMs < wait * 1000 && ready.length === 0; waitedMs += 20) await after(20);
      return take(hidden);
    },
    attributes: async () => ({
      attributes: {
        ApproximateNumberOfMessages: `${ready.length}`,
        ApproximateNumberOfMessagesNotVisible: `${hidden.size}`,
      },
    }),
  };
  const queue = queueOver('in this process', { ...calls, ...spoil(calls) });
  return {
    queue,
    replay: createReplay({ source: queue, deadLetters: queue }),
    put,
    sentAt,
    sizes,
    seen: () => ({ visible: ready.length, hidden: hidden.size, mostHidden, receives }),
  };
};

const counting = () => {
  let count = 0;
  return {
    visited: () => count,
    visit: (letters: object[]) => {
      count += letters.length;
    },
  };
};

describe('at most 100,000 are held', () => {
  test.each([
    [100_000, 'done'],
    [100_001, 'scan_limit'],
    [200_000, 'scan_limit'],
  ])('of %i', async (size, stopped) => {
    const { queue, seen } = openQueue(size);
    const { visited, visit } = counting();
    expect(await timed(() => scan(queue, visit))).toMatchObject({ stopped, remaining: size });
    expect(visited()).toBeLessThanOrEqual(100_000);
    expect(seen()).toMatchObject({ visible: size, hidden: 0 });
    expect(seen().receives).toBeLessThanOrEqual(100_100);
    // What comes on top while others are under way is shown again at once.
    expect(seen().mostHidden).toBeLessThanOrEqual(100_100);
  });

  test('where another run holds as many, SQS gives no more: it says so', async () => {
    const attributes = { ApproximateNumberOfMessagesNotVisible: '120000' };
    const { queue } = openQueue(0, () => ({ attributes: async () => ({ attributes }) }));
    expect(await timed(() => scan(queue, () => {}))).toMatchObject({ stopped: 'scan_limit' });
  });
});

describe('it ends', () => {
  const alwaysSome = () => ({
    attributes: async () => ({ attributes: { ApproximateNumberOfMessages: '40' } }),
  });
  const notWaiting = ({ receive }: Calls): Partial<Calls> => ({
    receive: (how, signal) => receive({ ...how, wait: 0 }, signal),
  });
  test.each<[string, number, Parameters<typeof openQueue>[1]]>([
    ['a second after the last letter', 1_000, undefined],
    ['a second, too, at a server that does not wait', 1_000, notWaiting],
    ['after three at one that counts letters for ever', 3_000, alwaysSome],
  ])('%s', async (_, lastMs, spoil) => {
    for (const size of [0, 1, 500]) {
      const { queue } = openQueue(size, spoil);
      const { visited, visit } = counting();
      const { tookMs } = await timed(() => scan(queue, visit));
      expect([visited(), Math.round(tookMs)]).toEqual([size, lastMs]);
    }
  });

  test.each([2_000, 5_000, 60_000, 900_000])(
    'before its deadline in %i ms, and shows again what it held',
    async remainingMs => {
      const { replay, sentAt, seen } = openQueue(20_000);
      const { counts, notes, tookMs } = await timed(() =>
        replay({ all: true, rate_per_second: 5 }, { remainingMs }),
      );
      expect(tookMs).toBeLessThan(remainingMs);
      expect(counts).toMatchObject({ stopped: 'deadline', failed: 0, duplicated: 0 });
      expect(sentAt).toHaveLength(counts.replayed);
      // Three quarters of the time are for the letters, and of much time all but half a minute.
      const usableMs = Math.max(remainingMs * 0.7, remainingMs - 32_000);
      expect(counts.replayed).toBeGreaterThan(5 * Math.floor(usableMs / 1_300));
      expect(seen()).toMatchObject({ visible: 20_000 - counts.replayed, hidden: 0 });
      expect(notes.join()).toContain('run it again');
    },
  );
});

test('with newcomers all the time it ends, and leaves them', async () => {
  const { queue, put, seen } = openQueue(500, ({ receive }) => ({
    receive: async (how, signal) => {
      await after(20);
      return receive(how, signal);
    },
  }));
  const coming = setInterval(put, 10);
  const { visited, visit } = counting();
  const { tookMs } = await timed(() => scan(queue, visit).finally(() => clearInterval(coming)));
  // Those of the first two seconds may be letters that were there, by another clock.
  expect(visited()).toBeGreaterThanOrEqual(500);
  expect(tookMs).toBeLessThan(4_000);
  expect(seen().hidden).toBe(0);
});

test.each([
  [1, 60],
  [7, 700],
  [25, 700],
  [100, 2_000],
])('at %i a second: never more in any second, and as fast as that allows', async (rate, size) => {
  const { replay, sentAt, sizes } = openQueue(size);
  const { counts, tookMs } = await timed(() => replay({ all: true, rate_per_second: rate }));
  expect(counts).toMatchObject({ replayed: size, stopped: 'done' });
  for (const [index, at] of sentAt.slice(rate).entries())
    expect(at - (sentAt[index] ?? 0)).toBeGreaterThanOrEqual(1_000);
  expect(tookMs).toBeLessThan((size / rate) * 1_300 + 1_000);
  expect(Math.max(...sizes)).toBe(Math.min(rate, 10));
});

test('what is held for longer than SQS hides it is met again, and not looked at again', async () => {
  const { replay, seen } = openQueue(2_400);
  const filter = { failure_code: ['forbidden' as const] };
  const { counts, tookMs } = await timed(() => replay({ filter, rate_per_second: 1 }));
  expect(tookMs).toBeGreaterThan(1_000_000);
  expect(counts).toMatchObject({ scanned: 2_400, matched: 1_200, replayed: 1_200, duplicated: 0 });
  expect(seen()).toMatchObject({ visible: 1_200, hidden: 0 });
});
