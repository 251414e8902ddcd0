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

describe('an answer of OSM', () => {
  test.each(successes)('that is marked: 200 with %s', (_, body) => {
    expect(codeOf(200, body)).toBe('marked');
  });

  test('that is marked has its status and request id', () => {
    expect(classify(answer(200, {}, { 'x-request-id': 'r-1' }), asIs)).toEqual({
      code: 'marked',
      status: 200,
      request_id: 'r-1',
    });
    expect(classify(answer(200, {}), asIs)).toStrictEqual({ code: 'marked', status: 200 });
  });

  test.each(answers)('$what: $code', ({ status, body, code }) => {
    expect(classify(answer(status, body), asIs)).toMatchObject({ code, status });
  });

  test.each(unknownCodes.map(code => [code]))('200 with error_code %j: failed', error_code => {
    expect(codeOf(200, osm(error_code))).toBe('failed');
  });

  test('whatever it is, is an outcome: no throw, and a code of the contract', () => {
    const statuses = fc.integer({ min: 100, max: 999 });
    const anything = fc.oneof(
      fc.json(),
      fc.string(),
      fc.jsonValue().map(value => JSON.stringify({ error_code: value })),
    );
    fc.assert(
      fc.property(statuses, anything, (status, body) => {
        expect(['marked', ...allCodes]).toContain(codeOf(status, body));
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

describe('a failure says', () => {
  test('who answered what', () => {
    expect(
      classify(answer(404, { ...osm('OSM.9'), request_id: 'r-2' }, { 'x-request-id': 'r-1' }), asIs),
    ).toEqual({
      code: 'rejected',
      detail: 'OSM answered 404: OSM.9 Because.',
      status: 404,
      error_code: 'OSM.9',
      request_id: 'r-2',
    });
  });

  test('nothing that is not there', () => {
    expect(classify(answer(500, {}), asIs)).toStrictEqual({
      code: 'unavailable',
      detail: 'OSM answered 500: no reason',
      status: 500,
    });
    expect(classify(answer(500, '<html>'), asIs)).toMatchObject({
      detail: 'OSM answered 500: not a JSON object',
    });
  });

  test.each([
    [{ why: 'because' }, '{"why":"because"}'],
    [7, '7'],
  ])('softly what is no text: %j', (error_msg, words) => {
    expect(classify(answer(400, { error_code: 'OSM.9', error_msg }), asIs)).toMatchObject({
      detail: `OSM answered 400: OSM.9 ${words}`,
    });
  });

  test("IAM's reason", () => {
    const body = { error: { code: 401, message: 'The account is locked.', title: 'Unauthorized' } };
    expect(classifyLogIn(answer(401, body), asIs)).toEqual({
      code: 'unauthorized',
      detail: 'IAM answered 401: The account is locked.',
      status: 401,
    });
  });

  test('no more of it than fits a log line', () => {
    const long = 'w '.repeat(5000);
    const result = classify(answer(400, { error_code: long, error_msg: long, request_id: long }), asIs);
    expect(JSON.stringify(result).length).toBeLessThan(1500);
    expect(result).toMatchObject({ error_code: expect.stringMatching(/^(w ){50}…$/) });
  });

  test('nothing that is to be redacted: in texts, in objects and in their names', () => {
    const redact = (text: string) => text.replaceAll('hidden', '-');
    for (const hidden of ['a hidden b', { hidden: 1 }, { a: ['hidden'] }]) {
      const body = { error_code: hidden, error_msg: hidden, request_id: hidden };
      expect(JSON.stringify(classify(answer(400, body), redact))).not.toContain('hidden');
    }
    expect(classify(answer(200, {}, { 'x-request-id': 'hidden' }), redact)).toMatchObject({
      request_id: '-',
    });
  });

  test('how far the clocks are apart, where that may be why', () => {
    const ago = (seconds: number) => ({ date: new Date(NOW - seconds * 1000).toUTCString() });
    const detailOf = (status: number, headers: Answer['headers']) =>
      (classify(answer(status, {}, headers), asIs) as { detail: string }).detail;
    expect(detailOf(401, ago(1200))).toContain('our clock is 1200 s ahead of theirs');
    expect(detailOf(401, ago(-60))).toContain('our clock is 60 s behind theirs');
    expect(detailOf(401, ago(59))).not.toContain('clock');
    expect(detailOf(403, ago(1200))).not.toContain('clock');
    expect(detailOf(401, { date: 'today' })).not.toContain('clock');
    expect(detailOf(401, {})).not.toContain('clock');
  });
});

describe('Retry-After', () => {
  const waitOf = (after: string | string[] | undefined, status = 429) =>
    (classify(answer(status, {}, { 'retry-after': after }), asIs) as { retryAfterSeconds?: number })
      .retryAfterSeconds;

  test.each([
    ['1', 1],
    ['120', 120],
    [' 7 ', 7],
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
  ])('%j is %j seconds', (after, seconds) => {
    expect(waitOf(after)).toBe(seconds);
  });

  test('counts at any failure', () => {
    expect(waitOf('5', 503)).toBe(5);
  });
});

test.each(logInAnswers)('an answer to a log-in: $what: $code', ({ status, body, code }) => {
  expect(classifyLogIn(answer(status, body), asIs).code).toBe(code);
});
