import fc from 'fast-check';
import { deadLetterOf, isOurs, ourAttributes, replaysOf } from '../../lib/dead-letters/dead-letter.ts';
import { type Failure, failure } from '../../lib/failure.ts';
import { bytesOf, type Message, MOST_BYTES } from '../../lib/sqs/message.ts';

const death = {
  attempts: 3,
  firstReceivedAt: new Date('2026-01-31T09:30:00Z'),
  deadLetteredAt: new Date('2026-01-31T09:31:00.5Z'),
  sourceMessageId: '059f36b4-87a3-44ab-83d2-661975830a7d',
};
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
const ours = (letter: Message) => Object.keys(letter.attributes).filter(isOurs);

/** A body that leaves so many bytes of 1 MiB, given what else the message has. */
const leaving = (room: number, rest: Partial<Message> = {}) => {
  const taken = bytesOf(message({ ...rest, body: '' }));
  return message({ ...rest, body: 'x'.repeat(MOST_BYTES - taken - room) });
};

test('it is the message, with why, where and when it died', () => {
  const original = message({ groupId: 'tenant', traceHeader: 'Root=1', attributes: attributes(2) });
  const letter = deadLetterOf(original, rejected, death);
  expect(letter).toMatchObject(original);
  expect(Object.keys(letter.attributes)).toEqual(['a0', 'a1', 'failure', 'replays', 'failure_code']);
  expect(letter.attributes.failure?.DataType).toBe('String');
  expect(letter.attributes.failure_code).toEqual(text('rejected'));
  expect(letter.attributes.replays).toEqual({ DataType: 'Number', StringValue: '0' });
  expect(read(letter)).toEqual({
    ...rejected,
    attempts: 3,
    first_received_at: '2026-01-31T09:30:00.000Z',
    dead_lettered_at: '2026-01-31T09:31:00.500Z',
    source_message_id: death.sourceMessageId,
  });
});

test('what is not known is absent', () => {
  const described = read(deadLetterOf(message(), failure('malformed', 'no'), death));
  expect(Object.keys(described).sort()).toEqual(
    ['code', 'detail', 'attempts', 'first_received_at', 'dead_lettered_at', 'source_message_id'].sort(),
  );
});

test('how long to wait is nothing that a dead letter tells', () => {
  expect(read(deadLetterOf(message(), { ...rejected, retryAfterSeconds: 5 }, death))).not.toHaveProperty(
    'retryAfterSeconds',
  );
});

test('the message it is made of stays as it is', () => {
  const original = message({ attributes: { ...attributes(1), failure: text('{}') } });
  const before = structuredClone(original);
  deadLetterOf(original, rejected, death);
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
  expect(ours(deadLetterOf(message({ attributes: attributes(count) }), rejected, death))).toEqual(names);
});

test('stale ones of ours make room for new ones', () => {
  const stale = { failure: text('{"code":"timeout"}'), failure_code: text('timeout'), replays: text('2') };
  const letter = deadLetterOf(message({ attributes: { ...stale, ...attributes(7) } }), rejected, death);
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

test('our attributes are these three', () => {
  expect([...ourAttributes]).toEqual(['failure', 'replays', 'failure_code']);
  expect(isOurs('failure')).toBe(true);
  expect(isOurs('Failure')).toBe(false);
  expect(isOurs('toString')).toBe(false);
});

describe('where the whole would pass 1 MiB', () => {
  const whole = bytesOf(deadLetterOf(message({ body: '' }), rejected, death));
  const withoutDetail = whole - rejected.detail.length;

  test('to the last byte, nothing is cut', () => {
    const letter = deadLetterOf(leaving(whole), rejected, death);
    expect(bytesOf(letter)).toBe(MOST_BYTES);
    expect(read(letter).detail).toBe(rejected.detail);
  });

  test.each([1, 2, 20, rejected.detail.length])(
    'by %i bytes: the detail is shortened by as much, and no more',
    over => {
      const letter = deadLetterOf(leaving(whole - over), rejected, death);
      expect(bytesOf(letter)).toBe(MOST_BYTES);
      expect(ours(letter)).toHaveLength(3);
      expect(read(letter)).toMatchObject({ ...rejected, detail: rejected.detail.slice(0, -over) });
    },
  );

  test('by more than the detail: failure_code goes first, and the detail has its room', () => {
    const letter = deadLetterOf(leaving(withoutDetail - 1), rejected, death);
    expect(ours(letter)).toEqual(['failure', 'replays']);
    expect(read(letter).detail.length).toBeGreaterThan(0);
    expect(bytesOf(letter)).toBeLessThanOrEqual(MOST_BYTES);
  });

  test('then replays, then failure; at last the message goes as it is', () => {
    const code = bytesOf(message({ body: '', attributes: { failure_code: text('rejected') } }));
    const replays = bytesOf(
      message({ body: '', attributes: { replays: { DataType: 'Number', StringValue: '0' } } }),
    );
    const left = (room: number) => ours(deadLetterOf(leaving(room), rejected, death));
    expect(left(withoutDetail - code)).toEqual(['failure', 'replays']);
    expect(left(withoutDetail - code - 1)).toEqual(['failure']);
    expect(left(withoutDetail - code - replays)).toEqual(['failure']);
    expect(left(withoutDetail - code - replays - 1)).toEqual([]);
    expect(left(0)).toEqual([]);
    expect(deadLetterOf(leaving(0), rejected, death)).toEqual(leaving(0));
  });

  test('ten attributes already: nothing of ours, and nothing of the message is lost', () => {
    const original = leaving(0, { attributes: attributes(10) });
    expect(deadLetterOf(original, rejected, death)).toEqual(original);
  });

  test('a detail of any characters is cut between characters, to what fits', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.nat({ max: 500 }),
        fc.nat({ max: 9 }),
        (detail, room, count) => {
          const letter = deadLetterOf(
            leaving(room, { attributes: attributes(count) }),
            { ...rejected, detail },
            death,
          );
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
  const letter = deadLetterOf(message(), { ...rejected, detail, error_code: '\uffff' }, death);
  expect(letter.attributes.failure?.StringValue).toMatch(
    /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u,
  );
  expect(read(letter)).toMatchObject({ detail, error_code: '\uffff' });
});
