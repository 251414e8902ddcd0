// The published JSON Schemas: up to date, with words for every field, and of one mind with the code.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import fc from 'fast-check';
import type * as z from 'zod/mini';
import { letterOf } from '../lib/dead-letters/dead-letter.ts';
import { createReplay } from '../lib/dead-letters/replay.ts';
import { letterCodes, parseReplayRequest } from '../lib/dead-letters/request.ts';
import { failureCodes } from '../lib/failure.ts';
import { parseReceipt, type receiptSchema } from '../lib/receipt/receipt.ts';
import type { Message } from '../lib/sqs/message.ts';
import { contracts } from '../local/contract.ts';
import { folder, render } from '../local/schemas.ts';
import type { Receipt } from '../schemas/receipt.d.ts';
import { fabricated, passwordCredentials, receipt, startEnvironment, useEnvironment } from './environment.ts';

const RUNS = 2_000;
const read = (file: string) => readFile(path.join(folder, file), 'utf8');

const ajv = new Ajv2020({ allErrors: true });
formats.default(ajv);
const files = Object.entries(await render());
const validators = Object.fromEntries(
  files
    .filter(([file]) => file.endsWith('.json'))
    .map(([file, text]) => [file.replace('.schema.json', ''), ajv.compile(JSON.parse(text))]),
);
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

test.each(files)('schemas/%s is up to date (npm run schemas)', async (file, text) => {
  expect(await read(file)).toBe(text);
});

test('schemas/receipt.d.ts is the type of what the code takes', () => {
  type Taken = z.input<typeof receiptSchema>;
  const sent: Receipt = { case_id: '1', read_at: undefined } satisfies Taken;
  const taken: Taken = sent satisfies Taken;
  // @ts-expect-error A misspelt field does not compile.
  const misspelt: Receipt = { case_id: '1', groupId: 'g' };
  expect([taken, misspelt].map(takesReceipt)).toEqual([true, true]);
});

describe('examples', () => {
  test.each(contracts)('$title: schema and code take each', ({ name, schema, examples }) => {
    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) {
      expect(schema.safeParse(example)).toMatchObject({ success: true });
      expect([example, isValid(name, example)]).toEqual([example, true]);
    }
  });

  test('of README and docs, each in a block that begins with ```json', async () => {
    const pages = ['../README.md', '../docs/sending.md'].map(read);
    const readme = (await Promise.all(pages)).join('\n');
    const blocks = [...readme.matchAll(/^```json ?([\w-]*)\n(.*?)^```$/gms)].map(([, name, text = '']) => ({
      name: name || 'receipt',
      value: JSON.parse(text) as unknown,
    }));
    expect(blocks.filter(({ name }) => name === 'receipt').length).toBeGreaterThan(0);
    for (const { name, value } of blocks) {
      if (name === 'envelope') expect(takesReceipt(value)).toBe(true);
      else expect([value, isValid(name, value)]).toEqual([value, true]);
      if (name === 'receipt') expect(takesReceipt(value)).toBe(true);
      if (name === 'replay-request') expect(takesRequest(value)).toBe(true);
    }
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

const unit = fc.integer({ min: 0, max: 0xffff }).map(code => String.fromCharCode(code));
const text = fc.oneof(
  fc.string({ maxLength: 70 }),
  fc.string({ unit: 'binary', maxLength: 70 }),
  fc.string({ unit, maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('a', '\u{1f3ab}', '\n', '\u0085', ' ', '~'),
    minLength: 30,
    maxLength: 70,
  }),
  fc.constantFrom(
    '',
    '.',
    '..',
    '...',
    '%2e',
    '\ud800',
    '\udc00\ud800',
    'a'.repeat(64),
    '\u{1f3ab}'.repeat(64),
  ),
);
const digits = fc.constantFrom('0', '1', '2', '3', '5', '9', '٣');
const time = fc.oneof(
  fc
    .date({ noInvalidDate: false })
    .map(date => (Number.isNaN(date.getTime()) ? 'never' : date.toISOString())),
  fc
    .tuple(
      fc.date({ noInvalidDate: true }),
      fc.constantFrom('Z', 'z', '+08:00', '-23:59', '+24:00', '+0800', '', ' Z', 'Z\n'),
    )
    .map(([date, offset]) => date.toISOString().replace('Z', offset)),
  fc
    .tuple(fc.nat(40), digits)
    .map(([at, digit]) => '2026-02-28T23:59:59.123+08:00'.replace(/./g, (c, i) => (i === at ? digit : c))),
  fc.constantFrom(
    '2024-02-29T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-01-31T09:30Z',
    '2026-01-31',
    '2026-01-31T09:30:60Z',
    '2026-01-31t09:30:00Z',
  ),
);
const other = fc.oneof(fc.constantFrom(null, true, 0, 1.5, [], {}), fc.jsonValue({ maxDepth: 1 }));
const maybe = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 12, arbitrary: value }, { weight: 1, arbitrary: other });
const fields = {
  case_id: maybe(text),
  group_id: maybe(text),
  language: maybe(text),
  time_zone: maybe(fc.oneof(text, fc.constantFrom('GMT+8', 'a'.repeat(32), 'a'.repeat(33)))),
  read_at: maybe(time),
};
const whole = maybe(
  fc.oneof(
    fc.nat(100_000),
    fc.integer(),
    fc.double(),
    fc.constantFrom(0, 1, 100_000, 100_001, 2 ** 53, 2 ** 53 - 1),
  ),
);
const code = fc.constantFrom<unknown>(...letterCodes, ...letterCodes, 'forbiddden', 7);

describe('generated values: schema and code agree', () => {
  test('receipts', () => {
    let valid = 0;
    const body = fc.record({ ...fields, 'x-unknown': other }, { requiredKeys: [] });
    const characters = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const ascii = fc.stringMatching(/^[!-~]{1,32}$/);
    const good = fc.record(
      {
        case_id: characters,
        group_id: fc.option(characters),
        language: fc.option(ascii),
        time_zone: fc.option(ascii),
      },
      { requiredKeys: ['case_id'] },
    );
    fc.assert(
      fc.property(fc.oneof(maybe(body), good), value => {
        const taken = takesReceipt(value);
        valid += Number(taken);
        expect(isValid('receipt', JSON.parse(JSON.stringify(value)))).toBe(taken);
      }),
      { numRuns: 2 * RUNS },
    );
    expect(valid).toBeGreaterThan(RUNS / 3);
  });

  test('receipts, by the regular expressions of Python', () => {
    const { properties } = JSON.parse(Object.fromEntries(files)['receipt.schema.json'] as string);
    const texts = fc.sample(fc.oneof(text, time), { numRuns: RUNS, seed: 1 });
    const ends = ['', '\n', '\r', '\u2028', '\u0085', '٣', 'é', '\u{1f3ab}', '\ud800', '\ufffd', '\uffff'];
    const values = [
      ...texts,
      ...ends.flatMap(end => ['a', '2026-01-31T09:30:00Z'].map(start => start + end)),
    ];
    const ran = spawnSync('python3', ['-c', PYTHON], { input: JSON.stringify({ properties, values }) });
    if (ran.error) return console.warn(`Python is not tried: ${ran.error.message}`);
    expect(String(ran.stderr)).toBe('');
    const said: Record<string, boolean[]> = JSON.parse(String(ran.stdout));
    expect(Object.keys(said)).toEqual(['case_id', 'group_id', 'language', 'time_zone', 'read_at']);
    for (const [field, answers] of Object.entries(said))
      for (const [index, value] of values.entries())
        expect([field, value, answers[index]]).toEqual([
          field,
          value,
          takesReceipt({ case_id: '1', [field]: value }),
        ]);
  });

  test('replay requests', () => {
    let valid = 0;
    const filter = fc.record(
      {
        failure_code: maybe(fc.array(code, { maxLength: 3 })),
        case_id: maybe(text),
        after: maybe(time),
        before: maybe(time),
        max_replays: whole,
      },
      { requiredKeys: [] },
    );
    const request = fc.record(
      {
        all: fc.constantFrom<unknown>(true, true, false, null),
        filter: maybe(filter),
        set: maybe(fc.record(fields, { requiredKeys: [] })),
        limit: whole,
        rate_per_second: whole,
        dry_run: maybe(fc.boolean()),
      },
      { requiredKeys: [] },
    );
    const goodTime = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') });
    const good = fc.record(
      {
        filter: fc.record(
          {
            failure_code: fc.subarray([...letterCodes], { minLength: 1 }),
            case_id: text,
            after: goodTime.map(date => date.toISOString()),
            max_replays: fc.integer({ min: 1, max: 9 }),
          },
          { requiredKeys: [] },
        ),
        set: fc.record({ group_id: fc.option(fc.string({ maxLength: 64 })) }),
        limit: fc.integer({ min: 1 }),
        dry_run: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const mistyped = request.map(value => ({ ...value, dryrun: true }));
    fc.assert(
      fc.property(
        fc.oneof({ weight: 6, arbitrary: maybe(request) }, { weight: 3, arbitrary: good }, mistyped),
        value => {
          const taken = takesRequest(value);
          valid += Number(taken);
          expect(isValid('replay-request', value)).toBe(taken);
        },
      ),
      { numRuns: RUNS },
    );
    expect(valid).toBeGreaterThan(RUNS / 50);
  });
});

describe('what the code writes', () => {
  useEnvironment();

  test('failure: dead letters of every sort, read again by our own reader', async () => {
    const environment = await startEnvironment({
      huawei: { openCases: false, cases: { team: { group: 'g-1' } } },
    });
    const bodies = ['not JSON', '{}', receipt('nobody-knows-it'), receipt('team')];
    await environment.invoke(bodies.map(body => fabricated(body)));
    const letters = environment.deadLetters();
    expect(letters.map(({ failure }) => failure.code).sort()).toEqual([
      'forbidden',
      'invalid',
      'malformed',
      'rejected',
    ]);
    for (const { body, attributes, failure } of letters) {
      expect([failure, isValid('failure', failure)]).toEqual([failure, true]);
      const message = { body, attributes } as unknown as Message;
      const read = letterOf({ messageId: '1', receiptHandle: '1', message, sentAt: 0, receives: 1 });
      expect(read.failure).toEqual(failure);
    }
  });

  test('failure: of a secret that is refused, a day later', async () => {
    const environment = await startEnvironment({
      credentials: { ...passwordCredentials, password: 'not-the-password' },
    });
    const old = { ApproximateFirstReceiveTimestamp: String(Date.now() - 90_000_000) };
    await environment.invoke([fabricated(receipt('1'), old)]);
    const [letter] = environment.deadLetters();
    expect(letter?.failure).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(isValid('failure', letter?.failure)).toBe(true);
    expect(failureCodes).toContain(letter?.failure.code);
  });

  test('the answer of a replay', async () => {
    const empty = {
      url: 'none',
      receive: async () => ({ messages: [] }),
      hide: async () => [],
      depth: async () => ({ visible: 0, hidden: 0, delayed: 0 }),
    };
    const { counts } = await createReplay({ source: empty as never, deadLetters: empty as never })({
      all: true,
    });
    expect([counts, isValid('replay-answer', counts)]).toEqual([counts, true]);
  });
});
