// The replay against a real SQS protocol: what is sent, what stays, what is counted.

import type { Context } from 'aws-lambda';
import fc from 'fast-check';
import { NO_COUNTS } from '../../lib/dead-letters/replay.ts';
import { type Pair, receipt, string, useLetterQueues } from '../letter-queues.ts';
import { refuseCalls } from '../queue-proxy.ts';

const queues = await useLetterQueues();
let pair: Pair;

beforeEach(() => {
  pair = queues.openPair();
});

const bodiesOf = (messages: { body: string }[]) => messages.map(({ body }) => body).sort();
const entriesOf = (pair: Pair, action: string) =>
  pair
    .calls()
    .filter(call => call.action === action)
    .map(({ body }) => body.Entries);

describe('filter', () => {
  const HOUR = 3_600_000;
  const at = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();
  const fill = (pair: Pair) => {
    pair.put(receipt('a'), { code: 'forbidden', agoMs: 3 * HOUR });
    pair.put(receipt('b'), { code: 'rejected', agoMs: 2 * HOUR });
    pair.put('{"detail-type":"x","detail":{"case_id":"c"}}', { code: 'rejected', agoMs: HOUR, replays: 2 });
    pair.put(receipt('d'), { code: 'forbidden', replays: 3 });
    pair.put('not json');
    pair.put(receipt('f'), { own: { failure: string('no json either') } });
  };
  // Each run waits a second to be sure that there is no more: so they wait together.
  const cases: [name: string, filter: object, expected: string, matched: number, guarded: number][] = [
    ['everything', {}, 'abcnf', 6, 1],
    ['a code', { failure_code: ['forbidden'] }, 'a', 2, 1],
    ['two codes', { failure_code: ['malformed', 'rejected'] }, 'bc', 2, 0],
    ['unknown: nobody wrote why', { failure_code: ['unknown'] }, 'nf', 2, 0],
    ['a case, in whatever envelope', { case_id: 'c' }, 'c', 1, 0],
    ['from a time on', { after: at(1.5 * HOUR) }, 'cnf', 4, 1],
    ['until a time', { before: at(1.5 * HOUR) }, 'ab', 2, 0],
    ['a loop guard of one', { max_replays: 1 }, 'abnf', 6, 2],
    ['a loop guard that lets all through', { max_replays: 9 }, 'abcdnf', 6, 0],
  ];
  let results: { pair: Pair; counts: object }[];
  beforeAll(async () => {
    results = await Promise.all(
      cases.map(async ([, filter]) => {
        const pair = queues.openPair();
        fill(pair);
        return { pair, counts: (await pair.replay({ filter })).counts };
      }),
    );
  });

  test.each(cases.map((row, index) => [...row, index] as const))(
    '%s',
    (_, __, expected, matched, guarded, index) => {
      const { pair, counts } = results[index] as (typeof results)[number];
      const replayed = expected.length;
      expect(counts).toEqual({
        ...NO_COUNTS,
        scanned: 6,
        matched,
        guarded,
        replayed,
        remaining: 6 - replayed,
      });
      const sent = pair.receipts().map(({ body }) => /"case_id":"(.)"/.exec(body)?.[1] ?? 'n');
      expect(sent.sort()).toEqual([...expected].sort());
      expect(pair.letters()).toHaveLength(6 - replayed);
      expect(pair.hidden()).toEqual([]);
    },
  );

  test('a dry run counts and changes nothing', async () => {
    fill(pair);
    const before = bodiesOf(pair.letters());
    const { counts } = await pair.replay({ all: true, dry_run: true });
    expect(counts).toEqual({ ...NO_COUNTS, scanned: 6, matched: 6, guarded: 1, remaining: 6 });
    expect(bodiesOf(pair.letters())).toEqual(before);
    expect(pair.receipts()).toEqual([]);
    expect(entriesOf(pair, 'SendMessageBatch')).toEqual([]);
  });
});

describe('what is sent', () => {
  test('body byte for byte, own attributes of every type, group, trace, sent_at, one replay more', async () => {
    const own = {
      tenant: string('é'),
      'Custom.Json': { DataType: 'String.json', StringValue: '{}' },
      count: { DataType: 'Number.int', StringValue: '42' },
      blob: { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255, 128]).toString('base64') },
    };
    const ten = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`a${i}`, string('x')]));
    const body = ' {"case_id" : "a", "n": 1.0 } \n';
    const fat = Array.from({ length: 10 }, (_, i) => receipt(`c${i}`, { fat: 'x'.repeat(250_000) }));
    const system = { AWSTraceHeader: 'Root=1-5759e988', MessageGroupId: 'tenant-7' };
    const pair = queues.openPair(async (_, forward) => {
      const answer = await forward();
      const { Messages = [] } = answer.body as { Messages?: { Body: string; Attributes: object }[] };
      for (const { Body, Attributes } of Messages) if (Body === body) Object.assign(Attributes, system);
      return answer;
    });
    pair.put(body, { code: 'failed', own, replays: 1 });
    const sentAt = { DataType: 'Number', StringValue: String(pair.letters()[0]?.sentTimestamp) };
    pair.put('ten', { own: ten });
    // A batch of them is more than SQS takes in one call.
    for (const each of fat) pair.put(each, { code: 'failed' });

    const { counts, notes } = await pair.replay({ all: true });
    expect(counts).toEqual({ ...NO_COUNTS, scanned: 12, matched: 12, replayed: 12 });
    const sent = Object.fromEntries(pair.receipts().map(each => [each.body, each.messageAttributes]));
    expect(Object.keys(sent).sort()).toEqual([body, 'ten', ...fat].sort());
    expect(sent[body]).toEqual({
      ...own,
      sent_at: sentAt,
      replays: { DataType: 'Number', StringValue: '2' },
    });
    expect(sent.ten).toEqual(ten);
    expect(notes.join()).toContain('1 had no room for the attribute "replays"');
    const entries = entriesOf(pair, 'SendMessageBatch').flat();
    const trace = { DataType: 'String', StringValue: system.AWSTraceHeader };
    expect(entries.find(({ MessageBody }) => MessageBody === body)).toMatchObject({
      MessageGroupId: 'tenant-7',
      MessageSystemAttributes: { AWSTraceHeader: trace },
    });
  });

  test('a repair, and what it cannot cure stays', async () => {
    pair.put(receipt('a'), { code: 'forbidden' });
    pair.put('?', { code: 'malformed' });
    const { counts, notes } = await pair.replay({ all: true, set: { group_id: 'g' } });
    expect(counts).toEqual({ ...NO_COUNTS, scanned: 2, matched: 2, replayed: 1, failed: 1, remaining: 1 });
    expect(bodiesOf(pair.receipts())).toEqual(['{"case_id":"a","group_id":"g"}']);
    expect(bodiesOf(pair.letters())).toEqual(['?']);
    expect(notes.join()).toContain('not JSON');
  });
});

describe('when it ends', () => {
  test('at the limit, to the message', async () => {
    for (let i = 0; i < 60; i++) pair.put(receipt(`c${i}`));
    expect((await pair.replay({ all: true, limit: 23 })).counts).toEqual({
      ...NO_COUNTS,
      scanned: 23,
      matched: 23,
      replayed: 23,
      remaining: 37,
      stopped: 'limit',
    });
    expect(pair.letters()).toHaveLength(37);
    expect(pair.hidden()).toEqual([]);
  });

  test('when it is interrupted', async () => {
    for (let i = 0; i < 300; i++) pair.put(receipt(`c${i}`));
    const interrupted = new AbortController();
    const { counts } = await pair.replay(
      { all: true },
      { signal: interrupted.signal, onProgress: ({ replayed }) => replayed >= 50 && interrupted.abort() },
    );
    expect(counts.stopped).toBe('interrupted');
    expect(pair.receipts()).toHaveLength(counts.replayed);
    expect(pair.letters()).toHaveLength(300 - counts.replayed);
    expect(pair.hidden()).toEqual([]);
    expect(counts.replayed).toBeLessThan(300);
  });
});

test('a redelivery of what it holds, or of what it deleted, is not looked at twice', async () => {
  for (let i = 0; i < 20; i++) pair.put(receipt(`c${i}`), { code: i % 2 ? 'forbidden' : 'rejected' });
  const once: { Messages: object[] }[] = [];
  queues.proxy.intercept = async (call, forward) => {
    const answer = await forward();
    if (call.action !== 'ReceiveMessage') return answer;
    const body = answer.body as { Messages?: object[] };
    if (body.Messages) once.push({ Messages: body.Messages });
    else if (once.length > 0) return { status: 200, body: once.pop() as object };
    return answer;
  };
  const { counts } = await pair.replay({ filter: { failure_code: ['forbidden'] } });
  expect(counts).toMatchObject({ scanned: 20, matched: 10, replayed: 10, duplicated: 0, remaining: 10 });
  expect(pair.receipts()).toHaveLength(10);
});

describe('any letters, any filter, two runs side by side', () => {
  test('every message is in exactly one place', async () => {
    const codes = ['forbidden', 'rejected', undefined] as const;
    const letters = fc.array(
      fc.record({
        code: fc.constantFrom(...codes),
        replays: fc.integer({ min: 0, max: 4 }),
        valid: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    const request = fc.record(
      {
        filter: fc.record(
          {
            failure_code: fc.subarray(['forbidden', 'rejected', 'unknown'] as const, { minLength: 1 }),
            max_replays: fc.integer({ min: 1, max: 5 }),
          },
          { requiredKeys: [] },
        ),
        set: fc.constant({ group_id: 'g' }),
        limit: fc.integer({ min: 1, max: 40 }),
        rate_per_second: fc.integer({ min: 20, max: 200 }),
        dry_run: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const one = async (
      given: { code: (typeof codes)[number]; replays: number; valid: boolean }[],
      requests: object[],
      startedAfterMs: number,
    ) => {
      const pair = queues.openPair();
      for (const [i, { code, replays, valid }] of given.entries()) {
        pair.put(valid ? receipt(`c${i}`) : `?${i}`, { code, replays });
      }
      const runs = await Promise.all(
        requests.map(async (request, index) => {
          if (index > 0) await new Promise(resolve => setTimeout(resolve, startedAfterMs));
          return pair.replay(request);
        }),
      );
      const id = (body: string) => /c\d+|\?\d+/.exec(body)?.[0];
      const places = [...pair.receipts(), ...pair.letters()].map(({ body }) => id(body)).sort();
      expect(pair.hidden()).toEqual([]);
      expect(places).toEqual(given.map(({ valid }, i) => (valid ? `c${i}` : `?${i}`)).sort());
      const sum = (name: 'replayed' | 'duplicated') =>
        runs.reduce((sum, { counts }) => sum + counts[name], 0);
      expect(pair.receipts()).toHaveLength(sum('replayed'));
      expect(sum('duplicated')).toBe(0);
    };
    const samples = fc.sample(
      fc.tuple(letters, fc.array(request, { minLength: 2, maxLength: 2 }), fc.integer({ min: 0, max: 60 })),
      30,
    );
    // The runs wait far more than they work, so some run beside each other.
    const work = async () => {
      for (let sample = samples.pop(); sample; sample = samples.pop()) await one(...sample);
    };
    await Promise.all(Array.from({ length: 10 }, work));
  }, 30_000);
});

describe('the function', () => {
  const context = { getRemainingTimeInMillis: () => 60_000, awsRequestId: 'r-1' } as Context;
  type Handler = (event: unknown, context: Context) => Promise<unknown>;
  let handler: Handler;

  beforeAll(async () => {
    const own = queues.openPair();
    Object.assign(process.env, {
      QUEUE_URL: own.receiptsUrl,
      DEAD_LETTER_QUEUE_URL: own.lettersUrl,
      POWERTOOLS_LOG_LEVEL: 'SILENT',
    });
    handler = (await import('../../handlers/replay.ts')).handler as unknown as Handler;
    own.put(receipt('a'), { code: 'forbidden' });
    own.put('?', { code: 'malformed' });
  });

  test('a bad request is one clear error, and nothing is touched', async () => {
    for (const [request, named] of [
      [{ filter: { code: ['forbidden'] } }, 'filter has no field code'],
      [{ all: true, limits: 1 }, 'no field limits'],
      [{ limit: 0 }, 'limit must be a whole number'],
      [{ limit: '5' }, 'limit'],
      [{ rate_per_second: 1.5 }, 'rate_per_second'],
      [{ dry_run: 'yes' }, 'dry_run must be true or false'],
      [{ filter: { failure_code: ['oops'] } }, 'failure_code'],
      [{ filter: { after: 'yesterday' } }, 'after must be an ISO 8601 time'],
      [{ set: { colour: 'red' } }, 'set has no field colour'],
      [{ set: { language: 'é' } }, 'must be 1 to 32'],
      [{ set: { case_id: null } }, 'case_id'],
      [{}, '"all":true'],
      [{ dry_run: true }, '"all":true'],
      [{ all: true, filter: { failure_code: ['forbidden'] } }, 'never both'],
      [{ all: false }, 'all must be true'],
      [{ all: true, filter: {} }, 'filter must have at least one field'],
      [{ filter: {} }, 'filter must have at least one field'],
      [{ filter: 'forbidden' }, 'filter must be a JSON object'],
      [{ set: [], all: true }, 'set'],
      [null, 'JSON object'],
      [[], 'JSON object'],
    ] as [unknown, string][]) {
      await expect(handler(request, context)).rejects.toThrow(named);
    }
    expect(queues.proxy.calls).toEqual([]);
  });

  test('answers with the counts, and notes where there is something to know', async () => {
    const counts = { ...NO_COUNTS, scanned: 2, matched: 2 };
    expect(await handler({ all: true, dry_run: true }, context)).toEqual({ ...counts, remaining: 2 });
    expect(await handler({ all: true, set: { group_id: 'g' } }, context)).toEqual({
      ...counts,
      replayed: 1,
      failed: 1,
      remaining: 1,
      notes: [expect.stringContaining('not JSON')],
    });
  });

  test('fails where something is wrong for every letter, and says what was done until then', async () => {
    queues.proxy.intercept = refuseCalls('SendMessageBatch');
    await expect(handler({ all: true }, context)).rejects.toThrow(
      /may not do this.*Until then: \{"scanned":1/s,
    );
  });
});
