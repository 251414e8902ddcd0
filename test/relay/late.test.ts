// What a receipt reaches up to, and what is done with a late one: the decision alone. Through the whole function in
// late-receipts.test.ts; how a list is read in huawei/messages.test.ts.
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { failure, unfinished } from '../../lib/failure.ts';
import { type Looked, readList } from '../../lib/huawei/messages.ts';
import { boundOf, createLate, decide, sentAtOf } from '../../lib/relay/late.ts';
import { fabricated } from '../environment.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');
const BOUND = Date.parse('2026-01-31T09:30:00.500Z');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

interface Listed {
  create_time?: unknown;
  type?: unknown;
  replier_type?: unknown;
}
const theirs = (create_time: unknown): Listed => ({ create_time, type: 1 });
const ours = (create_time: unknown): Listed => ({ create_time, type: 0 });

/** As the server lists them. */
const decided = (message_list: unknown[], count: number = message_list.length) => {
  const looked = readList(
    { status: 200, headers: {}, body: JSON.stringify({ count, message_list }) },
    text => text,
  );
  if (looked.kind !== 'messages') throw new Error(looked.kind);
  return decide(looked, BOUND, NOW);
};

const OLD = theirs('2026-01-31T09:00:00Z');
const [MARK, SUPERSEDED, UNCHECKED] = ['mark', 'superseded', 'unchecked'] as const;

// How times are spelled, and whose messages are own: huawei/messages.test.ts.
test.each<[string, verdict: string, unknown[], count?: number]>([
  ['no messages', MARK, []],
  ['only older ones', MARK, [OLD, theirs('2026-01-31T09:29:59Z'), theirs('2026-01-31T09:30:00.4Z')]],
  ['one of the very millisecond of the bound', MARK, [theirs('2026-01-31T09:30:00.500Z')]],
  ['one a millisecond later', SUPERSEDED, [OLD, theirs('2026-01-31T09:30:00.501Z')]],
  ['a fraction that may mean a tenth later', SUPERSEDED, [OLD, theirs('2026-01-31T09:30:00.5Z')]],
  ['whole seconds, which may mean up to one later', SUPERSEDED, [OLD, theirs('2026-01-31T09:30:00Z')]],
  ['a newer one with an offset', SUPERSEDED, [OLD, theirs('2026-01-31T17:31:00+08:00')]],
  ['without: the zone that was asked for', SUPERSEDED, [OLD, theirs('2026-01-31 17:31:00')]],
  ['newer ones that are own', MARK, [ours('2026-01-31T09:31:00Z'), ours('2026-01-31T11:00:00Z'), OLD]],
  [
    'an own newer one with null for the kind of replier',
    MARK,
    [{ ...ours('2026-01-31T11:00:00Z'), replier_type: null }],
  ],
  ['a time in words', UNCHECKED, [theirs('yesterday'), OLD]],
  ['what is no message', UNCHECKED, [null, 7, 'x', [], OLD]],
  ['one of the future: the zone was misread', UNCHECKED, [theirs('2026-01-31T12:05:00.001Z'), OLD]],
  ['an own one of the future', UNCHECKED, [ours('2026-01-31T12:05:00.001Z'), OLD]],
  ['clocks that differ by five minutes, own', MARK, [ours('2026-01-31T12:04:59Z'), OLD]],
  ['clocks that differ by five minutes, theirs', SUPERSEDED, [theirs('2026-01-31T12:04:59Z')]],
  ['fewer messages than the case has', UNCHECKED, [OLD], 12],
  ['none, where the case has some', UNCHECKED, [], 3],
  ['a last page that did not come', UNCHECKED, Array(100).fill(OLD), 150],
  [
    'a newer one, whatever else cannot be told',
    SUPERSEDED,
    [theirs('2026-01-31T09:31:00Z'), theirs('soon'), theirs('2027-01-31T09:31:00Z'), OLD],
    99,
  ],
])('%s: %s, in either order', (...[, verdict, list, count]) => {
  for (const each of [list, list.toReversed()]) expect(decided(each, count)).toMatchObject({ verdict });
});

test('it tells when the newest was written, or why it cannot be told', () => {
  expect(decided([theirs('2026-01-31T09:31:00.000Z'), theirs('2026-01-31T10:31:00.000Z'), OLD])).toEqual({
    verdict: 'superseded',
    newer: Date.parse('2026-01-31T10:31:00Z'),
  });
  expect(decided([theirs('soon')])).toEqual({ verdict: 'unchecked', why: 'a time cannot be read' });
  const unreadable = { kind: 'unreadable' as const, detail: 'OSM answered 403' };
  expect(decide(unreadable, BOUND, NOW)).toEqual({ verdict: 'unchecked', why: 'OSM answered 403' });
});

test.each([130, 250])(
  '%i messages: what the two pages hold decides, and a page that did not come is missed',
  count => {
    const looked = (newest: string, missing?: string) => ({
      kind: 'messages' as const,
      count,
      messages: Array.from({ length: 180 }, (_, i) => ({
        isOwn: false,
        writtenAt: i === 179 ? Date.parse(newest) : BOUND - 1000 * i,
        sentAs: '',
      })),
      ...(missing && { missing }),
    });
    const [older, newer] = ['2026-01-31T09:00:00Z', '2026-01-31T10:00:00Z'];
    expect(decide(looked(older), BOUND, NOW)).toEqual({ verdict: 'mark' });
    expect(decide(looked(older, 'no page'), BOUND, NOW)).toEqual({ verdict: 'unchecked', why: 'no page' });
    expect(decide(looked(newer, 'no page'), BOUND, NOW)).toMatchObject({ verdict: 'superseded' });
  },
);

test('for any list: superseded exactly where the other side surely wrote after the bound', () => {
  const message = fc.record({
    isOwn: fc.boolean(),
    writtenAt: fc.option(fc.integer({ min: BOUND - DAY_MS, max: NOW + DAY_MS }), { nil: undefined }),
    sentAs: fc.constant(''),
  });
  fc.assert(
    fc.property(fc.array(message), messages => {
      const { verdict } = decide({ kind: 'messages', messages, count: messages.length }, BOUND, NOW);
      const isReadable = messages.every(({ writtenAt }) => (writtenAt ?? Infinity) <= NOW + 5 * MINUTE_MS);
      const isNewer = messages.some(
        ({ isOwn, writtenAt = 0 }) => !isOwn && writtenAt > BOUND && writtenAt <= NOW + 5 * MINUTE_MS,
      );
      expect(verdict).toBe(isNewer ? 'superseded' : isReadable ? 'mark' : 'unchecked');
    }),
  );
});

afterEach(() => {
  jest.useRealTimers();
});

test('five looks in a row that meet trouble pause them for 30 seconds; one that is answered begins anew', async () => {
  const trouble: Looked = { kind: 'trouble', failure: failure('timeout', 'no answer') };
  const list: Looked = { kind: 'messages', count: 0, messages: [] };
  let looks = 0;
  let looked: Looked = trouble;
  const late = createLate({
    mark: async () => ({ code: 'marked', status: 200 }),
    look: async () => {
      looks++;
      return looked;
    },
    config: { lateReceipts: 'check', lateAfterSeconds: 60 },
  });
  const mark = () => late.mark({ case_id: '1' }, BOUND, { signal: new AbortController().signal });
  jest.useFakeTimers({ now: NOW });
  for (const each of [...Array(4).fill(trouble), list, ...Array(5).fill(trouble)]) {
    looked = each;
    expect((await mark()).code).toBe(each === list ? 'marked' : 'timeout');
  }
  expect(looks).toBe(10);
  jest.setSystemTime(NOW + 29_999);
  expect(await mark()).toMatchObject({ code: 'timeout', unsent: true, stoppedAt: NOW });
  expect(looks).toBe(10);
  jest.setSystemTime(NOW + 30_000);
  await mark();
  expect(looks).toBe(11);
  // For want of time, not of the service.
  looked = { kind: 'unfinished' };
  expect(await mark()).toEqual(unfinished);
});

describe('what a receipt reaches up to', () => {
  const SENT = NOW - DAY_MS;
  test.each([
    ['its sending, where nothing else is known', {}, SENT],
    ['read_at', { readAt: SENT - 1000 }, SENT - 1000],
    ['its sending, where read_at is later: a clock that is ahead', { readAt: SENT + 1000 }, SENT],
    ["the envelope's time", { at: SENT - 500 }, SENT - 500],
    ['the earliest of all', { at: SENT - 500, readAt: SENT - 400 }, SENT - 500],
    [
      "the envelope's time, however long ago: it was kept in an archive",
      { at: SENT - 90 * DAY_MS },
      SENT - 90 * DAY_MS,
    ],
    ['read_at 30 days before the sending', { readAt: SENT - 30 * DAY_MS }, SENT - 30 * DAY_MS],
    ['the sending, where read_at is more than 30 days before', { readAt: SENT - 30 * DAY_MS - 1 }, SENT],
    [
      'read_at 30 days before the envelope',
      { at: SENT - 50 * DAY_MS, readAt: SENT - 80 * DAY_MS },
      SENT - 80 * DAY_MS,
    ],
  ])('%s', (_, times, bound) => {
    expect(boundOf(times, SENT)).toBe(bound);
  });

  test('of a record without SentTimestamp, the envelope; without that, it is never late', () => {
    expect(boundOf({ at: 5 }, Number.POSITIVE_INFINITY)).toBe(5);
    expect(boundOf({ readAt: 5 }, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });

  const sent = (messageAttributes: object) =>
    sentAtOf(
      { ...fabricated('', { SentTimestamp: String(SENT) }), messageAttributes: messageAttributes as never },
      NOW,
    );
  const text = (stringValue: string) => ({ dataType: 'String', stringValue });
  const earlier = SENT - 40 * DAY_MS;
  const moved = (sent_at: unknown) => ({ failure: text(JSON.stringify({ code: 'x', sent_at })) });
  test.each<[string, object, number]>([
    ['a replay', { sent_at: text(String(earlier)) }, earlier],
    ['a dead letter that was moved back', moved(earlier), earlier],
    ['a dead letter with a time in words', moved(new Date(earlier).toISOString()), earlier],
    ['both', { sent_at: text(String(earlier)), ...moved(earlier - 7) }, earlier - 7],
    ['one that is later than SentTimestamp', { sent_at: text(String(SENT + 1)) }, SENT],
    ['the future', { sent_at: text(String(NOW + 1)) }, SENT],
    ['a time before 2020', { sent_at: text('1577836799999') }, SENT],
    ['seconds', { sent_at: text('1769852000') }, SENT],
    ['a fraction', { sent_at: text(`${earlier}.5`) }, SENT],
    ['words', { sent_at: text('yesterday'), failure: text('why?') }, SENT],
    ['nothing', { sent_at: text(''), ...moved(null) }, SENT],
    ['what is no text', { sent_at: { dataType: 'Binary', binaryValue: 'MQ==' }, failure: text('[]') }, SENT],
  ])('sent_at of %s', (_, attributes, expected) => {
    expect(sent(attributes)).toBe(expected);
  });
});
