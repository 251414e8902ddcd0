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
const fates = async (bodies: string[]) => {
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

const NASTY = [
  '',
  ' ',
  'null',
  'true',
  '0',
  '-0',
  '1e999',
  '""',
  '"case_id"',
  '[]',
  '{}',
  '{"case_id":{}}',
  '{"case_id":["1"]}',
  '{"case_id":1}',
  '{"case_id":""}',
  '{"case_id":"."}',
  '{"case_id":".."}',
  '{"case_id":"a\\u0000"}',
  '{"case_id":"\\ud800"}',
  '{"case_id":"\\udc00\\ud800"}',
  '{"__proto__":{"case_id":"1"}}',
  '{"constructor":{"prototype":{"case_id":"1"}}}',
  '{"Type":"Notification","Message":{"case_id":"1"}}',
  '{"Type":"Notification","Message":"null"}',
  '{"Type":"Notification","Message":"[]"}',
  '{"Type":"Notification","Message":""}',
  '{"detail-type":"x","detail":"{\\"case_id\\":\\"1\\"}"}',
  '{"specversion":"1.0","data":[]}',
  '{"Type":"SubscriptionConfirmation","Message":"x","SubscribeURL":"https://x"}',
  '{"case_id":"1","read_at":"yesterday"}',
  '{"case_id":"1","read_at":1700000000}',
  '{"case_id":"1","group_id":"ggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg"}',
  '{"case_id":"1","language":"en\\r\\nX-Auth-Token: x"}',
  '{"case_id":"1","time_zone":"GMT+8 "}',
  '{"case_id":"1","language":"dé"}',
  '\u{FEFF}{"case_id":"1"}',
  '{"case_id":"1"}}',
  "{'case_id':'1'}",
  '{"case_id":"1",}',
  '\u0000',
  '\ud800',
];

test.each(NASTY)('is dead-lettered with a reason: %j', async body => {
  const [record] = await fates([body]);
  expect(record).toMatchObject({ left: false, letter: { body } });
  expect(['malformed', 'invalid']).toContain(record?.letter?.failure.code);
  expect(record?.letter?.failure.detail.length).toBeGreaterThan(5);
  expect(environment.huawei.requests).toEqual([]);
});

test.each([
  ['arrays', '['.repeat(500_000) + ']'.repeat(500_000)],
  ['objects', `${'{"a":'.repeat(170_000)}1${'}'.repeat(170_000)}`],
  ['a case_id', `{"case_id":${'['.repeat(500_000)}${']'.repeat(500_000)}}`],
  ['an envelope', `{"detail-type":"x","detail":${'['.repeat(500_000)}${']'.repeat(500_000)}}`],
  ['an unclosed list', '['.repeat(1_000_000)],
])('1 MiB of nesting is dead-lettered, not a crash: %s', async (_, body) => {
  const [record, other] = await fates([body, receipt('healthy')]);
  expect(record?.left).toBe(false);
  expect(record?.letter?.body).toBe(body);
  expect(other).toMatchObject({ left: false, letter: undefined });
});

test('__proto__ changes nothing for those who come after', async () => {
  await fates(['{"__proto__":{"case_id":"polluted"},"constructor":{"prototype":{"case_id":"polluted"}}}']);
  const [record] = await fates(['{}']);
  expect(record?.letter?.failure.code).toBe('invalid');
});

const nested = fc.letrec(tie => ({
  value: fc.oneof({ depthSize: 'small' }, fc.jsonValue(), tie('envelope')),
  envelope: fc.record(
    {
      case_id: fc.oneof(fc.string({ unit: 'binary', maxLength: 70 }), fc.jsonValue()),
      group_id: fc.oneof(fc.string({ unit: 'binary', maxLength: 70 }), fc.jsonValue()),
      language: fc.oneof(fc.string({ maxLength: 40 }), fc.jsonValue()),
      time_zone: fc.oneof(fc.string({ maxLength: 40 }), fc.jsonValue()),
      read_at: fc.oneof(
        fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
        fc.jsonValue(),
      ),
      Type: fc.constantFrom('Notification', 'Other'),
      Message: fc.oneof(fc.json(), fc.string()),
      'detail-type': fc.string(),
      detail: tie('value'),
      specversion: fc.constant('1.0'),
      data: tie('value'),
    },
    { requiredKeys: [] },
  ),
}));

const anyBody = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.json(),
  fc.constantFrom(...NASTY),
  nested.value.map(value => JSON.stringify(value)),
  nested.envelope.map(value => JSON.stringify(value)),
  nested.envelope.map(value => JSON.stringify({ Type: 'Notification', Message: JSON.stringify(value) })),
);

test('any batch: each record is marked or dead, exactly one of them, and the healthy one among them is marked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyBody, { minLength: 1, maxLength: 12 }), async bodies => {
      const [healthy, ...others] = await fates([receipt('healthy'), ...bodies]);
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
}, 30_000);

/** What the contract takes for a case_id, in words of its own. */
const isCaseId = (text: string) => {
  const characters = [...text];
  return (
    characters.length >= 1 &&
    characters.length <= 64 &&
    text !== '.' &&
    text !== '..' &&
    text.isWellFormed() &&
    characters.every(character => {
      const point = character.codePointAt(0) as number;
      return point > 0x1f && (point < 0x7f || point > 0x9f);
    })
  );
};

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
      const records = await fates(ids.map(id => receipt(id)));
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
}, 30_000);

test('whatever Huawei answers, each record is marked, dead or left, exactly one of them', async () => {
  const answers = fc.record({
    status: fc.oneof(
      fc.constantFrom(200, 201, 400, 401, 403, 404, 429, 494, 500),
      fc.integer({ min: 200, max: 599 }),
    ),
    body: fc.oneof(
      fc.json(),
      fc.string(),
      fc.record({ error_code: fc.jsonValue(), error_msg: fc.jsonValue() }, { requiredKeys: [] }),
      fc.record({ error_code: fc.constantFrom('OSM.01010015', 'OSM.0002', 'OSM.0003', 'x', 'valueOf', '') }),
      fc.record({ error: fc.jsonValue() }),
    ),
    headers: fc.record(
      {
        'Retry-After': fc.oneof(
          fc.integer().map(String),
          fc.string({ unit: fc.constantFrom('1', '-', 'a', ' ', '.', ',') }),
        ),
        'Content-Type': fc.constantFrom('text/html', 'application/json', ''),
      },
      { requiredKeys: [] },
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(answers, { minLength: 1, maxLength: 8 }), async given => {
      const own = await startEnvironment();
      for (const [index, answer] of given.entries()) {
        own.huawei.faults.add({ does: 'answer', ...answer, match: { caseId: `c${index}` } });
      }
      const { failed, ids } = await own.deliver([
        receipt('healthy'),
        ...given.map((_, i) => receipt(`c${i}`)),
      ]);
      const dead = own.deadLetters().map(({ failure }) => failure.source_message_id);
      for (const [index, id] of ids.entries()) {
        const isLeft = failed.includes(index);
        expect(own.left().includes(id)).toBe(isLeft);
        expect(isLeft && dead.includes(id)).toBe(false);
        if (isLeft || dead.includes(id) || index === 0) continue;
        // Acknowledged without a letter: Huawei has said so.
        const { status, body } = given[index - 1] ?? {};
        expect(status).toBe(200);
        const said = typeof body === 'string' ? JSON.parse(body) : body;
        expect(said).toEqual(expect.any(Object));
        expect([undefined, null, '']).toContain((said as { error_code?: unknown }).error_code);
      }
      await own.huawei.close();
    }),
    { numRuns: 60 },
  );
}, 30_000);
