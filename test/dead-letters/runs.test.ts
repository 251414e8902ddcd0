// What a run takes and leaves, how long it lasts and how much it holds: a queue in this process, in virtual time.
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { createReplay, NO_COUNTS } from '../../lib/dead-letters/replay.ts';
import type { ReplayRequest } from '../../lib/dead-letters/request.ts';
import { scan } from '../../lib/dead-letters/scan.ts';
import type { Calls } from '../../lib/sqs/calls.ts';
import type { Message, Received } from '../../lib/sqs/message.ts';
import { queueOver } from '../../lib/sqs/queue.ts';
import { attributesOf, receipt } from '../letter-queues.ts';

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

const dead = (body: string, code?: 'forbidden' | 'rejected', replays?: number): Message => ({
  body,
  attributes: attributesOf({ code, replays }) as Message['attributes'],
});
/** So many letters; every second one is `forbidden`, nobody knows why the others are dead. */
const lettersOf = (size: number): Message[] => {
  const two = [dead(receipt('1')), dead(receipt('1'), 'forbidden')];
  return Array.from({ length: size }, (_, index) => two[index % 2] as Message);
};

/** A queue of letters that takes what is sent back, too. */
const openQueue = (letters: Message[], spoil: (calls: Calls) => Partial<Calls> = () => ({})) => {
  const all: { message: Message; putAt: number }[] = [];
  const ready: number[] = [];
  const put = (message: Message, putAt = Date.now()) => ready.push(all.push({ message, putAt }) - 1);
  for (const message of letters) put(message);
  const hidden = new Map<string, { index: number; untilMs: number }>();
  const sent: { body: string; at: number }[] = [];
  const sizes: number[] = [];
  let receives = 0;
  let mostHidden = 0;

  const take = (seconds: number): Received[] => {
    // All are hidden for as long, so the first is due first.
    for (const [handle, { index, untilMs }] of hidden) {
      if (untilMs > Date.now()) break;
      hidden.delete(handle);
      ready.push(index);
    }
    const taken = ready.splice(-10).map(index => {
      const receiptHandle = `${index}#${++receives}`;
      hidden.set(receiptHandle, { index, untilMs: Date.now() + seconds * 1000 });
      const { message, putAt } = all[index] as (typeof all)[number];
      return { messageId: `id-${index}`, receiptHandle, message, sentAt: putAt, receives: 1 };
    });
    mostHidden = Math.max(mostHidden, hidden.size);
    return taken;
  };
  const done = (entries: { id: string }[]) => ({ Successful: entries.map(({ id }) => ({ Id: id })) });
  const calls: Calls = {
    async sendBatch(entries) {
      sizes.push(entries.length);
      // So long until it is there, so long until the answer is here.
      await after((sizes.length * 37) % 200);
      for (const { body } of entries) sent.push({ body, at: Date.now() });
      await after((sizes.length * 73) % 200);
      return done(entries);
    },
    async changeVisibilityBatch(entries) {
      for (const { receiptHandle } of entries) {
        const shown = hidden.get(receiptHandle);
        if (hidden.delete(receiptHandle) && shown) ready.push(shown.index);
      }
      return done(entries);
    },
    async deleteBatch(entries) {
      for (const { receiptHandle } of entries) hidden.delete(receiptHandle);
      return done(entries);
    },
    async receive({ hidden, wait }) {
      for (let waitedMs = 0; waitedMs < wait * 1000 && ready.length === 0; waitedMs += 50) await after(50);
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
    sent,
    sizes,
    left: () => ready.map(index => all[index]?.message.body),
    held: () => Array.from(hidden.values(), ({ index }) => all[index]?.message.body),
    seen: () => ({ visible: ready.length, hidden: hidden.size, mostHidden, receives }),
  };
};

/** How many letters a scan has met, and how it ended. */
const scanned = async (queue: Parameters<typeof scan>[0], options?: Parameters<typeof scan>[2]) => {
  let visited = 0;
  const visit = (letters: object[]) => {
    visited += letters.length;
  };
  const ended = await timed(() => scan(queue, visit, options));
  return { ...ended, visited };
};

const options = { numRuns: 100 };

describe('any letters, any request', () => {
  const codes = ['forbidden', 'rejected', undefined] as const;
  const letters = fc.array(
    fc.record({
      code: fc.constantFrom(...codes),
      replays: fc.integer({ min: 0, max: 4 }),
      valid: fc.boolean(),
    }),
    { maxLength: 60 },
  );
  const filter = {
    failure_code: fc.subarray(['forbidden', 'rejected', 'unknown'] as const, { minLength: 1 }),
    max_replays: fc.integer({ min: 1, max: 5 }),
  };
  const request = fc.record(
    {
      filter: fc.record(filter, { requiredKeys: [] }),
      set: fc.constant({ group_id: 'g' }),
      limit: fc.integer({ min: 1, max: 40 }),
      rate_per_second: fc.integer({ min: 20, max: 200 }),
      dry_run: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  type Given = { code: (typeof codes)[number]; replays: number; valid: boolean };
  const bodyOf = ({ valid }: Given, index: number) => (valid ? receipt(`c${index}`) : `?${index}`);
  const open = (given: Given[]) =>
    openQueue(given.map((each, index) => dead(bodyOf(each, index), each.code, each.replays)));
  const idOf = (body = '') => /[c?]\d+/.exec(body)?.[0];
  /** Each is in exactly one place, and visible. */
  const expectNoneLost = (given: Given[], { sent, left, seen }: ReturnType<typeof open>) => {
    const places = [...sent.map(({ body }) => body), ...left()].map(idOf);
    expect(places.sort()).toEqual(given.map(bodyOf).map(idOf).sort());
    expect(seen().hidden).toBe(0);
  };

  test('one run takes all that is asked for, and nothing else', async () => {
    const property = fc.asyncProperty(letters, request, async (given, asked) => {
      const queue = open(given);
      const { counts } = await timed(() => queue.replay(asked as ReplayRequest));
      const { filter = {}, set, limit = Number.POSITIVE_INFINITY, dry_run } = asked;
      const { failure_code = ['forbidden', 'rejected', 'unknown'], max_replays = 3 } = filter;
      const isAsked = ({ code }: Given) => failure_code.includes(code ?? 'unknown');
      const isGuarded = (each: Given) => isAsked(each) && each.replays >= max_replays;
      const isWrong = (each: Given) => isAsked(each) && !isGuarded(each) && set !== undefined && !each.valid;
      const goes = (each: Given) => isAsked(each) && !isGuarded(each) && !isWrong(each);
      const count = (is: (each: Given) => boolean) => given.filter(is).length;
      const replayed = dry_run ? 0 : Math.min(count(goes), limit);
      const seen = { matched: count(isAsked), guarded: count(isGuarded), failed: count(isWrong) };
      const isWhole = count(goes) < limit;
      expect(counts).toEqual({
        ...(isWhole ? { ...NO_COUNTS, scanned: given.length, ...seen } : { ...counts, stopped: 'limit' }),
        ...{ replayed, duplicated: 0, remaining: given.length - replayed },
      });
      const sent = queue.sent.map(({ body }) => idOf(body));
      expect(sent).toHaveLength(replayed);
      const may = given.map((each, index) => (goes(each) ? idOf(bodyOf(each, index)) : undefined));
      expect(may).toEqual(expect.arrayContaining(sent));
      expectNoneLost(given, queue);
    });
    await fc.assert(property, options);
  });

  test('two runs side by side send each at most once', async () => {
    const property = fc.asyncProperty(letters, request, request, fc.nat(60), async (given, one, two, ms) => {
      const queue = open(given);
      const runs = [
        queue.replay(one as ReplayRequest),
        after(ms).then(() => queue.replay(two as ReplayRequest)),
      ];
      const { results } = await timed(async () => ({ results: await Promise.all(runs) }));
      const replayed = results.reduce((sum, { counts }) => sum + counts.replayed, 0);
      expect(queue.sent).toHaveLength(replayed);
      for (const { counts } of results) expect(counts.duplicated).toBe(0);
      expectNoneLost(given, queue);
    });
    await fc.assert(property, options);
  });
});

test('a redelivery of what it holds, or of what it deleted, is not looked at twice', async () => {
  const again: Received[][] = [];
  const { replay, sent } = openQueue(lettersOf(20), ({ receive }) => ({
    async receive(how, signal) {
      const messages = await receive(how, signal);
      if (messages.length > 0) again.push(messages);
      return messages.length > 0 ? messages : (again.pop() ?? []);
    },
  }));
  const { counts } = await timed(() => replay({ filter: { failure_code: ['forbidden'] } }));
  expect(counts).toMatchObject({ scanned: 20, matched: 10, replayed: 10, duplicated: 0, remaining: 10 });
  expect(sent).toHaveLength(10);
});

test('interrupted, it begins nothing more, and shows again what it held', async () => {
  const { replay, sent, seen } = openQueue(lettersOf(600));
  const stopping = new AbortController();
  const onProgress = ({ replayed }: { replayed: number }) => replayed >= 50 && stopping.abort();
  const { counts } = await timed(() =>
    replay({ filter: { failure_code: ['forbidden'] } }, { signal: stopping.signal, onProgress }),
  );
  expect(counts.stopped).toBe('interrupted');
  expect(sent).toHaveLength(counts.replayed);
  expect(sent.length).toBeLessThan(200);
  expect(seen()).toMatchObject({ visible: 600 - sent.length, hidden: 0 });
});

describe('at most 100,000 are held', () => {
  test.each([
    [100_000, 'done'],
    [150_000, 'scan_limit'],
  ])(
    'of %i',
    async (size, stopped) => {
      const { queue, seen } = openQueue(Array(size).fill(dead('plain')));
      const { visited, ...ended } = await scanned(queue);
      expect(ended).toMatchObject({ stopped, remaining: size });
      expect(visited).toBeLessThanOrEqual(100_000);
      expect(seen()).toMatchObject({ visible: size, hidden: 0 });
      // What comes on top while others are under way is shown again at once.
      expect(seen().receives).toBeLessThanOrEqual(100_100);
      expect(seen().mostHidden).toBeLessThanOrEqual(100_100);
    },
    120_000,
  );

  test('where another run holds as many, SQS gives no more: it says so', async () => {
    const attributes = { ApproximateNumberOfMessagesNotVisible: '120000' };
    const { queue } = openQueue([], () => ({ attributes: async () => ({ attributes }) }));
    expect(await scanned(queue)).toMatchObject({ stopped: 'scan_limit' });
  });
});

/** What a queue's server does in other ways than ours, beside letters of this very second. */
type Spoil = NonNullable<Parameters<typeof openQueue>[1]>;
const counts =
  (ApproximateNumberOfMessages: string): Spoil =>
  () => ({
    attributes: async () => ({ attributes: { ApproximateNumberOfMessages } }),
  });
const itsClockIs =
  (asideMs: number): Spoil =>
  ({ attributes }) => ({
    attributes: async signal => ({ ...(await attributes(signal)), serverTime: Date.now() + asideMs }),
  });
const inVain =
  (isInVain: (call: number) => boolean, ms = 0): Spoil =>
  ({ receive }, made = { calls: 0 }) => ({
    async receive(how, signal) {
      if (!isInVain(made.calls++)) return receive(how, signal);
      await after(ms);
      return [];
    },
  });
describe('all is seen, and then it ends soon, at a server', () => {
  test.each<[string, Spoil, endsAfterMs: number]>([
    ['like AWS', () => ({}), 2_000],
    ['whose Date is an hour late', itsClockIs(-3_600_000), 2_000],
    ['whose Date is an hour early', itsClockIs(3_600_000), 2_000],
    ['whose long polls come back empty, two of three', inVain(call => call % 3 !== 0), 20_000],
    ['whose long polls end in vain, twice each', inVain(call => call < 20, 1_000), 4_000],
    [
      'that does not wait',
      ({ receive }) => ({ receive: (how, signal) => receive({ ...how, wait: 0 }, signal) }),
      2_000,
    ],
    ['that counts none', counts('0'), 2_000],
    [
      'whose count is old, and whose first long polls end in vain',
      calls => ({ ...inVain(call => call < 10, 1_000)(calls), ...counts('0')(calls) }),
      4_000,
    ],
    ['that counts letters for ever', counts('40'), 3_000],
  ])('%s', async (_, spoil, endsAfterMs) => {
    for (const size of [0, 1, 500]) {
      const { queue } = openQueue(lettersOf(size), spoil);
      const { visited, tookMs } = await scanned(queue);
      expect(visited).toBe(size);
      expect(tookMs).toBeLessThanOrEqual(endsAfterMs);
    }
  });
});

describe('faults', () => {
  const refused = (name: string) =>
    Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: 400 } });
  const cut = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  const forbidden = { filter: { failure_code: ['forbidden' as const] } };
  const open = (spoil: Spoil) => {
    const letters = Array.from({ length: 50 }, (_, index) => dead(receipt(`c${index}`), 'forbidden'));
    return openQueue([dead(receipt('stays'), 'rejected'), ...letters], spoil);
  };
  /** How often each letter is where: at least once in all, or it is lost. */
  const placesOf = ({ sent, left, held, seen }: ReturnType<typeof open>) => {
    const bodies = [...sent.map(({ body }) => body), ...left(), ...held()];
    const kept = new Set(bodies).size;
    return { kept, twice: bodies.length - kept, hidden: seen().hidden };
  };

  const kinds = fc.constantFrom('fine', 'some_refused', 'cut_before', 'cut_after', 'one_not_named');
  const faults = fc.array(kinds, { minLength: 1, maxLength: 7 });
  /** Spoils one call after the other, again and again, and counts entries. */
  const spoiling = (name: 'sendBatch' | 'deleteBatch', faults: string[]) => {
    const seen = { asked: 0, refused: 0, unanswered: 0, undone: 0, calls: 0 };
    const spoil: Spoil = calls => {
      type Call = (entries: { id: string }[], signal: AbortSignal) => ReturnType<Calls['sendBatch']>;
      const carryOut = calls[name] as Call;
      const spoilt: Call = async (entries, signal) => {
        const fault = faults[seen.calls++ % faults.length];
        const refused = fault === 'some_refused' ? entries.filter((_, index) => index % 3 === 0) : [];
        seen.asked += entries.length;
        seen.refused += refused.length;
        if (fault?.startsWith('cut')) seen.unanswered += entries.length;
        if (fault === 'cut_before') {
          seen.undone += entries.length;
          throw cut;
        }
        const passed = entries.filter(entry => !refused.includes(entry));
        const { Successful = [] } = await carryOut(passed, signal);
        if (fault === 'cut_after') throw cut;
        const Failed = refused.map(({ id }) => ({ Id: id, Code: 'KmsThrottled', Message: 'slow' }));
        if (fault === 'one_not_named') seen.unanswered += Successful.splice(0, 1).length;
        return { Successful, Failed };
      };
      return { [name]: spoilt };
    };
    return { spoil, seen };
  };

  test('what was not sent stays, what may come twice is counted, all is visible', async () => {
    const property = fc.asyncProperty(faults, faults, async (sendFaults, deleteFaults) => {
      const { spoil: spoilSends, seen: sends } = spoiling('sendBatch', sendFaults);
      const { spoil: spoilDeletes, seen: deletes } = spoiling('deleteBatch', deleteFaults);
      const queue = open(calls => ({ ...spoilSends(calls), ...spoilDeletes(calls) }));
      const { counts } = await timed(() => queue.replay(forbidden));
      expect(counts).toMatchObject({
        replayed: sends.asked - sends.refused,
        failed: sends.refused,
        duplicated: sends.unanswered + deletes.unanswered + deletes.refused,
        stopped: sends.asked === 50 ? expect.stringMatching(/^(done|interrupted)$/) : 'interrupted',
      });
      const twice = sends.unanswered - sends.undone + deletes.refused + deletes.undone;
      expect(placesOf(queue)).toEqual({ kept: 51, twice, hidden: 0 });
    });
    await fc.assert(property, options);
  });

  const failing =
    (name: keyof Calls, error: Error, isBad = (_: number): boolean => true): Spoil =>
    (calls, made = { calls: 0 }) => {
      const carryOut = calls[name] as (...given: unknown[]) => Promise<unknown>;
      const spoilt = async (...given: unknown[]) => {
        if (isBad(made.calls++)) throw error;
        return carryOut(...given);
      };
      return { [name]: spoilt } as Partial<Calls>;
    };
  const denied = refused('AccessDenied');

  test.each<[string, Spoil, words: RegExp]>([
    ['sends not permitted', failing('sendBatch', denied), /may not do this with in/],
    ['nowhere to send to', failing('sendBatch', refused('QueueDoesNotExist')), /there is no queue/],
    ['sends that are always cut', failing('sendBatch', cut), /gave no clear answer/],
    ['receiving not permitted', failing('receive', denied), /may not do this/],
    ['a receive that fails half-way', failing('receive', denied, call => call > 1), /may not do this/],
    ['counting not permitted', failing('attributes', denied), /may not do this/],
  ])('%s: it gives up, in words, and nothing stays hidden', async (_, spoil, words) => {
    const queue = open(spoil);
    const { counts, trouble } = await timed(() => queue.replay(forbidden));
    expect(trouble).toMatch(words);
    // Some batches may be under way already.
    expect(counts).toMatchObject({ stopped: 'interrupted' });
    expect(counts.duplicated).toBe(counts.replayed - queue.sent.length);
    expect(placesOf(queue)).toEqual({ kept: 51, twice: 0, hidden: 0 });
  });

  test('no way to show again: they come back by themselves', async () => {
    const queue = open(failing('changeVisibilityBatch', denied));
    const { counts } = await timed(() => queue.replay(forbidden));
    expect(counts).toMatchObject({ replayed: 50, remaining: 1, stopped: 'done' });
    expect(placesOf(queue)).toEqual({ kept: 51, twice: 0, hidden: 1 });
  });

  test('what was refused is told, and goes with the next run', async () => {
    const { replay } = open(failing('sendBatch', refused('Busy'), call => call === 0));
    const { counts, notes } = await timed(() => replay(forbidden));
    expect(counts).toMatchObject({ failed: 10, remaining: 11 });
    expect(notes.join()).toMatch(/^10 ×: .*Busy/);
    expect((await timed(() => replay(forbidden))).counts).toMatchObject({ replayed: 10, remaining: 1 });
  });

  test.each(['onProgress', 'onChosen', 'onRefused'])(
    'what %s throws once ends all, and leaves nothing hidden',
    async callback => {
      const { replay, seen } = openQueue([...lettersOf(600), dead('?')]);
      const broken = jest.fn().mockImplementationOnce(() => {
        throw new Error('EPIPE');
      });
      const run = replay({ all: true, set: { group_id: 'g' }, dry_run: true }, { [callback]: broken });
      const [ended] = await Promise.all([run.catch((error: Error) => error), jest.runAllTimersAsync()]);
      expect(ended).toEqual(new Error('EPIPE'));
      expect(seen()).toMatchObject({ visible: 601, hidden: 0 });
      expect(seen().receives).toBeLessThan(400);
    },
  );
});

describe('it ends', () => {
  test('with newcomers all the time, and leaves them', async () => {
    const { queue, put, seen } = openQueue(lettersOf(500), ({ receive }) => ({
      receive: async (how, signal) => {
        await after(20);
        return receive(how, signal);
      },
    }));
    const coming = setInterval(() => put(dead('new')), 10);
    setTimeout(() => clearInterval(coming), 10_000);
    const { visited, tookMs } = await scanned(queue);
    // Those of the first two seconds may be letters that were there, by another clock.
    expect(visited).toBeGreaterThanOrEqual(500);
    expect(tookMs).toBeLessThan(4_000);
    expect(seen().hidden).toBe(0);
  });

  test.each([2_000, 5_000, 60_000, 900_000])(
    'before its deadline in %i ms, and shows again what it held',
    async remainingMs => {
      const { replay, sent, seen } = openQueue(lettersOf(20_000));
      const { counts, notes, tookMs } = await timed(() =>
        replay({ all: true, rate_per_second: 5 }, { remainingMs }),
      );
      expect(tookMs).toBeLessThan(remainingMs);
      expect(counts).toMatchObject({ stopped: 'deadline', failed: 0, duplicated: 0 });
      expect(sent).toHaveLength(counts.replayed);
      // Three quarters of the time are for the letters, and of much time all but half a minute.
      const usableMs = Math.max(remainingMs * 0.7, remainingMs - 32_000);
      expect(counts.replayed).toBeGreaterThan(5 * Math.floor(usableMs / 1_300));
      expect(seen()).toMatchObject({ visible: 20_000 - counts.replayed, hidden: 0 });
      expect(notes.join()).toContain('run it again');
    },
  );
});

test('letters are reached behind many newcomers, which this queue gives first', async () => {
  const { queue, put } = openQueue(lettersOf(20));
  for (let i = 0; i < 1_000; i++) put(dead('new'), Date.now() + 3_600_000);
  expect(await scanned(queue)).toMatchObject({ visited: 20 });
});

test('with less time than a poll takes, it begins none', async () => {
  const { queue, seen } = openQueue(lettersOf(20));
  const { stopped } = await scanned(queue, { remainingMs: 1_000 });
  expect([stopped, seen().receives]).toEqual(['deadline', 0]);
});

test.each([
  [1, 60],
  [7, 700],
  [25, 700],
  [100, 2_000],
])('at %i a second: never more in any second, and as fast as that allows', async (rate, size) => {
  const { replay, sent, sizes } = openQueue(lettersOf(size));
  const { counts, tookMs } = await timed(() => replay({ all: true, rate_per_second: rate }));
  expect(counts).toMatchObject({ replayed: size, stopped: 'done' });
  for (const [index, { at }] of sent.slice(rate).entries())
    expect(at - (sent[index]?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
  expect(tookMs).toBeLessThan((size / rate) * 1_300 + 1_000);
  expect(Math.max(...sizes)).toBe(Math.min(rate, 10));
});

test('what is held for longer than SQS hides it is met again, and not looked at again', async () => {
  const { replay, seen } = openQueue(lettersOf(2_400));
  const filter = { failure_code: ['forbidden' as const] };
  const { counts, tookMs } = await timed(() => replay({ filter, rate_per_second: 1 }));
  expect(tookMs).toBeGreaterThan(1_000_000);
  expect(counts).toMatchObject({ scanned: 2_400, matched: 1_200, replayed: 1_200, duplicated: 0 });
  expect(seen()).toMatchObject({ visible: 1_200, hidden: 0 });
});
