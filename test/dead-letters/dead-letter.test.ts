import type { SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import {
  firstSentAt,
  letterOf,
  replaysOf,
  sourceIdOf,
  deadLetterOf as written,
} from '../../lib/dead-letters/dead-letter.ts';
import { replayOf, withSentAt } from '../../lib/dead-letters/send-back.ts';
import { type Failure, failure } from '../../lib/failure.ts';
import { bytesOf, type Message, MOST_BYTES } from '../../lib/sqs/message.ts';
import { fabricated } from '../environment.ts';

const SENT = Date.parse('2026-01-31T09:29:59.250Z');
const NOW = Date.parse('2026-01-31T09:31:00.500Z');
const LATER = SENT + 3_600_000;
const SOURCE_ID = '059f36b4-87a3-44ab-83d2-661975830a7d';
const deadLetterOf = (message: Message, failure: Failure, system: object = {}, now = NOW) => {
  const { body, attributes, groupId, traceHeader } = message;
  const record = fabricated(body, {
    ApproximateReceiveCount: '3',
    SentTimestamp: String(SENT),
    ApproximateFirstReceiveTimestamp: String(Date.parse('2026-01-31T09:30:00Z')),
    ...(groupId && { MessageGroupId: groupId }),
    ...(traceHeader && { AWSTraceHeader: traceHeader }),
    ...system,
  });
  const messageAttributes = Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType = '', StringValue = '' }]) => [
      name,
      { dataType: DataType, stringValue: StringValue },
    ]),
  ) as SQSRecord['messageAttributes'];
  return written({ ...record, messageId: SOURCE_ID, messageAttributes }, failure, now);
};
const rejected: Failure = {
  code: 'rejected',
  detail: 'OSM answered 200: OSM.01010015 This case does not exist.',
  status: 200,
  error_code: 'OSM.01010015',
  request_id: 'r-1',
};
const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const number = (value: unknown) => ({ DataType: 'Number', StringValue: String(value) });
const message = (given: Partial<Message> = {}): Message => ({
  body: '{"case_id":"1"}',
  attributes: {},
  ...given,
});
const attributes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, text(String(i))]));
const letterWith = (message: Message, sentAt = SENT) =>
  letterOf({ messageId: 'own', receiptHandle: '1', receives: 1, sentAt, message });
const read = (letter: Message) => JSON.parse(letter.attributes.failure?.StringValue ?? 'null');

test('it is the message, with why, where and when it failed', () => {
  const original = message({ groupId: 'tenant', traceHeader: 'Root=1', attributes: attributes(2) });
  const letter = deadLetterOf(original, { ...rejected, retryAfterSeconds: 5 });
  expect(letter).toMatchObject(original);
  expect(Object.keys(letter.attributes)).toEqual(['a0', 'a1', 'failure', 'replays', 'failure_code']);
  expect(letter.attributes.failure?.DataType).toBe('String');
  expect(letter.attributes.failure_code).toEqual(text('rejected'));
  expect(letter.attributes.replays).toEqual(number(0));
  expect(read(letter)).toEqual({
    ...rejected,
    attempts: 3,
    sent_at: '2026-01-31T09:29:59.250Z',
    first_received_at: '2026-01-31T09:30:00.000Z',
    dead_lettered_at: '2026-01-31T09:31:00.500Z',
    source_message_id: SOURCE_ID,
  });
});

test('what is not known is absent', () => {
  const unknown = { SentTimestamp: undefined, ApproximateFirstReceiveTimestamp: undefined };
  const names = Object.keys(read(deadLetterOf(message(), failure('malformed', 'no'), unknown)));
  expect(names).toEqual(['code', 'detail', 'attempts', 'dead_lettered_at', 'source_message_id']);
});

test.each([
  ['3', 3],
  ['0', 0],
  ['-1', 0],
  ['1.5', 0],
  ['many', 0],
  ['', 0],
  ['9007199254740993', 0],
  [undefined, 0],
])('replays of %j counts as %i, for the letter and for what it becomes again', (StringValue, count) => {
  const replays = { DataType: 'Number', StringValue } as Message['attributes'][string];
  expect(replaysOf(message({ attributes: { replays } }))).toBe(count);
  expect(deadLetterOf(message({ attributes: { replays } }), rejected).attributes.replays).toEqual(
    number(count),
  );
});

test.each<[string, string | undefined, object]>([
  ['what nobody wrote', undefined, { code: 'unknown', failure: undefined, deadLetteredAt: SENT }],
  ['no JSON', '{', { code: 'unknown', failure: undefined, deadLetteredAt: SENT }],
  ['without a code', '{"detail":"x"}', { code: 'unknown', failure: undefined }],
  [
    'a code and fields of another version',
    '{"code":"new","more":"x","so":1}',
    { code: 'new', failure: { code: 'new', more: 'x', so: 1 } },
  ],
  [
    'what is nested too deep to be printed',
    `{"code":"new","more":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    { code: 'new', failure: { code: 'new' } },
  ],
  [
    'every field of a wrong type',
    JSON.stringify({
      ...{ code: 'timeout', detail: 1, attempts: 'x', sent_at: {}, first_received_at: 1 },
      ...{ dead_lettered_at: 1, source_message_id: [] },
    }),
    { code: 'timeout', failure: { code: 'timeout' }, deadLetteredAt: SENT },
  ],
  [
    'times of today',
    '{"code":"timeout","dead_lettered_at":"2026-01-31T10:00:00+01:00"}',
    { deadLetteredAt: Date.parse('2026-01-31T09:00:00Z') },
  ],
])('a letter is read softly: %s', (_, StringValue, expected) => {
  const failure = StringValue === undefined ? {} : { failure: text(StringValue) };
  const letter = letterWith(message({ attributes: failure }));
  expect(letter).toMatchObject({ messageId: 'own', sentAt: SENT, replays: 0, ...expected });
  expect(sourceIdOf(letter)).toBe('own');
  if ('failure' in expected && expected.failure)
    expect(JSON.parse(JSON.stringify(letter.failure))).toEqual(expected.failure);
});

describe('whatever room there is in ten attributes and 1 MiB', () => {
  type Ours = [name: string, value: Message['attributes'][string]][];
  /** The message, and as many of ours from the first on as have room: counted down from all of them. */
  const filled = (of: Message, ours: Ours): Message => {
    const whole = { ...of, attributes: { ...of.attributes, ...Object.fromEntries(ours) } };
    const isTooMuch = Object.keys(whole.attributes).length > 10 || bytesOf(whole) > MOST_BYTES;
    return isTooMuch && ours.length > 0 ? filled(of, ours.slice(0, -1)) : whole;
  };
  const some = fc
    .record({
      own: fc.oneof(fc.nat({ max: 6 }), fc.integer({ min: 7, max: 11 })),
      room: fc.oneof(fc.nat({ max: 600 }), fc.constant(MOST_BYTES / 2)),
    })
    .map(({ own, room }) => {
      const bare = message({ body: '', attributes: attributes(own) });
      return { ...bare, body: 'x'.repeat(MOST_BYTES - bytesOf(bare) - room) };
    });
  const stale: Message['attributes'] = {
    failure: text('{"code":"timeout"}'),
    failure_code: text('timeout'),
    replays: number(2),
    sent_at: number(SENT - 1),
  };
  const details = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('\u0000\u0008\u001f\ufffe\uffff\ud800', '\t\n é票"\\', '🎫'.repeat(30), rejected.detail),
  );

  test('a dead letter has of ours what fits: first goes the end of the detail, then the last attribute', () => {
    const given = { ...rejected, error_code: '\uffff' };
    const blank = deadLetterOf(message(), { ...given, detail: '' }).attributes.failure ?? {};
    fc.assert(
      fc.property(some, fc.boolean(), details, (fresh, isStale, detail) => {
        const original = isStale ? { ...fresh, attributes: { ...stale, ...fresh.attributes } } : fresh;
        const before = structuredClone(original);
        const letter = deadLetterOf(original, { ...given, detail });
        expect(original).toEqual(before);
        const expected = filled(fresh, [
          ['failure', { DataType: 'String', ...blank }],
          ['replays', number(isStale ? 2 : 0)],
          ['failure_code', text('rejected')],
        ]);
        const { failure } = letter.attributes;
        if (!failure) {
          expect(expected.attributes).not.toHaveProperty('failure');
          const { sent_at } = stale;
          const kept = isStale && sent_at ? { ...fresh.attributes, sent_at } : fresh.attributes;
          return expect(letter).toEqual({ ...fresh, attributes: kept });
        }
        expect(letter).toEqual({ ...expected, attributes: { ...expected.attributes, failure } });
        // SQS refuses other characters.
        expect(failure.StringValue).toMatch(
          /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u,
        );
        const told = read(letter);
        expect(told).toMatchObject({ code: 'rejected', error_code: '\uffff' });
        expect(bytesOf(letter)).toBeLessThanOrEqual(MOST_BYTES);
        // Cut between characters, and with one more it would not fit.
        const [next, ...others] = detail.slice(told.detail.length);
        if (next === undefined) return expect(told.detail).toBe(detail);
        expect([...told.detail, next, ...others]).toEqual([...detail]);
        const nextBytes = /[\ufffe\uffff]/.test(next) ? 6 : Buffer.byteLength(JSON.stringify(next)) - 2;
        expect(bytesOf(letter) + nextBytes).toBeGreaterThan(MOST_BYTES);
      }),
      { numRuns: 100 },
    );
  });

  test('what goes back has sent_at, then one replay more', () => {
    fc.assert(
      fc.property(some, fc.boolean(), (fresh, isStale) => {
        const original = isStale ? { ...fresh, attributes: { ...stale, ...fresh.attributes } } : fresh;
        const sent = replayOf(letterWith(original), fresh.body);
        const sentAt: Ours = [['sent_at', number(isStale ? SENT - 1 : SENT)]];
        expect(sent).toEqual(filled(fresh, [...sentAt, ['replays', number(isStale ? 3 : 1)]]));
        expect(withSentAt(fresh, SENT)).toEqual(filled(fresh, [['sent_at', number(SENT)]]));
      }),
    );
  });
});

describe('when it was first sent', () => {
  const iso = (ms: number) => new Date(ms).toISOString();
  const carrying = (failure: object, attributes: Message['attributes'] = {}) =>
    message({
      attributes: { ...attributes, failure: text(JSON.stringify({ code: 'timeout', ...failure })) },
    });

  // What is believed, test/relay/late.test.ts has in full.
  test.each<[string, Message, number]>([
    ['nothing else', message(), LATER],
    ['both, the earlier', carrying({ sent_at: iso(SENT) }, { sent_at: number(SENT + 1) }), SENT],
    ['an old dead letter: its first receive', carrying({ first_received_at: iso(SENT) }), SENT],
    [
      'first receive, where sent_at is not believed',
      carrying({ sent_at: 1.5, first_received_at: iso(SENT) }),
      SENT,
    ],
    [
      'sent_at before first receive',
      carrying({ sent_at: iso(SENT), first_received_at: iso(SENT - 1) }),
      SENT,
    ],
  ])('%s', (_, given, expected) => {
    expect(firstSentAt(given, LATER, LATER + 1)).toBe(expected);
  });

  test('it travels: dead letter, replay, dead letter, archive', () => {
    const first = deadLetterOf(message({ attributes: attributes(7) }), rejected);
    const sent = replayOf(letterWith(first, LATER), 'repaired');
    expect(sent).toEqual({
      body: 'repaired',
      attributes: { ...attributes(7), sent_at: number(SENT), replays: number(1) },
    });
    const again = deadLetterOf(sent, rejected, { SentTimestamp: String(LATER) }, LATER + 1);
    expect(Object.keys(again.attributes).slice(7)).toEqual(['failure', 'replays', 'failure_code']);
    expect(read(again).sent_at).toBe(iso(SENT));
    expect(again.attributes.replays).toEqual(number(1));
    for (const each of [sent, again]) expect(withSentAt(each, LATER)).toBe(each);
  });

  test('a sender may have an attribute of that name, and keeps it', () => {
    const own = message({ attributes: { sent_at: text('09:30') } });
    expect(deadLetterOf(own, rejected).attributes.sent_at).toEqual(text('09:30'));
  });
});
