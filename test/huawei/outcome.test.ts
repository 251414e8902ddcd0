import { jest } from '@jest/globals';
import fc from 'fast-check';
import { type Answer, classify, classifyLogIn } from '../../lib/huawei/outcome.ts';
import { allCodes, answers, logInAnswers, osm, successes, unknownCodes } from '../outcome-table.ts';

// A clock that stands still, on a whole second as HTTP dates do.
const NOW = Date.parse('2026-01-31T09:30:15Z');
beforeEach(() => {
  jest.useFakeTimers({ now: NOW });
});
afterEach(() => {
  jest.useRealTimers();
});

const asIs = (text: string) => text;
const answer = (status: number, body: unknown = '', headers: Answer['headers'] = {}): Answer => ({
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const codeOf = (status: number, body?: unknown) => classify(answer(status, body), asIs).code;

describe('an answer', () => {
  test.each(successes)('that is marked: 200 with %s', (_, body) => {
    expect(classify(answer(200, body), asIs)).toStrictEqual({ code: 'marked', status: 200 });
  });

  test.each(answers)('of OSM: $what: $code', ({ status, body, code }) => {
    expect(classify(answer(status, body), asIs)).toMatchObject({ code, status });
  });

  test.each(unknownCodes.map(code => [code]))('of OSM: 200 with error_code %j: failed', error_code => {
    expect(codeOf(200, osm(error_code))).toBe('failed');
  });

  test.each(logInAnswers)('of IAM: $what: $code', ({ status, body, code }) => {
    expect(classifyLogIn(answer(status, body), asIs).code).toBe(code);
  });

  test('whatever it is, is an outcome of the contract without a throw, and marked only where Huawei says so', () => {
    const statuses = fc.oneof(fc.constant(200), fc.integer({ min: 100, max: 999 }));
    const anything = fc.oneof(
      fc.json(),
      fc.string(),
      fc.jsonValue().map(value => JSON.stringify({ error_code: value })),
    );
    fc.assert(
      fc.property(statuses, anything, (status, body) => {
        const code = codeOf(status, body);
        expect(['marked', ...allCodes]).toContain(code);
        if (code !== 'marked') return;
        expect(status).toBe(200);
        const said: unknown = JSON.parse(body);
        expect(said).toEqual(expect.any(Object));
        expect([undefined, null, '']).toContain((said as { error_code?: unknown }).error_code);
      }),
    );
  });

  test.each(['error_code', 'error_msg', 'request_id'])(
    'nested 60,000 deep in its %s is an outcome too',
    field => {
      const deep = `{"${field}":${'['.repeat(60_000)}${']'.repeat(60_000)}}`;
      expect(codeOf(400, deep)).toBe('rejected');
      expect(codeOf(200, deep)).toBe(field === 'error_code' ? 'failed' : 'marked');
    },
  );
});

describe('an outcome says', () => {
  const requestId = { 'x-request-id': 'r-1' };
  const long = 'w '.repeat(5000);
  const clock = (secondsAgo: number) => ({ date: new Date(NOW - secondsAgo * 1000).toUTCString() });

  test.each<[string, Answer, object]>([
    ['the request id', answer(200, {}, requestId), { code: 'marked', status: 200, request_id: 'r-1' }],
    [
      'who answered what',
      answer(404, { ...osm('OSM.9'), request_id: 'r-2' }, requestId),
      {
        code: 'rejected',
        detail: 'OSM answered 404: OSM.9 Because.',
        status: 404,
        error_code: 'OSM.9',
        request_id: 'r-2',
      },
    ],
    [
      'nothing that is not there',
      answer(500, {}),
      { code: 'unavailable', detail: 'OSM answered 500: no reason', status: 500 },
    ],
    [
      'what is no JSON',
      answer(500, '<html>'),
      { code: 'unavailable', detail: 'OSM answered 500: not a JSON object', status: 500 },
    ],
    [
      'softly what is no text',
      answer(400, { error_code: 7, error_msg: { why: 1 } }),
      { code: 'rejected', detail: 'OSM answered 400: 7 {"why":1}', status: 400, error_code: '7' },
    ],
    [
      'no more than fits a log line',
      answer(400, { error_code: long, error_msg: long, request_id: long }),
      {
        code: 'rejected',
        detail: expect.stringMatching(/^OSM answered 400: (w ){50}… (w ){250}…$/),
        status: 400,
        error_code: expect.stringMatching(/^(w ){50}…$/),
        request_id: expect.stringMatching(/^(w ){50}…$/),
      },
    ],
  ])('%s', (_, given, expected) => {
    expect(classify(given, asIs)).toStrictEqual(expected);
  });

  test("IAM's reason", () => {
    const body = { error: { code: 401, message: 'The account is locked.', title: 'Unauthorized' } };
    expect(classifyLogIn(answer(401, body), asIs)).toStrictEqual({
      code: 'unauthorized',
      detail: 'IAM answered 401: The account is locked.',
      status: 401,
    });
  });

  test.each<[number, Answer['headers'], string]>([
    [401, clock(1200), '; our clock is 1200 s ahead of theirs'],
    [401, clock(-60), '; our clock is 60 s behind theirs'],
    [401, clock(59), ''],
    [403, clock(1200), ''],
    [401, { date: 'today' }, ''],
    [401, {}, ''],
  ])('how far the clocks are apart, where that may be why: %i, %j', (status, headers, says) => {
    const detail = `OSM answered ${status}: no reason${says}`;
    expect(classify(answer(status, {}, headers), asIs)).toMatchObject({ detail });
  });

  test('nothing that is to be redacted: in texts, in objects and in their names', () => {
    const redact = (text: string) => text.replaceAll('hidden', '-');
    for (const hidden of ['a hidden b', { hidden: 1 }, { a: ['hidden'] }]) {
      const body = { error_code: hidden, error_msg: hidden, request_id: hidden };
      expect(JSON.stringify(classify(answer(400, body), redact))).not.toContain('hidden');
    }
    const id = { 'x-request-id': 'hidden' };
    expect(classify(answer(200, {}, id), redact)).toMatchObject({ request_id: '-' });
  });
});

test.each([
  ['1', 1],
  [' 120 ', 120],
  ['3600', 3600],
  ['3601', 3600],
  ['99999999999999999999', 3600],
  ['0', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
  [['1', '2'], undefined],
  ['+3600', undefined],
  ['until 2050', undefined],
  ['2050-01-01T00:00:00Z', undefined],
  ['Sat, 31 Jan 2026 09:31:45 GMT', 90],
  ['Saturday, 31-Jan-26 09:31:45 GMT', 90],
  ['Sat, 31 Jan 2026 09:30:15 GMT', undefined],
  ['Fri, 01 Jan 2100 00:00:00 GMT', 3600],
  ['Thu, 01 Jan 1970 00:00:00 GMT', undefined],
])('Retry-After: %j is %j seconds, at a 429 and at any failure', (after, seconds) => {
  for (const status of [429, 503]) {
    const outcome = classify(answer(status, {}, { 'retry-after': after }), asIs);
    expect('retryAfterSeconds' in outcome ? outcome.retryAfterSeconds : undefined).toBe(seconds);
  }
});
