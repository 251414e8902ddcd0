import { caseIdIn, parseReceipt } from '../../lib/receipt/receipt.ts';

/** A text as it is, anything else as JSON. */
const bodyOf = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body));
const parse = (body: unknown) => parseReceipt(bodyOf(body));
const refused = (body: unknown) => {
  const result = parse(body);
  return 'failure' in result ? result.failure : undefined;
};

test('it holds its fields, without those that nobody knows', () => {
  const fields = {
    case_id: '1',
    group_id: 'g',
    language: 'en-us',
    time_zone: 'GMT+8',
    read_at: '2026-01-31T09:30:00Z',
  };
  expect(parse({ ...fields, who: 'me', __proto__: 1 })).toEqual({
    receipt: fields,
    readAt: Date.UTC(2026, 0, 31, 9, 30),
  });
});

const x = (times: number) => 'x'.repeat(times);
const tickets = (times: number) => '🎫'.repeat(times);
const ISO = 'an ISO 8601 time with offset, such as 2026-01-31T09:30:00Z or 2026-01-31T17:30:00+08:00';
const header = {
  rule: '1 to 32 visible ASCII characters',
  good: [null, 'a', x(32), '!~', 'GMT+8', 'Asia/Shanghai'],
  bad: ['', x(33), 'a b', ' a', 'a\n', 'a\u007f', 'é', '\u0000', 8, []],
};
const fields: Record<string, { rule: string; good: unknown[]; bad: unknown[] }> = {
  case_id: {
    rule: '1 to 64 characters, without control characters or lone surrogates, and not "." or ".."',
    good: ['a', x(64), tickets(64), '...', '.a', '..a', 'a.', ' ', '\u00a0', '\u200b', 'é', '\uFFFE'],
    bad: [
      ...[undefined, null, '', 7, ['1'], {}, true, '.', '..', x(65), tickets(65), 'a\n', '\n'],
      ...['a\u0000', '\u001f', '\u007f', '\u0085', '\u009f', '\ud83c', '\udfab\ud83c'],
    ],
  },
  group_id: {
    rule: '0 to 64 characters',
    good: [null, '', x(64), tickets(64), '\u0000\n', '\ud800'],
    bad: [x(65), 7, {}, false],
  },
  language: header,
  time_zone: header,
  read_at: {
    rule: ISO,
    good: [null],
    bad: [
      ...['2026-01-31T09:30:00', '2026-01-31', '2026-02-30T00:00:00Z'],
      ...['2026-04-31T00:00Z', '2026-00-01T00:00Z', '2026-01-00T00:00Z'],
      ...['2026-01-31T24:00:00Z', '2026-01-31T23:59:60Z', '2026-01-31T09Z', '2026-01-31T09:30.5Z'],
      ...['2026-01-31T09:30:00.Z', '2026-01-31T09:30:00,5Z', '2026-01-31T09:30:00+08'],
      ...['2026-01-31T09:30:00+24:00', '2026-01-31  09:30:00Z', '2026-01-31T09:30:00 Z'],
      ...['2026-01-31T09:30:00Z\n', ' 2026-01-31T09:30:00Z', '20260131T093000Z', '٢٠٢٦-01-31T09:30:00Z'],
      ...['+012026-01-31T09:30:00Z', 'Sat, 31 Jan 2026 09:30:00 GMT', '', 'now', 1769851800, {}],
    ],
  },
};
describe.each(Object.entries(fields))('%s', (field, { rule, good, bad }) => {
  test.each(good)('may be %j', value => {
    expect(parse({ case_id: '1', [field]: value })).toEqual({ receipt: { case_id: '1', [field]: value } });
  });
  // As values that are lists would be taken for lists of arguments.
  test.each(bad.map(value => [value]))('may not be %j, and the rule is named', value => {
    const { code, detail = '' } = refused({ case_id: '1', [field]: value }) ?? {};
    expect(code).toBe('invalid');
    expect(detail.startsWith(`the body: ${field} `)).toBe(true);
    expect(detail.endsWith(` must be ${rule}`)).toBe(true);
  });
});

test.each<[string, string]>([
  ['2026-01-31T09:30:00Z', '2026-01-31T09:30:00.000Z'],
  ['2026-01-31T09:30:00.123456Z', '2026-01-31T09:30:00.123Z'],
  ['2026-01-31T09:30:00+08:00', '2026-01-31T01:30:00.000Z'],
  ['2026-01-31T09:30:00.1-05:30', '2026-01-31T15:00:00.100Z'],
  ['2026-01-31t09:30:00z', '2026-01-31T09:30:00.000Z'],
  ['2026-01-31 09:30:00+0800', '2026-01-31T01:30:00.000Z'],
  ['2026-01-31 09:30Z', '2026-01-31T09:30:00.000Z'],
  ['2024-02-29T23:59-2359', '2024-03-01T23:58:00.000Z'],
  ['0049-01-31 00:00z', '0049-01-31T00:00:00.000Z'],
])('read_at may be %s', (read_at, iso) => {
  const readAt = Date.parse(iso);
  expect(parse({ case_id: '1', read_at })).toEqual({ receipt: { case_id: '1', read_at }, readAt });
});

test('read_at may be 29 February in a leap year alone', () => {
  const years = Array.from({ length: 9_000 }, (_, index) => 1_000 + index);
  const isLeap = (year: number) => new Date(Date.UTC(year, 1, 29)).getUTCDate() === 29;
  const taken = years.filter(year => 'receipt' in parse({ case_id: '1', read_at: `${year}-02-29T00:00Z` }));
  expect(taken).toEqual(years.filter(isLeap));
});

describe('what is said of a wrong one', () => {
  test('every field that is wrong', () => {
    const wrong = { case_id: '', group_id: 7, language: '', time_zone: '', read_at: '' };
    const { detail = '' } = refused(wrong) ?? {};
    for (const field of Object.keys(wrong)) expect(detail).toContain(field);
  });

  test.each<[unknown, string]>([
    [`${x(64)}y`, `case_id "${x(24)}…" must be 1`],
    ['a\u0000\n\u001b[2J\u202e\u2028\u0085\ud800', 'case_id "a���[2J����" must be 1'],
    [0, 'case_id 0 must be text: it must be 1'],
    [null, 'case_id null must be text: it must be 1'],
    [{ deep: { deeper: 'text' } }, 'case_id {…} must be text: it'],
    [['1'], 'case_id […] must be text: it'],
    [undefined, 'case_id is missing: it must be 1'],
  ])('the beginning of %j, on one line', (case_id, words) => {
    expect(refused({ case_id })?.detail).toContain(words);
  });

  test.each([
    'private text',
    '{"case_id":"private text',
    '{"case_id":private text that is so long that it is cut}',
    { case_id: '', who: 'private' },
  ])('nothing of what is no receipt at all: %j', body => {
    expect(refused(body)?.detail).not.toContain('private');
  });
});

const inside = { case_id: '1', group_id: 'g' };
const sns = (Message: unknown) => ({ Type: 'Notification', Message });
const eventBridge = (detail?: unknown) => ({ 'detail-type': 'x', detail });
const cloudEvent = (data?: unknown) => ({ specversion: '1.0', data });

describe('an envelope', () => {
  const text = JSON.stringify(inside);
  const time = '2026-01-31T17:30:00.125+08:00';
  const at = Date.parse(time);
  test.each<[string, object, object]>([
    ['SNS', sns(text), {}],
    ['EventBridge', eventBridge(inside), {}],
    ['EventBridge, whatever its type', { 'detail-type': null, detail: inside }, {}],
    ['CloudEvent', cloudEvent(inside), {}],
    ['CloudEvent, whatever its version', { specversion: 0, data: inside }, {}],
    ['SNS before the others', { ...eventBridge({}), ...cloudEvent({}), ...sns(text) }, {}],
    ['EventBridge before CloudEvent', { ...cloudEvent({}), ...eventBridge(inside) }, {}],
    ["SNS's own time", { ...sns(text), Timestamp: time }, { at }],
    ["EventBridge's own time", { ...eventBridge(inside), time }, { at }],
    ["CloudEvent's own time", { ...cloudEvent(inside), time }, { at }],
    ['a time of another field', { ...cloudEvent(inside), Timestamp: time }, {}],
    ['an unreadable time', { ...eventBridge(inside), time: 'yesterday' }, {}],
    ['a time that is no text', { ...eventBridge(inside), time: 1769851800 }, {}],
    ['none: a bare receipt has no other time', { ...inside, time, Timestamp: time }, {}],
    ['none, where there is a case_id', { ...eventBridge({}), ...inside }, {}],
  ])('%s', (_, body, more) => {
    expect(parse(body)).toEqual({ receipt: inside, ...more });
  });
});

const SNS = 'Message of the SNS notification';
const EVENT = 'detail of the EventBridge event';
const DATA = 'data of the CloudEvent';
const NO_RECEIPT = 'must be a JSON object with a case_id';
test.each<[body: unknown, code: string, detail: string | RegExp]>([
  ...['null', '1', '"text"', 'true', '[]', '[{"case_id":"1"}]', [eventBridge(inside)]].map(
    (body): [unknown, string, string] => [body, 'invalid', `the body: ${NO_RECEIPT}`],
  ),
  ...[
    '',
    ' ',
    'x',
    '{',
    '{"case_id":"1"',
    "{'case_id':'1'}",
    '{"case_id":"1",}',
    '\ufeff{}',
    'undefined',
  ].map((body): [string, string, RegExp] => [body, 'malformed', /^the body is not JSON: ./]),
  ['x-ray', 'malformed', "the body is not JSON: Unexpected token 'x'"],
  [{ Type: 'Notification' }, 'malformed', `${SNS} is missing`],
  [sns(null), 'malformed', `${SNS} is missing`],
  [sns(inside), 'malformed', `${SNS} is no text: a receipt as JSON belongs there`],
  [sns(''), 'malformed', /^Message of the SNS notification is not JSON: ./],
  [sns('{'), 'malformed', /^Message of the SNS notification is not JSON: ./],
  [sns('{"case_id":""}'), 'invalid', /^Message of the SNS notification: case_id "" must/],
  [sns('null'), 'invalid', `${SNS}: ${NO_RECEIPT}`],
  [eventBridge(), 'malformed', `${EVENT} is missing`],
  [eventBridge(null), 'malformed', `${EVENT} is missing`],
  [eventBridge({}), 'invalid', /^detail of the EventBridge event: case_id is missing: it must/],
  [eventBridge('{"case_id":"1"}'), 'invalid', `${EVENT}: ${NO_RECEIPT}`],
  [eventBridge(false), 'invalid', `${EVENT}: ${NO_RECEIPT}`],
  [cloudEvent(), 'malformed', `${DATA} is missing`],
  [cloudEvent(null), 'malformed', `${DATA} is missing`],
  [cloudEvent([]), 'invalid', `${DATA}: ${NO_RECEIPT}`],
  [cloudEvent(''), 'invalid', `${DATA}: ${NO_RECEIPT}`],
  // Told by its marks, or where there is a case_id, however bad.
  [
    { ...sns(JSON.stringify(inside)), Type: 'SubscriptionConfirmation' },
    'invalid',
    /^the body: case_id is m/,
  ],
  [{ detail: inside }, 'invalid', /^the body: case_id is missing/],
  [{ data: inside }, 'invalid', /^the body: case_id is missing/],
  [{ ...eventBridge(inside), case_id: null }, 'invalid', /^the body: case_id null/],
])('%j is %s: %s', (body, code, detail) => {
  expect(refused(body)).toEqual({
    code,
    detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
  });
});

test.each<[unknown, string | undefined]>([
  [{ case_id: '1' }, '1'],
  [eventBridge({ case_id: '1' }), '1'],
  [sns('{"case_id":"1"}'), '1'],
  [{ case_id: x(65), language: '' }, x(65)],
  [{ case_id: 7 }, '7'],
  [{ case_id: ['1'] }, undefined],
  [{}, undefined],
  ['"case_id"', undefined],
  ['null', undefined],
  ['{"case_id":"1"', undefined],
  [cloudEvent(), undefined],
])('the case_id to search for in %j is %j', (body, caseId) => {
  expect(caseIdIn(bodyOf(body))).toBe(caseId);
});
