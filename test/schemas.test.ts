// The published JSON Schemas: up to date, and of one mind with the code.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import fc from 'fast-check';
import type * as z from 'zod/mini';
import { deadLetterOf } from '../lib/dead-letters/dead-letter.ts';
import { letterCodes, parseReplayRequest } from '../lib/dead-letters/request.ts';
import { failureCodes } from '../lib/failure.ts';
import { parseReceipt, type receiptSchema } from '../lib/receipt/receipt.ts';
import { contracts } from '../local/contract.ts';
import { folder, render } from '../local/schemas.ts';
import type { Receipt } from '../schemas/receipt.d.ts';
import { fabricated } from './environment.ts';

const read = (file: string) => readFile(path.join(folder, file), 'utf8');

const ajv = new Ajv2020({ allErrors: true });
formats.default(ajv);
const files = await render();
const schemaOf = (name: string) => JSON.parse(files[`${name}.schema.json`] ?? '');
const validators = Object.fromEntries(contracts.map(({ name }) => [name, ajv.compile(schemaOf(name))]));
const isValid = (name: string, value: unknown): boolean => validators[name]?.(value) ?? false;

const takesReceipt = (value: unknown) => 'receipt' in parseReceipt(JSON.stringify(value));
const takesRequest = (value: unknown) => {
  try {
    parseReplayRequest(value);
    return true;
  } catch {
    return false;
  }
};

test.each(Object.entries(files))('schemas/%s is up to date (npm run schemas)', async (file, text) => {
  expect(await read(file)).toBe(text);
});

test('the words of a field are those of its schema, not of a later type in the same file', () => {
  const { code } = schemaOf('failure').properties;
  expect(code.description).toMatch(/^What happened, one of the codes/);
});

test('schemas/receipt.d.ts is the type of what the code takes', () => {
  type Taken = z.input<typeof receiptSchema>;
  const sent: Receipt = { case_id: '1', read_at: undefined } satisfies Taken;
  const taken: Taken = sent satisfies Taken;
  // @ts-expect-error A misspelt field does not compile.
  const misspelt: Receipt = { case_id: '1', groupId: 'g' };
  expect([taken, misspelt].map(takesReceipt)).toEqual([true, true]);
});

test.each(contracts)('$title: schema and code take the examples', ({ name, schema, examples }) => {
  for (const example of examples) {
    expect(schema.safeParse(example)).toMatchObject({ success: true });
    expect([example, isValid(name, example)]).toEqual([example, true]);
  }
});

test('examples of README and docs, each in a block that begins with ```json', async () => {
  const pages = (await Promise.all(['../README.md', '../docs/sending.md'].map(read))).join('\n');
  const blocks = [...pages.matchAll(/^```json ?([\w-]*)\n(.*?)^```$/gms)];
  expect(blocks.filter(([, name]) => !name).length).toBeGreaterThan(0);
  for (const [, name = '', text = ''] of blocks) {
    const value: unknown = JSON.parse(text);
    if (name !== 'envelope') expect([value, isValid(name || 'receipt', value)]).toEqual([value, true]);
    if (name === '' || name === 'envelope') expect(takesReceipt(value)).toBe(true);
    if (name === 'replay-request') expect(takesRequest(value)).toBe(true);
  }
});

test('whatever failure a dead letter tells of is one by the schema', () => {
  const failure = fc.record(
    {
      code: fc.constantFrom(...failureCodes),
      detail: fc.string(),
      status: fc.integer({ min: 100, max: 999 }),
    },
    { requiredKeys: ['code', 'detail'] },
  );
  const more = fc.record({ error_code: fc.string(), request_id: fc.string() }, { requiredKeys: [] });
  fc.assert(
    fc.property(failure, more, (failure, more) => {
      const { attributes } = deadLetterOf(fabricated('x'), { ...failure, ...more }, Date.now());
      expect(isValid('failure', JSON.parse(attributes.failure?.StringValue ?? ''))).toBe(true);
    }),
  );
});

describe('schema and code agree on generated values', () => {
  const unit = fc.integer({ min: 0, max: 0xffff }).map(code => String.fromCharCode(code));
  const few = fc.constantFrom('a', '\u{1f3ab}', '\n', '\u0085', ' ', '~');
  const edges = ['', '.', '..', '...', '%2e', '\ud800', '\udc00\ud800', 'GMT+8'];
  const long = ['a', '\u{1f3ab}'].flatMap(each => [32, 33, 64, 65].map(length => each.repeat(length)));
  const ends = ['\n', '\r', '\u2028', '\u0085', '٣', 'é', '\u{1f3ab}', '\ud800', '\ufffd', '\uffff'];
  const text = fc.oneof(
    fc.string({ maxLength: 70 }),
    fc.string({ unit, maxLength: 40 }),
    fc.string({ unit: few, minLength: 30, maxLength: 70 }),
    fc.constantFrom(...edges, ...long, ...ends.map(end => `a${end}`)),
  );
  const whole = '2026-02-28T23:59:59.123+08:00';
  const offset = fc.constantFrom('Z', 'z', '+08:00', '-23:59', '+24:00', '+0800', '', ' Z', ...ends);
  const time = fc.oneof(
    fc
      .tuple(fc.date({ noInvalidDate: true }), offset)
      .map(([date, offset]) => date.toISOString().replace('Z', offset)),
    fc
      .tuple(fc.nat(40), fc.constantFrom('0', '1', '2', '3', '5', '9', '٣'))
      .map(([at, digit]) => whole.replace(/./g, (c, i) => (i === at ? digit : c))),
    fc.constantFrom(
      '2024-02-29T00:00:00Z',
      '2026-02-29T00:00:00Z',
      '2026-01-31T09:30Z',
      '2026-01-31',
      'never',
    ),
    fc.constantFrom(...ends).map(end => `2026-01-31T09:30:00Z${end}`),
  );
  const string = fc.oneof(text, time);
  const codes = fc.array(fc.constantFrom<unknown>(...letterCodes, 'forbiddden', 7), { maxLength: 2 });
  // JSON knows no other numbers.
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  const number = fc.oneof(fc.integer(), finite, fc.constantFrom(0, 1, 2, 100_000, 100_001, 2 ** 53));
  const other = fc.oneof(fc.constantFrom(null, true, [], {}), fc.jsonValue({ maxDepth: 1 }));
  const value = fc.oneof({ weight: 5, arbitrary: string }, codes, number, other);
  /** One field, of any value or of a usual one; the fields of a schema do not depend on each other. */
  const oneOf = (usual: fc.Arbitrary<unknown>, ...names: string[]) =>
    fc.tuple(fc.constantFrom(...names), fc.oneof(usual, value)).map(([name, value]) => ({ [name]: value }));
  const receiptFields = ['case_id', 'group_id', 'language', 'time_zone', 'read_at'];

  const agree = (name: string, takes: (value: unknown) => boolean, values: fc.Arbitrary<unknown>) => {
    let taken = 0;
    fc.assert(
      fc.property(values, value => {
        taken += Number(takes(value));
        expect(isValid(name, JSON.parse(JSON.stringify(value)))).toBe(takes(value));
      }),
      { numRuns: 2_000 },
    );
    // Neither nearly all nor nearly none, or little was tried.
    expect([taken > 150, taken < 1_600]).toEqual([true, true]);
  };

  test('receipts', () => {
    const receipt = oneOf(string, ...receiptFields, 'x-unknown').map(field => ({ case_id: '1', ...field }));
    agree('receipt', takesReceipt, fc.oneof({ weight: 20, arbitrary: receipt }, value));
  });

  test('replay requests', () => {
    const settings = oneOf(
      fc.oneof(number, fc.boolean()),
      'limit',
      'rate_per_second',
      'dry_run',
      'set',
      'dryrun',
    );
    const filter = oneOf(
      fc.oneof(codes, time, number),
      'failure_code',
      'case_id',
      'after',
      'before',
      'max_replays',
      'code',
    );
    const which = { all: fc.constantFrom(true, false, null), filter: fc.oneof(filter, other) };
    const request = fc.oneof(
      settings.map(setting => ({ all: true, ...setting })),
      filter.map(filter => ({ filter })),
      oneOf(string, ...receiptFields, 'colour').map(set => ({ all: true, set })),
      fc.record(which, { requiredKeys: [] }),
      value,
    );
    agree('replay-request', takesRequest, request);
  });

  test('receipts, by the regular expressions of Python', () => {
    const values = fc.sample(string, { numRuns: 2_000, seed: 1 });
    const { properties } = schemaOf('receipt');
    const ran = spawnSync('python3', ['-c', PYTHON], { input: JSON.stringify({ properties, values }) });
    if (ran.error) return console.warn(`Python is not tried: ${ran.error.message}`);
    expect(String(ran.stderr)).toBe('');
    const said: Record<string, boolean[]> = JSON.parse(String(ran.stdout));
    expect(Object.keys(said)).toEqual(receiptFields);
    for (const [field, answers] of Object.entries(said))
      expect(Object.groupBy(values, (_, i) => `${answers[i]}`)).toEqual(
        Object.groupBy(values, value => `${takesReceipt({ case_id: '1', [field]: value })}`),
      );
  });
});

/** The words of JSON Schema that schemas/ says of texts, as a validator in Python takes them. */
const PYTHON = `
import json, re, sys
def valid(schema, value):
    if "anyOf" in schema and not any(valid(one, value) for one in schema["anyOf"]): return False
    if "not" in schema and valid(schema["not"], value): return False
    if schema.get("type", "string") != "string": return False
    if "enum" in schema and value not in schema["enum"]: return False
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)): return False
    return "pattern" not in schema or re.search(schema["pattern"], value) is not None
given = json.load(sys.stdin)
said = {name: [valid(schema, value) for value in given["values"]] for name, schema in given["properties"].items()}
json.dump(said, sys.stdout)
`;
