// Anything may be on the queue. Nothing throws, nothing is lost: each record is marked, dead or left, exactly one.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type Environment, fabricated, receipt, startEnvironment, useEnvironment } from './environment.ts';

useEnvironment();

let environment: Environment;
beforeAll(async () => {
  environment = await startEnvironment({ until: 'file' });
});
beforeEach(() => environment.clear());

type Sent = { Id: string; MessageBody: string; MessageAttributes: Record<string, { StringValue: string }> };

/** What became of each record: seen at Huawei, at SQS and in the answer. */
const settledAs = async (bodies: string[]) => {
  environment.clear();
  const records = bodies.map(body => fabricated(body));
  // What the stand-in of SQS would refuse for its characters is not the matter here: SQS had it before.
  environment.proxy.intercept = ({ body }) => {
    const Successful = (body.Entries as Sent[]).map(({ Id, MessageBody }) => ({
      Id,
      MessageId: 'x',
      MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
    }));
    return { status: 200, body: { Successful, Failed: [] } };
  };
  const { batchItemFailures } = await environment.invoke(records);
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  const letters = new Map(
    environment.proxy.calls
      .filter(({ action }) => action === 'SendMessageBatch')
      .flatMap(({ body }) => body.Entries as Sent[])
      .map(entry => {
        const failure = JSON.parse(entry.MessageAttributes.failure?.StringValue ?? '');
        return [failure.source_message_id as string, { failure, body: entry.MessageBody }];
      }),
  );
  return records.map(({ messageId, body }) => ({
    body,
    left: failed.has(messageId),
    letter: letters.get(messageId),
  }));
};

/** The marks that Huawei saw, in the receipts' own words. */
const marks = () => environment.marks().map(({ caseId }) => caseId);

// What is a receipt: receipt/receipt.test.ts.
const NASTY = [
  '',
  'null',
  '1e999',
  '"case_id"',
  '[]',
  '{"case_id":{}}',
  '{"case_id":".."}',
  '{"case_id":"a\\u0000"}',
  '{"case_id":"\\udc00\\ud800"}',
  '{"__proto__":{"case_id":"1"}}',
  '{"constructor":{"prototype":{"case_id":"1"}}}',
  '{"Type":"Notification","Message":{"case_id":"1"}}',
  '{"detail-type":"x","detail":"{\\"case_id\\":\\"1\\"}"}',
  '{"specversion":"1.0","data":[]}',
  '{"Type":"SubscriptionConfirmation","Message":"x","SubscribeURL":"https://x"}',
  '{"case_id":"1","language":"en\\r\\nX-Auth-Token: x"}',
  '{"case_id":"1"}}',
  '\u{FEFF}{"case_id":"1"}',
  '\u0000',
  '\ud800',
  '['.repeat(1_000_000),
  `${'['.repeat(500_000)}${']'.repeat(500_000)}`,
  `{"detail-type":"x","detail":${'{"a":'.repeat(170_000)}1${'}'.repeat(170_000)}}`,
  `{"case_id":${'['.repeat(500_000)}${']'.repeat(500_000)}}`,
];

test('what is no receipt is dead-lettered with a reason, nested as deep as 1 MiB allows; nothing is asked for it', async () => {
  for (const { body, left, letter } of await settledAs(NASTY)) {
    const [shown, as] = [body.slice(0, 100), letter?.failure.code];
    expect({ shown, left, as }).toEqual({
      shown,
      left: false,
      as: expect.stringMatching(/^(malformed|invalid)$/),
    });
    expect(letter?.failure.detail.length).toBeGreaterThan(5);
    expect(letter?.body === body).toBe(true);
  }
  expect(environment.huawei.requests).toEqual([]);
  // __proto__ changed nothing for those who come after.
  expect((await settledAs(['{}']))[0]?.letter?.failure.code).toBe('invalid');
});

const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 70 }), fc.jsonValue());
const almost = fc.record(
  {
    case_id: anything,
    group_id: anything,
    language: anything,
    time_zone: anything,
    read_at: fc.oneof(
      fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
      anything,
    ),
  },
  { requiredKeys: [] },
);
const anyBody = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.json(),
  fc.constantFrom(...NASTY.filter(({ length }) => length < 100)),
  almost.map(value => JSON.stringify(value)),
  almost.map(value => JSON.stringify({ Type: 'Notification', Message: JSON.stringify(value) })),
  almost.map(detail => JSON.stringify({ 'detail-type': 'x', detail })),
  almost.map(data => JSON.stringify({ specversion: '1.0', data })),
);

test('any batch: each record is marked or dead, exactly one of them, and the healthy one among them is marked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyBody, { minLength: 1, maxLength: 12 }), async bodies => {
      const [healthy, ...others] = await settledAs([receipt('healthy'), ...bodies]);
      expect(healthy).toMatchObject({ left: false, letter: undefined });
      expect(marks()).toContain('healthy');
      for (const { left, letter, body } of others) {
        expect(left).toBe(false);
        if (letter) expect(letter.body).toBe(body);
      }
      // As many calls as there are distinct marks among those that did not die; none for the dead.
      const alive = others.filter(({ letter }) => !letter).length;
      expect(environment.marks().length).toBeLessThanOrEqual(alive + 1);
      expect(environment.marks().every(({ status }) => status === 200)).toBe(true);
    }),
    { numRuns: 60 },
  );
}, 120_000);

/** What the contract takes for a case_id: 1 to 64 characters, no control characters, no lone surrogates, not . or .. */
const isCaseId = (text: string) => /^(?!\.{1,2}$)[^\p{Cc}\p{Cs}]{1,64}$/u.test(text);

const caseIds = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 64 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom('.', '/', '%', '2', 'e', 'F', '\\', '?', '#', ';', '&', '=', '+', ' '),
    minLength: 1,
    maxLength: 64,
  }),
  fc.string({
    unit: fc.constantFrom('🎫', '票', '\u{10FFFF}', '\ud800', '\u0085', '\u007f', 'a'),
    minLength: 60,
    maxLength: 68,
  }),
);

test('a case_id of any characters reaches Huawei as one segment with exactly these, or is invalid by the rule', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(caseIds, { minLength: 1, maxLength: 40 }), async ids => {
      const records = await settledAs(ids.map(id => receipt(id)));
      expect(marks().sort()).toEqual(ids.filter(isCaseId).sort());
      expect(environment.huawei.requests.every(({ kind }) => kind !== 'other')).toBe(true);
      for (const [index, { left, letter }] of records.entries()) {
        expect(left).toBe(false);
        expect(letter?.failure.code).toBe(isCaseId(ids[index] as string) ? undefined : 'invalid');
        if (letter) expect(letter.failure.detail).toContain('case_id');
      }
    }),
    { numRuns: 40 },
  );
}, 120_000);
