import { type Answer, classify, classifyLogIn } from '../../lib/huawei/outcome.ts';
import { parseJson } from '../../lib/json.ts';

const asIs = (text: string) => text;
const answer = (status: number, body: unknown = '', headers: Answer['headers'] = {}): Answer => ({
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const codeOf = (status: number, body?: unknown) => classify(answer(status, body), asIs).code;
const osm = (error_code: unknown) => ({ error_code, error_msg: 'Because.' });

describe('an answer of OSM', () => {
  test.each([{}, { error_code: '' }, { error_code: null }, { group_id: '1' }, { error_msg: 'fine' }])(
    'that is marked: %j',
    body => {
      expect(codeOf(200, body)).toBe('marked');
    },
  );

  test('that is marked has its status and request id', () => {
    expect(classify(answer(200, {}, { 'x-request-id': 'r-1' }), asIs)).toEqual({
      code: 'marked',
      status: 200,
      request_id: 'r-1',
    });
    expect(classify(answer(200, {}), asIs)).toStrictEqual({ code: 'marked', status: 200 });
  });

  test.each(['', 'null', '[]', '1', '"x"', 'true', '{', '<html>'])(
    'with 200 and no JSON object: %s',
    body => {
      expect(codeOf(200, body)).toBe('unavailable');
    },
  );

  test.each([
    ['OSM.01010001', 'rejected'],
    ['OSM.01010010', 'rejected'],
    ['OSM.01010015', 'rejected'],
    ['OSM.01010062', 'rejected'],
    ['OSM.0001', 'rejected'],
    ['OSM.01010002', 'forbidden'],
    ['OSM.0003', 'forbidden'],
    ['OSM.01010011', 'unauthorized'],
    ['OSM.0002', 'unauthorized'],
    ['OSM.01010014', 'unavailable'],
    ['OSM.0004', 'unavailable'],
    ['OSM.9', 'failed'],
    ['APIGW.0301', 'failed'],
    ['osm.01010015', 'failed'],
    [' ', 'failed'],
    ['constructor', 'failed'],
    [7, 'failed'],
    [0, 'failed'],
    [false, 'failed'],
    [{}, 'failed'],
    [['OSM.0001'], 'failed'],
  ])('with 200 and error_code %j: %s', (error_code, code) => {
    expect(codeOf(200, osm(error_code))).toBe(code);
  });

  const byStatus: [number, string, string][] = [
    // status, without an OSM code, with one that nobody knows
    [100, 'unavailable', 'unavailable'],
    [199, 'unavailable', 'unavailable'],
    [201, 'unavailable', 'unavailable'],
    [204, 'unavailable', 'unavailable'],
    [302, 'unavailable', 'unavailable'],
    [399, 'unavailable', 'unavailable'],
    [400, 'rejected', 'rejected'],
    [401, 'unauthorized', 'unauthorized'],
    [402, 'rejected', 'rejected'],
    [403, 'misconfigured', 'forbidden'],
    [404, 'misconfigured', 'rejected'],
    [405, 'misconfigured', 'rejected'],
    [406, 'rejected', 'rejected'],
    [408, 'unavailable', 'unavailable'],
    [409, 'rejected', 'rejected'],
    [413, 'rejected', 'rejected'],
    [414, 'rejected', 'rejected'],
    [415, 'rejected', 'rejected'],
    [425, 'unavailable', 'unavailable'],
    [429, 'rate_limited', 'rate_limited'],
    [431, 'rejected', 'rejected'],
    [494, 'misconfigured', 'misconfigured'],
    [499, 'rejected', 'rejected'],
    [500, 'unavailable', 'unavailable'],
    [503, 'unavailable', 'unavailable'],
    [599, 'unavailable', 'unavailable'],
  ];
  test.each(byStatus)('with %i: %s; with an OSM code: %s', (status, plain, withCode) => {
    for (const body of ['', '<html>', '[]', osm('APIGW.0201'), osm('XOSM.1')])
      expect(codeOf(status, body)).toBe(plain);
    expect(codeOf(status, osm('OSM.9'))).toBe(withCode);
  });

  test.each([
    [403, 'OSM.01010015', 'rejected'],
    [404, 'OSM.01010002', 'forbidden'],
    [400, 'OSM.0003', 'forbidden'],
    [400, 'OSM.0002', 'unauthorized'],
    [400, 'OSM.01010014', 'unavailable'],
    [401, 'OSM.01010015', 'unauthorized'],
    [429, 'OSM.0001', 'rate_limited'],
    [494, 'OSM.0001', 'misconfigured'],
    [500, 'OSM.0001', 'unavailable'],
  ])('with %i and %s, which decides only among receipts at fault: %s', (status, error_code, code) => {
    expect(codeOf(status, osm(error_code))).toBe(code);
  });
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
    const ago = (seconds: number) => ({ date: new Date(Date.now() - seconds * 1000).toUTCString() });
    const detailOf = (status: number, headers: Answer['headers']) =>
      (classify(answer(status, {}, headers), asIs) as { detail: string }).detail;
    expect(detailOf(401, ago(1200))).toMatch(/our clock is 1[12]\d\d s ahead of theirs/);
    expect(detailOf(401, ago(-1200))).toMatch(/our clock is 1[12]\d\d s behind theirs/);
    expect(detailOf(401, ago(50))).not.toContain('clock');
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
    ['Fri, 01 Jan 2100 00:00:00 GMT', 3600],
    ['Thu, 01 Jan 1970 00:00:00 GMT', undefined],
  ])('%j is %j seconds', (after, seconds) => {
    expect(waitOf(after)).toBe(seconds);
  });

  test('a date, in whole seconds from now', () => {
    const seconds = waitOf(new Date(Date.now() + 90_000).toUTCString()) ?? 0;
    expect(seconds).toBeGreaterThanOrEqual(88);
    expect(seconds).toBeLessThanOrEqual(90);
    expect(Number.isInteger(seconds)).toBe(true);
  });

  test('counts at any failure', () => {
    expect(waitOf('5', 503)).toBe(5);
  });
});

describe('an answer of IAM', () => {
  test.each([
    [200, 'unavailable'],
    [202, 'unavailable'],
    [302, 'unavailable'],
    [400, 'unauthorized'],
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'misconfigured'],
    [405, 'misconfigured'],
    [408, 'unavailable'],
    [409, 'misconfigured'],
    [413, 'misconfigured'],
    [429, 'rate_limited'],
    [494, 'misconfigured'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ])('%i: %s', (status, code) => {
    for (const body of ['', { error: { message: 'x' } }, osm('OSM.01010015')]) {
      expect(classifyLogIn(answer(status, body), asIs).code).toBe(code);
    }
  });
});

test.each([
  ['{"a":1}', { a: 1 }],
  ['null', null],
  ['', undefined],
  ['{', undefined],
])('JSON softly: %s', (text, value) => {
  expect(parseJson(text)).toEqual(value);
});
