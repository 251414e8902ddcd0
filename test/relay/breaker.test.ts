// The breaker alone, on a clock of the test's own; through the whole function in outage.test.ts.
import { jest } from '@jest/globals';
import fc from 'fast-check';
import pMap from 'p-map';
import { failure, type Outcome, unfinished } from '../../lib/failure.ts';
import { createBreaker } from '../../lib/relay/breaker.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** What a mark's call is answered, and after how many milliseconds. */
type Answer = [outcome: Outcome, ms: number];
const ok = (ms = 10): Answer => [{ code: 'marked', status: 200 }, ms];
const down = (ms = 10): Answer => [failure('unavailable', 'OSM answered 503'), ms];
const hang: Answer = [failure('timeout', 'no whole answer in 5000 ms'), 5000];
const limited: Answer = [failure('rate_limited', 'OSM answered 429'), 10];
const gone: Answer = [failure('rejected', 'no such case'), 10];
const loggedOut: Answer = [{ ...failure('unauthorized', 'IAM answered 401'), unsent: true }, 10];
const superseded: Answer = [{ code: 'superseded', bound: '', newer: '' }, 10];
const cut: Answer = [unfinished, 10];

/** Marks of a name, all answered alike. */
const marks = (name: string, count: number, answer: Answer): [string, Answer][] =>
  Array.from({ length: count }, (_, i) => [`${name}${i}`, answer]);

const start = () => {
  let opened = 0;
  let closed = 0;
  const calls: { key: string; at: number }[] = [];
  const breaker = createBreaker({
    count: () => opened++,
    log: { error: () => {}, info: () => closed++ },
  } as never);

  /** One invocation; `kept` are those that were not called. */
  const batch = async (of: [string, Answer][], { inFlight = 50, forMs = 25_000 } = {}) => {
    const starts = new AbortController();
    const call = breaker.startBatch(starts.signal);
    const timer = setTimeout(() => starts.abort(), forMs);
    const began = calls.length;
    const begin = Date.now();
    let isOver = false;
    const run = async ([key, [outcome, ms]]: [string, Answer]) => {
      const answer = await call(key, () => {
        calls.push({ key, at: Date.now() });
        return new Promise<Outcome>(resolve => setTimeout(() => resolve(outcome), ms));
      });
      return [key, answer] as const;
    };
    const work = pMap(of, run, { concurrency: inFlight }).finally(() => {
      clearTimeout(timer);
      isOver = true;
    });
    while (!isOver) await jest.advanceTimersToNextTimerAsync();
    const outcomes = await work;
    return {
      outcomes: new Map(outcomes),
      kept: outcomes.filter(([, outcome]) => 'stoppedAt' in outcome).map(([key]) => key),
      marked: outcomes.filter(([, { code }]) => code === 'marked').length,
      calls: calls.length - began,
      lastMs: (calls.at(-1)?.at ?? begin) - begin,
      tookMs: Date.now() - begin,
    };
  };
  return { batch, breaker, calls, opened: () => opened, closed: () => closed };
};

const open = async (batch: ReturnType<typeof start>['batch']) => {
  await batch(marks('opened', 5, down()));
};

describe('it opens', () => {
  test.each([
    ['every answer is 503', down(), 1],
    ['every answer is 503', down(), 50],
    ['everything hangs', hang, 50],
  ])(
    'where %s: at most five calls more than were in flight (%j, %i in flight)',
    async (_, answer, inFlight) => {
      const { batch, opened } = start();
      const { calls, kept } = await batch(marks('c', 500, answer), { inFlight });
      expect(opened()).toBe(1);
      expect(calls).toBeGreaterThanOrEqual(5);
      expect(calls).toBeLessThanOrEqual(inFlight + 5);
      expect(kept).toHaveLength(500 - calls);
    },
  );

  test('with a 429 between: that is neither a failure nor a success', async () => {
    const { batch, opened } = start();
    const of = [...marks('a', 4, down()), ...marks('b', 3, limited), ...marks('c', 1, down())];
    await batch(of, { inFlight: 1 });
    expect(opened()).toBe(1);
  });
});

describe('it stays closed', () => {
  const scenarios: [string, ...{ of: [string, Answer][]; inFlight?: number }[]][] = [
    ['for receipts at fault', { of: marks('c', 50, gone), inFlight: 1 }],
    ['for 429s: the service answers', { of: marks('c', 50, limited), inFlight: 1 }],
    ['for log-ins and looks that fail', { of: marks('c', 50, loggedOut), inFlight: 1 }],
    ['for what the deadline cut', { of: marks('c', 50, cut), inFlight: 1 }],
    [
      'for one mark that fails on and on',
      ...Array.from({ length: 9 }, () => ({ of: marks('c', 1, down()) })),
    ],
    [
      'where a success is between',
      { of: [...marks('a', 4, down()), ...marks('b', 1, ok()), ...marks('c', 4, down())], inFlight: 1 },
    ],
    [
      'where a receipt at fault is between',
      { of: [...marks('a', 4, down()), ...marks('b', 1, gone), ...marks('c', 4, down())], inFlight: 1 },
    ],
    [
      'for failures whose calls began before the last success',
      { of: [...marks('a', 9, hang), ...marks('b', 1, ok(4990))] },
    ],
    [
      'for cases that hang, when they come back alone',
      { of: [...marks('p', 9, hang), ...marks('h', 9, ok())] },
      ...Array.from({ length: 9 }, () => ({ of: marks('p', 9, hang) })),
    ],
    ['for healthy answers of 3 s', { of: marks('a', 400, ok(3000)) }, { of: marks('b', 400, ok(3000)) }],
  ];
  test.each(scenarios)('%s', async (_, ...batches) => {
    const { batch, opened, calls } = start();
    for (const { of, ...limits } of batches) await batch(of, limits);
    expect(opened()).toBe(0);
    expect(calls).toHaveLength(batches.flatMap(({ of }) => of).length);
  });

  test('for a few cases that always hang or fail among healthy ones, in any order', async () => {
    const cases = [...marks('p', 6, hang), ...marks('q', 2, down()), ...marks('h', 92, ok(100))];
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(cases, { minLength: cases.length }), async of => {
        const { batch, opened } = start();
        expect(await batch(of)).toMatchObject({ kept: [], marked: 92 });
        const others = of.map(([key, answer]): [string, Answer] => [key.replace('h', 'g'), answer]);
        expect(await batch(others)).toMatchObject({ kept: [], marked: 92 });
        expect(opened()).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  test('nearly always where half of the calls fail', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 600, maxLength: 600 }), async flips => {
        const { batch, opened } = start();
        const { calls } = await batch(
          flips.map((flip, i) => [`c${i}`, flip ? ok(20 + (i % 7)) : down(20 + (i % 7))]),
        );
        expect(opened()).toBeLessThanOrEqual(1);
        expect(calls).toBe(600);
      }),
      { numRuns: 10 },
    );
  });
});

describe('while it is open', () => {
  test('a batch makes two tries, a second apart, its first marks whatever the clock says when each comes; the rest stays', async () => {
    const { batch, calls } = start();
    await open(batch);
    const { now } = performance;
    let reads = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + 0.3 * reads++);
    const { lastMs, kept, tookMs } = await batch(marks('b', 60, down()));
    clock.mockRestore();
    expect(calls.slice(5).map(({ key }) => key)).toEqual(['b0', 'b1']);
    expect(kept).toHaveLength(58);
    expect(lastMs).toBeGreaterThan(900);
    expect(tookMs).toBeLessThan(1100);
  });

  test('at most one try a second, over batches too', async () => {
    const { batch, calls } = start();
    await open(batch);
    const began = calls.length;
    for (let i = 0; i < 5; i++) await batch(marks(`b${i}-`, 5, down()));
    expect(calls).toHaveLength(began + 10);
    for (const [i, { at }] of calls.slice(began + 1).entries()) {
      expect(at - (calls[began + i]?.at ?? 0)).toBeGreaterThanOrEqual(1000);
    }
  });

  test.each([
    ['succeeds', ok()],
    ['meets a receipt at fault', gone],
    ['meets a 429', limited],
  ])('a try that %s closes it: all that waited are called', async (_, answer) => {
    const { batch, closed } = start();
    await open(batch);
    const { calls, kept, lastMs } = await batch([...marks('a', 1, answer), ...marks('b', 200, ok())]);
    expect([calls, kept, closed()]).toEqual([201, [], 1]);
    expect(lastMs).toBeLessThan(200);
  });

  test('a few cases that hung as a batch of their own do not stop the healthy batch after it', async () => {
    const { batch, opened } = start();
    await batch(marks('p', 6, hang));
    expect(opened()).toBe(1);
    expect(await batch([...marks('h', 100, ok()), ...marks('p', 6, hang)])).toMatchObject({
      kept: [],
      marked: 100,
    });
    expect(await batch(marks('p', 6, hang))).toMatchObject({ kept: [] });
    expect(opened()).toBe(1);
  });

  test('a try that hangs is not waited for: a second later another goes', async () => {
    const { batch } = start();
    await open(batch);
    const { marked, lastMs } = await batch([...marks('a', 1, hang), ...marks('b', 100, ok())]);
    expect(marked).toBe(100);
    expect(lastMs).toBeLessThan(1200);
  });

  test.each([
    ['was cut', cut, 8],
    ['was superseded', superseded, 7],
    ['failed at its log-in or look', loggedOut, 8],
  ])('a try that %s proves nothing: the next one decides', async (_, answer, kept) => {
    const { batch } = start();
    await open(batch);
    expect((await batch([...marks('a', 1, answer), ...marks('b', 9, down())])).kept).toHaveLength(kept);
    expect(await batch([...marks('a', 1, answer), ...marks('b', 9, ok())])).toMatchObject({ marked: 9 });
  });

  test('what is superseded takes no try from others', async () => {
    const { batch } = start();
    await open(batch);
    const of = [...marks('a', 20, superseded), ...marks('b', 20, ok())];
    expect(await batch(of)).toMatchObject({ kept: [], marked: 20 });
  });

  test('a call that began before and succeeds closes it', async () => {
    const { batch } = start();
    const of = [...marks('slow', 1, ok(500)), ...marks('a', 5, down()), ...marks('b', 20, ok())];
    expect(await batch(of, { inFlight: 6 })).toMatchObject({ kept: [], marked: 21 });
  });

  test('who waits is answered when no call may start any more', async () => {
    const { batch } = start();
    await open(batch);
    const { calls, kept } = await batch(marks('b', 9, hang), { forMs: 500 });
    expect([calls, kept.length]).toEqual([1, 8]);
  });

  test('closed by hand, it starts anew', async () => {
    const { batch, breaker, opened } = start();
    await open(batch);
    breaker.close();
    expect(breaker.failedLately('opened0')).toBe(false);
    expect((await batch(marks('opened', 4, down()))).calls).toBe(4);
    expect(opened()).toBe(1);
  });
});

test('outcomes pass through, whatever they are; a throw too, and it opens nothing', async () => {
  const { batch, breaker, opened } = start();
  for (const answer of [ok(), down(), gone, cut, superseded]) {
    expect((await batch([['k', answer]])).outcomes.get('k')).toBe(answer[0]);
  }
  const call = breaker.startBatch(new AbortController().signal);
  for (let i = 0; i < 9; i++) {
    await expect(call(`k${i}`, () => Promise.reject(new Error('bug')))).rejects.toThrow('bug');
  }
  expect(opened()).toBe(0);
});

test('a mark has failed lately until it succeeds or 20 minutes pass', async () => {
  const { batch, breaker } = start();
  await batch(marks('c', 2, down()));
  expect(['c0', 'c1', 'c2'].map(breaker.failedLately)).toEqual([true, true, false]);
  await batch(marks('c', 1, ok()));
  expect(['c0', 'c1'].map(breaker.failedLately)).toEqual([false, true]);
  await jest.advanceTimersByTimeAsync(18 * 60_000);
  expect(breaker.failedLately('c1')).toBe(true);
  await jest.advanceTimersByTimeAsync(2 * 60_000);
  expect(breaker.failedLately('c1')).toBe(false);
});
