import { letterOf } from '../../lib/dead-letters/dead-letter.ts';
import { createMatch, type Filter, parseReplayRequest } from '../../lib/dead-letters/request.ts';
import type { Message } from '../../lib/sqs/message.ts';
import { attributesOf, receipt } from '../letter-queues.ts';

test.each<[request: unknown, named: string]>([
  [{ filter: { code: ['forbidden'] } }, 'filter has no field code'],
  [{ all: true, limits: 1 }, 'there is no field limits'],
  [{ limit: 0 }, 'limit must be a whole number'],
  [{ limit: '5' }, 'limit must be a whole number'],
  [{ rate_per_second: 1.5 }, 'rate_per_second must be a whole number'],
  [{ dry_run: 'yes' }, 'dry_run must be true or false'],
  [{ filter: { failure_code: ['oops'] } }, 'filter.failure_code.0 must be one of'],
  [{ filter: { failure_code: [] } }, 'filter.failure_code must name at least one code'],
  [{ filter: { after: 'yesterday' } }, 'filter.after must be an ISO 8601 time'],
  [{ set: { colour: 'red' } }, 'set has no field colour'],
  [{ set: { language: 'é' } }, 'must be 1 to 32'],
  [{ set: { case_id: null } }, 'set.case_id null must be text'],
  [{ set: [], all: true }, 'set'],
  [{}, '"all":true'],
  [{ dry_run: true }, '"all":true'],
  [{ all: true, filter: { failure_code: ['forbidden'] } }, 'never both'],
  [{ all: false }, 'all must be true'],
  [{ all: true, filter: {} }, 'filter must have at least one field'],
  [{ filter: 'forbidden' }, 'filter must be a JSON object'],
  [[], 'it must be a JSON object'],
  [{ limit: 0, filter: {} }, 'filter must have at least one field; limit must be a whole number'],
])('%j is refused, and what is wrong is named', (request, named) => {
  expect(() => parseReplayRequest(request)).toThrow(named);
});

describe('a filter', () => {
  const HOUR = 3_600_000;
  const letter = (body: string, given: Parameters<typeof attributesOf>[0]) =>
    letterOf({
      ...{ messageId: '1', receiptHandle: '1', receives: 1, sentAt: Date.now() },
      message: { body, attributes: attributesOf(given) as Message['attributes'] },
    });
  const letters = Object.entries({
    a: letter(receipt('a'), { code: 'forbidden', agoMs: 3 * HOUR }),
    b: letter(receipt('b'), { code: 'rejected', agoMs: 2 * HOUR }),
    c: letter('{"detail-type":"x","detail":{"case_id":"c"}}', { code: 'rejected', agoMs: HOUR }),
    d: letter('not json', {}),
    e: letter(receipt('e'), { own: { failure: { DataType: 'String', StringValue: 'no json either' } } }),
  });
  const at = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();

  test.each<[string, Filter, string]>([
    ['nothing but a loop guard', { max_replays: 1 }, 'abcde'],
    ['a code', { failure_code: ['forbidden'] }, 'a'],
    ['two codes', { failure_code: ['malformed', 'rejected'] }, 'bc'],
    ['unknown: nobody wrote why', { failure_code: ['unknown'] }, 'de'],
    ['a case, in whatever envelope', { case_id: 'c' }, 'c'],
    ['from a time on', { after: at(1.5 * HOUR) }, 'cde'],
    ['until a time', { before: at(1.5 * HOUR) }, 'ab'],
    ['all that is named', { failure_code: ['rejected'], after: at(2.5 * HOUR), case_id: 'b' }, 'b'],
  ])('%s', (_, filter, expected) => {
    const matches = createMatch(filter);
    const matching = letters.filter(([, letter]) => matches(letter)).map(([name]) => name);
    expect(matching.join('')).toBe(expected);
  });

  test('after and before are to the millisecond', () => {
    const [[, oldest] = []] = letters;
    const time = new Date(oldest?.deadLetteredAt ?? 0).toISOString();
    expect([{ after: time }, { before: time }].map(filter => oldest && createMatch(filter)(oldest))).toEqual([
      true,
      false,
    ]);
  });
});
