import { caseIdIn, parseReceipt } from '../../lib/receipt/receipt.ts';

const parse = (body: unknown) => parseReceipt(JSON.stringify(body));
const failureOf = (body: string) => {
  const result = parseReceipt(body);
  return 'failure' in result ? result.failure : undefined;
};
const refused = (body: unknown) => failureOf(JSON.stringify(body));

/** What is said before the rule of a field whose value is not text. */
const kindOf = (value: unknown) => {
  if (value === undefined) return 'is missing: it ';
  return `${typeof value === 'object' && value ? (Array.isArray(value) ? '[…]' : '{…}') : value} must be text: it `;
};

const saying = (field: string, value: unknown, rule: string) =>
  new RegExp(
    typeof value === 'string'
      ? `^the body: ${field} "[^]{0,24}…?" ${rule}`
      : `^the body: ${field} ${kindOf(value).replace(/[[\]{}]/g, '\\$&')}${rule}`,
  );

describe('a receipt', () => {
  test('holds its fields, without those that nobody knows', () => {
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

  test('may have null in every optional field, and an empty group_id', () => {
    const result = parse({ case_id: '1', group_id: null, language: null, time_zone: null, read_at: null });
    expect(result).toHaveProperty('receipt.case_id', '1');
    expect(parse({ case_id: '1', group_id: '' })).toHaveProperty('receipt');
  });

  test.each([
    ['a'],
    ['x'.repeat(64)],
    ['🎫'.repeat(64)],
    ['...'],
    ['.a'],
    ['..a'],
    ['a.'],
    [' '],
    ['\u00a0'],
    ['\u200b'],
    ['é'],
    ['\uFFFE'],
  ])('takes a case_id like %j', case_id => {
    expect(parse({ case_id })).toEqual({ receipt: { case_id } });
  });

  test.each([
    [undefined],
    [null],
    [''],
    [7],
    [['1']],
    [{}],
    [true],
    ['.'],
    ['..'],
    ['x'.repeat(65)],
    ['🎫'.repeat(65)],
    ['a\u0000'],
    ['\u001f'],
    ['\n'],
    ['a\n'],
    ['\u007f'],
    ['\u0085'],
    ['\u009f'],
    ['\ud83c'],
    ['\udfab\ud83c'],
  ])('refuses a case_id like %j and names the rule', case_id => {
    expect(refused({ case_id, language: 'ok' })).toEqual({
      code: 'invalid',
      detail: expect.stringMatching(saying('case_id', case_id, 'must be 1 to 64 characters')),
    });
  });

  test.each([['x'.repeat(64)], ['🎫'.repeat(64)], ['\u0000\n'], ['\ud800']])(
    'takes a group_id like %j',
    group_id => {
      expect(parse({ case_id: '1', group_id })).toEqual({ receipt: { case_id: '1', group_id } });
    },
  );

  test.each([['x'.repeat(65)], [7], [{}], [false]])('refuses a group_id like %j', group_id => {
    expect(refused({ case_id: '1', group_id })?.detail).toMatch(
      saying('group_id', group_id, 'must be 0 to 64 characters$'),
    );
  });

  describe.each(['language', 'time_zone'])('%s', field => {
    test.each(['a', 'x'.repeat(32), '!~', 'GMT+8', 'Asia/Shanghai'])('may be %j', value => {
      expect(parse({ case_id: '1', [field]: value })).toEqual({ receipt: { case_id: '1', [field]: value } });
    });
    test.each(['', 'x'.repeat(33), 'a b', ' a', 'a\n', 'a\u007f', 'é', '\u0000', 8, []])(
      'may not be %j',
      value => {
        expect(refused({ case_id: '1', [field]: value })?.detail).toMatch(
          saying(field, value, 'must be 1 to 32 visible ASCII characters$'),
        );
      },
    );
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
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['0049-01-31 00:00z', '0049-01-31T00:00:00.000Z'],
  ])('takes a read_at like %s', (read_at, iso) => {
    expect(parse({ case_id: '1', read_at })).toEqual({
      receipt: { case_id: '1', read_at },
      readAt: Date.parse(iso),
    });
  });

  test.each([
    '2026-01-31T09:30:00',
    '2026-01-31',
    '2026-02-30T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00Z',
    '2026-00-01T00:00Z',
    '2026-01-00T00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T23:59:60Z',
    '2026-01-31T09Z',
    '2026-01-31T09:30.5Z',
    '2026-01-31T09:30:00.Z',
    '2026-01-31T09:30:00,5Z',
    '2026-01-31T09:30:00+08',
    '2026-01-31T09:30:00+24:00',
    '2026-01-31  09:30:00Z',
    '2026-01-31T09:30:00 Z',
    '2026-01-31T09:30:00Z\n',
    ' 2026-01-31T09:30:00Z',
    '20260131T093000Z',
    '٢٠٢٦-01-31T09:30:00Z',
    '+012026-01-31T09:30:00Z',
    'Sat, 31 Jan 2026 09:30:00 GMT',
    '',
    'now',
    1769851800,
    {},
  ])('refuses a read_at like %j and shows a good one', read_at => {
    expect(refused({ case_id: '1', read_at })?.detail).toMatch(
      saying('read_at', read_at, 'must be an ISO 8601 time .*Z'),
    );
  });

  test('names every field that is wrong', () => {
    const { detail = '' } =
      refused({ case_id: '', group_id: 7, language: '', time_zone: '', read_at: '' }) ?? {};
    for (const field of ['case_id', 'group_id', 'language', 'time_zone', 'read_at'])
      expect(detail).toContain(field);
  });

  test('shows the beginning of what came, on one line', () => {
    const detailOf = (case_id: unknown) => refused({ case_id })?.detail;
    expect(detailOf(`${'x'.repeat(64)}y`)).toContain(`case_id "${'x'.repeat(24)}…" must`);
    expect(detailOf(`a\u0000\n\u001b[2J\u202e\u2028\u0085\ud800`)).toContain('case_id "a���[2J����" must');
    expect(detailOf(0)).toContain('case_id 0 must be text');
    expect(detailOf({ deep: { deeper: 'text' } })).toContain('case_id {…} must be text');
  });

  test('says nothing of what is no receipt at all', () => {
    for (const body of [
      'private text',
      '{"case_id":"private text',
      '{"case_id":private text that is so long that it is cut}',
      JSON.stringify({ case_id: '', who: 'private' }),
    ])
      expect(failureOf(body)?.detail).not.toContain('private');
  });
});

describe('JSON that is no object is invalid', () => {
  test.each(['null', '1', '"text"', 'true', '[]', '[{"case_id":"1"}]'])('%s', body => {
    expect(failureOf(body)).toEqual({
      code: 'invalid',
      detail: 'the body: must be a JSON object with a case_id',
    });
  });
});

describe('what is not JSON is malformed', () => {
  test.each([
    '',
    ' ',
    'x',
    '{',
    '{"case_id":"1"',
    "{'case_id':'1'}",
    '{"case_id":"1",}',
    '\ufeff{"case_id":"1"}',
    'undefined',
  ])('%j', body => {
    expect(failureOf(body)).toEqual({
      code: 'malformed',
      detail: expect.stringMatching(/^the body is not JSON: ./),
    });
  });
});

describe('an envelope', () => {
  const inside = { case_id: '1', group_id: 'g' };
  const sns = (Message: unknown) => ({ Type: 'Notification', Message });

  test.each([
    ['SNS', sns(JSON.stringify(inside))],
    ['EventBridge', { 'detail-type': 'x', detail: inside }],
    ['EventBridge, whatever its type', { 'detail-type': null, detail: inside }],
    ['CloudEvent', { specversion: '1.0', data: inside }],
    ['CloudEvent, whatever its version', { specversion: 0, data: inside }],
    [
      'SNS before EventBridge before CloudEvent',
      { ...sns(JSON.stringify(inside)), 'detail-type': 'x', specversion: 1 },
    ],
    ['EventBridge before CloudEvent', { 'detail-type': 'x', detail: inside, specversion: 1, data: {} }],
  ])('%s is opened', (_, body) => {
    expect(parse(body)).toEqual({ receipt: inside });
  });

  test.each<[string, object, string | undefined]>([
    [
      'SNS',
      { ...sns(JSON.stringify(inside)), Timestamp: '2026-01-31T09:30:00.125Z' },
      '2026-01-31T09:30:00.125Z',
    ],
    [
      'EventBridge',
      { 'detail-type': 'x', detail: inside, time: '2026-01-31T09:30:00Z' },
      '2026-01-31T09:30:00Z',
    ],
    [
      'CloudEvent',
      { specversion: '1.0', data: inside, time: '2026-01-31T09:30:00+08:00' },
      '2026-01-31T01:30:00Z',
    ],
    [
      'a time of another field',
      { specversion: '1.0', data: inside, Timestamp: '2026-01-31T09:30:00Z' },
      undefined,
    ],
    ['an unreadable time', { 'detail-type': 'x', detail: inside, time: 'yesterday' }, undefined],
    ['a time that is no text', { 'detail-type': 'x', detail: inside, time: 1769851800 }, undefined],
    [
      'a bare receipt',
      { ...inside, time: '2026-01-31T09:30:00Z', Timestamp: '2026-01-31T09:30:00Z' },
      undefined,
    ],
  ])('gives its own time: %s', (_, body, iso) => {
    const parsed = parse(body);
    expect(parsed).toHaveProperty('receipt', inside);
    expect('at' in parsed ? parsed.at : undefined).toBe(iso && Date.parse(iso));
  });

  test.each([
    ['SNS without Message', { Type: 'Notification' }, 'Message of the SNS notification is missing'],
    [
      'SNS with an object for Message',
      sns(inside),
      'Message of the SNS notification is no text: a receipt as JSON belongs there',
    ],
    ['SNS with null', sns(null), 'Message of the SNS notification is missing'],
    ['EventBridge without detail', { 'detail-type': 'x' }, 'detail of the EventBridge event is missing'],
    [
      'EventBridge with null',
      { 'detail-type': 'x', detail: null },
      'detail of the EventBridge event is missing',
    ],
    ['CloudEvent without data', { specversion: '1.0' }, 'data of the CloudEvent is missing'],
    ['CloudEvent with null', { specversion: '1.0', data: null }, 'data of the CloudEvent is missing'],
  ])('with nothing inside is malformed: %s', (_, body, detail) => {
    expect(refused(body)).toEqual({ code: 'malformed', detail });
  });

  test.each(['', 'hello', '{'])('SNS with a Message that is not JSON is malformed: %j', Message => {
    expect(refused(sns(Message))).toEqual({
      code: 'malformed',
      detail: expect.stringMatching(/^Message of the SNS notification is not JSON: /),
    });
  });

  test.each([
    ['SNS', sns('{"case_id":""}'), /^Message of the SNS notification: case_id "" must/],
    ['SNS with null in its text', sns('null'), /^Message of the SNS notification: must be a JSON object/],
    [
      'EventBridge',
      { 'detail-type': 'x', detail: {} },
      /^detail of the EventBridge event: case_id is missing: it must/,
    ],
    [
      'EventBridge with a text',
      { 'detail-type': 'x', detail: '{"case_id":"1"}' },
      /^detail of the EventBridge event: must/,
    ],
    [
      'EventBridge with false',
      { 'detail-type': 'x', detail: false },
      /^detail of the EventBridge event: must/,
    ],
    ['CloudEvent', { specversion: '1.0', data: [] }, /^data of the CloudEvent: must/],
    ['CloudEvent with nothing but text', { specversion: '1.0', data: '' }, /^data of the CloudEvent: must/],
  ])('with something else inside is invalid, and the detail says where: %s', (_, body, detail) => {
    expect(refused(body)).toEqual({ code: 'invalid', detail: expect.stringMatching(detail) });
  });

  test.each([
    ['another Type', { Type: 'SubscriptionConfirmation', Message: JSON.stringify(inside) }],
    ['detail alone', { detail: inside }],
    ['data alone', { data: inside }],
    ['an envelope in a list', [{ 'detail-type': 'x', detail: inside }]],
  ])('is told by its marks: %s is none', (_, body) => {
    expect(refused(body)?.code).toBe('invalid');
    expect(refused(body)?.detail).toMatch(/^the body: /);
  });

  test('is not looked for where there is a case_id, however bad', () => {
    expect(refused({ case_id: null, 'detail-type': 'x', detail: inside })?.detail).toMatch(
      /^the body: case_id/,
    );
    expect(parse({ case_id: '2', 'detail-type': 'x', detail: inside })).toEqual({
      receipt: { case_id: '2' },
    });
  });

  test('that only inherits a case_id is none that is bare', () => {
    expect(parseReceipt('{"__proto__":{"case_id":"2"},"detail-type":"x","detail":{"case_id":"1"}}')).toEqual({
      receipt: { case_id: '1' },
    });
  });
});

test('what is not JSON is said in the words of the parser, up to where it would quote', () => {
  expect(failureOf('x-ray')?.detail).toBe("the body is not JSON: Unexpected token 'x'");
});

describe('the case_id to search for', () => {
  test.each<[string, unknown, string | undefined]>([
    ['of a receipt', { case_id: '1' }, '1'],
    ['in an envelope', { 'detail-type': 'x', detail: { case_id: '1' } }, '1'],
    ['in the text of an envelope', { Type: 'Notification', Message: '{"case_id":"1"}' }, '1'],
    ['of a receipt that is invalid', { case_id: 'x'.repeat(65), language: '' }, 'x'.repeat(65)],
    ['that is a number', { case_id: 7 }, '7'],
    ['that is something else', { case_id: ['1'] }, undefined],
    ['that is not there', {}, undefined],
    ['of a text', 'case_id', undefined],
    ['of null', null, undefined],
    ['of an empty envelope', { specversion: '1.0' }, undefined],
  ])('%s', (_, body, caseId) => {
    expect(caseIdIn(JSON.stringify(body))).toBe(caseId);
  });

  test('of what is not JSON', () => {
    expect(caseIdIn('{"case_id":"1"')).toBeUndefined();
  });
});
