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
const SOURCE_ID = '059f36b4-87a3-44ab-83d2-661975830a7d';
const delivered = {
  ApproximateReceiveCount: '3',
  SentTimestamp: String(SENT),
  ApproximateFirstReceiveTimestamp: String(Date.parse('2026-01-31T09:30:00Z')),
};
const recordOf = ({ body, attributes, groupId, traceHeader }: Message, system: object = {}) => ({
  ...fabricated(body, {
    ...delivered,
    ...(groupId && { MessageGroupId: groupId }),
    ...(traceHeader && { AWSTraceHeader: traceHeader }),
    ...system,
  }),
  messageId: SOURCE_ID,
  messageAttributes: Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType = '', StringValue = '' }]) => [
      name,
      { dataType: DataType, stringValue: StringValue },
    ]),
  ) as SQSRecord['messageAttributes'],
});
const deadLetterOf = (message: Message, failure: Failure, system?: object, now = NOW) =>
  written(recordOf(message, system), failure, now);
const rejected: Failure = {
  code: 'rejected',
  detail: 'OSM answered 200: OSM.01010015 This case does not exist.',
  status: 200,
  error_code: 'OSM.01010015',
  request_id: 'r-1',
};
const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const message = (given: Partial<Message> = {}): Message => ({
  body: '{"case_id":"1"}',
  attributes: {},
  ...given,
});
const attributes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, text(String(i))]));
const read = (letter: Message) => JSON.parse(letter.attributes.failure?.StringValue ?? 'null');
const OURS = ['failure', 'replays', 'failure_code', 'sent_at'];
const ours = (letter: Message) => Object.keys(letter.attributes).filter(name => OURS.includes(name));

/** A body that leaves so many bytes of 1 MiB, given what else the message has. */
const leaving = (room: number, rest: Partial<Message> = {}) => {
  const taken = bytesOf(message({ ...rest, body: '' }));
  return message({ ...rest, body: 'x'.repeat(MOST_BYTES - taken - room) });
};

test('it is the message, with why, where and when it failed', () => {
  const original = message({ groupId: 'tenant', traceHeader: 'Root=1', attributes: attributes(2) });
  const letter = deadLetterOf(original, rejected);
  expect(letter).toMatchObject(original);
  expect(Object.keys(letter.attributes)).toEqual(['a0', 'a1', 'failure', 'replays', 'failure_code']);
  expect(letter.attributes.failure?.DataType).toBe('String');
  expect(letter.attributes.failure_code).toEqual(text('rejected'));
  expect(letter.attributes.replays).toEqual({ DataType: 'Number', StringValue: '0' });
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
  const described = read(deadLetterOf(message(), failure('malformed', 'no')));
  expect(Object.keys(described).sort()).toEqual(
    [
      'code',
      'detail',
      'attempts',
      'sent_at',
      'first_received_at',
      'dead_lettered_at',
      'source_message_id',
    ].sort(),
  );
  const unknown = { SentTimestamp: undefined, ApproximateFirstReceiveTimestamp: undefined };
  const names = Object.keys(read(deadLetterOf(message(), failure('malformed', 'no'), unknown)));
  expect(names).toEqual(['code', 'detail', 'attempts', 'dead_lettered_at', 'source_message_id']);
});

test('how long to wait is nothing that a dead letter tells', () => {
  expect(read(deadLetterOf(message(), { ...rejected, retryAfterSeconds: 5 }))).not.toHaveProperty(
    'retryAfterSeconds',
  );
});

test('the message it is made of stays as it is', () => {
  const original = message({ attributes: { ...attributes(1), failure: text('{}') } });
  const before = structuredClone(original);
  deadLetterOf(original, rejected);
  expect(original).toEqual(before);
});

test.each([
  [0, ['failure', 'replays', 'failure_code']],
  [7, ['failure', 'replays', 'failure_code']],
  [8, ['failure', 'replays']],
  [9, ['failure']],
  [10, []],
  [11, []],
])('beside %i attributes of its own it has %j', (count, names) => {
  expect(ours(deadLetterOf(message({ attributes: attributes(count) }), rejected))).toEqual(names);
});

test('stale ones of ours make room for new ones', () => {
  const stale = { failure: text('{"code":"timeout"}'), failure_code: text('timeout'), replays: text('2') };
  const letter = deadLetterOf(message({ attributes: { ...stale, ...attributes(7) } }), rejected);
  expect(ours(letter)).toEqual(['failure', 'replays', 'failure_code']);
  expect(read(letter).code).toBe('rejected');
  expect(letter.attributes.failure_code?.StringValue).toBe('rejected');
  expect(letter.attributes.replays).toEqual({ DataType: 'Number', StringValue: '2' });
});

test.each([
  ['3', 3],
  ['0', 0],
  ['-1', 0],
  ['-0', 0],
  ['1.5', 0],
  ['many', 0],
  ['', 0],
  ['9007199254740993', 0],
  [undefined, 0],
])('replays of %j counts as %i', (StringValue, count) => {
  const attributes = { replays: { DataType: 'Number', StringValue } };
  expect(replaysOf(message({ attributes: attributes as Message['attributes'] }))).toBe(count);
});

test('a message without the attribute was never replayed', () => {
  expect(replaysOf(message())).toBe(0);
});

test.each<[string, string | undefined, object]>([
  ['what nobody wrote', undefined, { code: 'unknown', failure: undefined, deadLetteredAt: SENT }],
  ['no JSON', '{', { code: 'unknown', failure: undefined, deadLetteredAt: SENT }],
  ['without a code', '{"detail":"x"}', { code: 'unknown', failure: undefined }],
  [
    'a code of another version, fields of ours',
    '{"code":"new","more":[1]}',
    { code: 'new', failure: { code: 'new', more: [1] } },
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
  const received = { messageId: 'own', receiptHandle: '1', receives: 1, sentAt: SENT };
  const letter = letterOf({ ...received, message: message({ attributes: failure }) });
  expect(letter).toMatchObject({ ...received, replays: 0, ...expected });
  expect(sourceIdOf(letter)).toBe('own');
  if ('failure' in expected && expected.failure)
    expect(JSON.parse(JSON.stringify(letter.failure))).toEqual(expected.failure);
});

describe('where the whole would pass 1 MiB', () => {
  const whole = bytesOf(deadLetterOf(message({ body: '' }), rejected));
  const withoutDetail = whole - rejected.detail.length;

  test('to the last byte, nothing is cut', () => {
    const letter = deadLetterOf(leaving(whole), rejected);
    expect(bytesOf(letter)).toBe(MOST_BYTES);
    expect(read(letter).detail).toBe(rejected.detail);
  });

  test.each([1, 2, 20, rejected.detail.length])(
    'by %i bytes: the detail is shortened by as much, and no more',
    over => {
      const letter = deadLetterOf(leaving(whole - over), rejected);
      expect(bytesOf(letter)).toBe(MOST_BYTES);
      expect(ours(letter)).toHaveLength(3);
      expect(read(letter)).toMatchObject({ ...rejected, detail: rejected.detail.slice(0, -over) });
    },
  );

  test('by more than the detail: failure_code goes first, and the detail has its room', () => {
    const letter = deadLetterOf(leaving(withoutDetail - 1), rejected);
    expect(ours(letter)).toEqual(['failure', 'replays']);
    expect(read(letter).detail.length).toBeGreaterThan(0);
    expect(bytesOf(letter)).toBeLessThanOrEqual(MOST_BYTES);
  });

  test('then replays, then failure; at last the message goes as it is', () => {
    const code = bytesOf(message({ body: '', attributes: { failure_code: text('rejected') } }));
    const replays = bytesOf(
      message({ body: '', attributes: { replays: { DataType: 'Number', StringValue: '0' } } }),
    );
    const left = (room: number) => ours(deadLetterOf(leaving(room), rejected));
    expect(left(withoutDetail - code)).toEqual(['failure', 'replays']);
    expect(left(withoutDetail - code - 1)).toEqual(['failure']);
    expect(left(withoutDetail - code - replays)).toEqual(['failure']);
    expect(left(withoutDetail - code - replays - 1)).toEqual([]);
    expect(left(0)).toEqual([]);
    expect(deadLetterOf(leaving(0), rejected)).toEqual(leaving(0));
  });

  test('ten attributes already: nothing of ours, and nothing of the message is lost', () => {
    const original = leaving(0, { attributes: attributes(10) });
    expect(deadLetterOf(original, rejected)).toEqual(original);
  });

  test('a detail of any characters is cut between characters, to what fits', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.nat({ max: 500 }),
        fc.nat({ max: 9 }),
        (detail, room, count) => {
          const letter = deadLetterOf(leaving(room, { attributes: attributes(count) }), {
            ...rejected,
            detail,
          });
          expect(bytesOf(letter)).toBeLessThanOrEqual(MOST_BYTES);
          expect(Object.keys(letter.attributes).length).toBeLessThanOrEqual(10);
          if (!letter.attributes.failure) return;
          expect(detail.startsWith(read(letter).detail)).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  });
});

test('only characters that SQS takes, and they read back as they were', () => {
  const detail = '\u0000\u0008\u000b\u001f\ufffe\uffff\ud800 \t\n é票🎫"\\';
  const letter = deadLetterOf(message(), { ...rejected, detail, error_code: '\uffff' });
  expect(letter.attributes.failure?.StringValue).toMatch(
    /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u,
  );
  expect(read(letter)).toMatchObject({ detail, error_code: '\uffff' });
});

describe('when it was first sent', () => {
  const NOW = Date.parse('2026-02-01T00:00:00Z');
  const iso = (ms: number) => new Date(ms).toISOString();
  const number = (value: unknown) => ({ DataType: 'Number', StringValue: String(value) });
  const carrying = (sent_at?: unknown, failure?: object, attributes: Message['attributes'] = {}) =>
    message({
      attributes: {
        ...attributes,
        ...(sent_at !== undefined && { sent_at: number(sent_at) }),
        ...(failure && { failure: text(JSON.stringify({ code: 'timeout', ...failure })) }),
      },
    });
  const LATER = SENT + 3_600_000;

  // What is believed, test/relay/late.test.ts has in full.
  test.each<[string, Message, number | undefined]>([
    ['nothing else', carrying(), LATER],
    ['both, the earlier', carrying(SENT + 1, { sent_at: iso(SENT) }), SENT],
    ['an old dead letter: its first receive', carrying(undefined, { first_received_at: iso(SENT) }), SENT],
    [
      'first receive, where sent_at is not believed',
      carrying(undefined, { sent_at: 1.5, first_received_at: iso(SENT) }),
      SENT,
    ],
    [
      'sent_at before first receive',
      carrying(undefined, { sent_at: iso(SENT), first_received_at: iso(SENT - 1) }),
      SENT,
    ],
  ])('%s', (_, given, expected) => {
    expect(firstSentAt(given, LATER, NOW)).toBe(expected);
  });

  test('nobody knows', () => {
    expect(firstSentAt(message(), Number.NaN)).toBeUndefined();
  });

  test('it travels: dead letter, replay, dead letter', () => {
    const first = deadLetterOf(message({ attributes: attributes(7) }), rejected);
    const received = { messageId: '1', receiptHandle: '1', receives: 1 };
    const sent = replayOf(letterOf({ ...received, message: first, sentAt: LATER }), 'repaired');
    expect(sent).toEqual({
      body: 'repaired',
      attributes: { ...attributes(7), sent_at: number(SENT), replays: number(1) },
    });
    const again = deadLetterOf(sent, rejected, { SentTimestamp: String(LATER) }, LATER + 1);
    expect(ours(again)).toEqual(['failure', 'replays', 'failure_code']);
    expect(read(again).sent_at).toBe(iso(SENT));
    expect(again.attributes.replays).toEqual(number(1));
  });

  test('a sender may have an attribute of that name, and keeps it', () => {
    const own = message({ attributes: { sent_at: text('09:30') } });
    expect(deadLetterOf(own, rejected).attributes.sent_at).toEqual(text('09:30'));
  });

  test.each([
    [8, ['sent_at', 'replays']],
    [9, ['sent_at']],
    [10, []],
  ])('a replay beside %i attributes has %j', (count, names) => {
    const letter = letterOf({
      messageId: '1',
      receiptHandle: '1',
      receives: 1,
      sentAt: SENT,
      message: message({ attributes: attributes(count) }),
    });
    expect(ours(replayOf(letter, 'x'))).toEqual(names);
  });

  test('a replay that would pass 1 MiB goes without what we add', () => {
    const sentAt = bytesOf(message({ body: '', attributes: { sent_at: number(SENT) } }));
    const replays = bytesOf(message({ body: '', attributes: { replays: number(1) } }));
    const left = (room: number) => {
      const large = leaving(room);
      return ours(
        replayOf(
          letterOf({ messageId: '1', receiptHandle: '1', receives: 1, sentAt: SENT, message: large }),
          large.body,
        ),
      );
    };
    expect(left(sentAt + replays)).toEqual(['sent_at', 'replays']);
    expect(left(sentAt + replays - 1)).toEqual(['sent_at']);
    expect(left(sentAt - 1)).toEqual([]);
  });

  test('what goes back from an archive says it, where nothing on it does', () => {
    expect(withSentAt(message({ attributes: attributes(1) }), SENT).attributes).toEqual({
      ...attributes(1),
      sent_at: number(SENT),
    });
    const dead = deadLetterOf(message(), rejected);
    expect(withSentAt(dead, LATER)).toBe(dead);
    expect(withSentAt(message({ attributes: attributes(10) }), SENT).attributes).toEqual(attributes(10));
  });
});
