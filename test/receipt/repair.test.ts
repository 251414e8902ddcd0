// Setting fields of a receipt inside its body, whatever envelope it came in, without touching anything else.
import fc from 'fast-check';
import { parseReceipt } from '../../lib/receipt/receipt.ts';
import { repair } from '../../lib/receipt/repair.ts';

const repaired = (body: string, set: object): string => {
  const result = repair(body, set);
  if ('failure' in result) throw new Error(result.failure.detail);
  return result.body;
};

describe('what was not set means what it meant, numbers to the last digit', () => {
  test.each([
    ['{"case_id":"a"}', '{"case_id":"a","group_id":"g"}'],
    [
      ' { "case_id" : "a" , "n": 1.0e400,\n\t"big":12345678901234567890, "zero":-0 }\n',
      '{"case_id":"a","n":1.0e400,"big":12345678901234567890,"zero":-0,"group_id":"g"}',
    ],
    [
      '{"case_id":"a","group_id":"old","z":[{"group_id":"inner"}]}',
      '{"case_id":"a","group_id":"g","z":[{"group_id":"inner"}]}',
    ],
    ['{"group_id":1,"case_id":"a","group_id":null}', '{"group_id":"g","case_id":"a"}'],
    ['{"case_id":"a","gr\\u006fup_id":"x"}', '{"case_id":"a","group_id":"g"}'],
    [
      '{"case_id":"a","q":"\\"}{","e":"\\\\","s":"\\ud800"}',
      '{"case_id":"a","q":"\\"}{","e":"\\\\","s":"\\ud800","group_id":"g"}',
    ],
    [
      '{"case_id":"a","__proto__":{"group_id":"h","n":1.0}}',
      '{"case_id":"a","__proto__":{"group_id":"h","n":1.0},"group_id":"g"}',
    ],
    [
      '{"Type":"Notification","Message":"{\\"case_id\\":\\"a\\",\\"n\\":1.0}","Timestamp":1.10}',
      '{"Type":"Notification","Message":"{\\"case_id\\":\\"a\\",\\"n\\":1.0,\\"group_id\\":\\"g\\"}","Timestamp":1.10}',
    ],
    [
      '{"detail-type":"read","detail":{},"detail": { "case_id":"a"},"version":"0"}',
      '{"detail-type":"read","detail":{"case_id":"a","group_id":"g"},"version":"0"}',
    ],
    [
      '{"specversion":"1.0","data":{"case_id":"a","x":1.50},"id":1.0}',
      '{"specversion":"1.0","data":{"case_id":"a","x":1.50,"group_id":"g"},"id":1.0}',
    ],
    // SQS refuses these characters, but not their escapes.
    ['{"case_id":"a","x":"\\uffff"}', '{"case_id":"a","x":"\\uffff","group_id":"g"}'],
    [
      '{"Type":"Notification","Message":"{\\"case_id\\":\\"a\\",\\"x\\":\\"\\\\ufffe\\"}","y":"\\uffff"}',
      '{"Type":"Notification","Message":"{\\"case_id\\":\\"a\\",\\"x\\":\\"\\\\ufffe\\",\\"group_id\\":\\"g\\"}","y":"\\uffff"}',
    ],
    ['{"case_id":"a","rawJSON":"1"}', '{"case_id":"a","rawJSON":"1","group_id":"g"}'],
  ])('%s', (body, expected) => {
    expect(repaired(body, { group_id: 'g' })).toBe(expected);
  });

  test.each([
    ['fields of an empty object', '{ }', { case_id: 'a', group_id: 'g' }, '{"case_id":"a","group_id":"g"}'],
    ['null', '{"case_id":"a","language":"é"}', { language: null, group_id: null }, '{"case_id":"a"}'],
  ])('%s', (_, body, set, expected) => {
    expect(repaired(body, set)).toBe(expected);
  });

  test.each([
    ['{ "case_id" : "a" , "n": 1.0 }\n', { language: null }],
    ['{"case_id": "a", "language": null}', { language: null }],
    ['{"case_id": "a", "group_id": "g"}', { group_id: 'g', language: null }],
    ['{ "group_id": 1, "case_id": "a", "group_id": "g" }', { group_id: 'g' }],
    ['{ "Type": "Notification", "Message": "{ \\"case_id\\": \\"a\\" }" }', { case_id: 'a' }],
  ])('what changes no field changes no byte: %s with %j', (body, set) => {
    expect(repaired(body, set)).toBe(body);
  });

  test('what is nested too deep to be edited is refused, and says so', () => {
    const deep = (open: string, close: string) =>
      `{"case_id":"a","deep":${open.repeat(200_000)}0${close.repeat(200_000)}}`;
    for (const body of [
      deep('[', ']'),
      deep('{"a":', '}'),
      JSON.stringify({ Type: 'Notification', Message: deep('[', ']') }),
    ])
      expect(repair(body, { group_id: 'g' })).toEqual({
        failure: { code: 'invalid', detail: 'the body is nested too deep to be repaired' },
      });
    expect(parseReceipt(deep('[', ']'))).toEqual({ receipt: { case_id: 'a' } });
  });

  test('any object, any fields: what was not set is what it was', () => {
    const receipt = fc
      .record({
        case_id: fc.constant('a'),
        more: fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
      })
      .map(({ case_id, more }) => ({ ...more, case_id }));
    const spaces = fc.constantFrom(undefined, 1, '\t', '  ');
    fc.assert(
      fc.property(receipt, spaces, fc.string({ maxLength: 30 }), (value, space, group_id) => {
        const body = JSON.stringify(value, undefined, space);
        expect(JSON.parse(repaired(body, { group_id }))).toEqual({ ...JSON.parse(body), group_id });
      }),
      { numRuns: 300 },
    );
  });
});

describe('a repair that gives no valid receipt is refused', () => {
  test.each([
    ['?', {}, 'the body is not JSON'],
    ['[]', { case_id: 'a' }, 'must be a JSON object'],
    ['7', { case_id: 'a' }, 'must be a JSON object'],
    ['"text"', { case_id: 'a' }, 'must be a JSON object'],
    ['null', { case_id: 'a' }, 'must be a JSON object'],
    ['{"specversion":1,"data":7}', { case_id: 'a' }, 'must be a JSON object'],
    ['{"detail-type":"x","detail":"y"}', { group_id: 'g' }, 'must be a JSON object'],
    ['{"Type":"Notification"}', { group_id: 'g' }, 'is missing'],
    ['{"case_id":"a"}', { case_id: null } as never, 'case_id is missing'],
    ['{"case_id":"a","language":"é"}', { group_id: 'g' }, 'language'],
    ['{"a":1}', { group_id: 'g' }, 'case_id'],
  ])('%s with %j', (body, set, detail) => {
    const result = repair(body, set);
    expect('failure' in result && result.failure.detail).toContain(detail);
  });

  test('and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), body => {
        const result = repair(body, { case_id: 'a' });
        if ('body' in result) expect(parseReceipt(result.body)).toHaveProperty('receipt');
      }),
    );
  });
});
