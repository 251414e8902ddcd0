import fc from 'fast-check';
import type { Broken, Call } from '../../lib/huawei/http.ts';
import { writtenBy } from '../../lib/huawei/message-time.ts';
import { createLook, type Looked, readList } from '../../lib/huawei/messages.ts';
import type { Answer } from '../../lib/huawei/outcome.ts';
import { pageOf, timeText, usualListing } from '../../local/huawei/osm/message-list.ts';
import { answers, osm } from '../outcome-table.ts';

const asIs = (text: string) => text;
const T = Date.parse('2026-01-31T09:30:15Z');
const SECOND = 1000;
const AT_T = { create_time: '2026-01-31T09:30:15Z' };

describe('the time of a message', () => {
  test.each([
    ['2026-01-31T09:30:15Z', T + SECOND],
    ['2026-01-31t09:30:15z', T + SECOND],
    // Without an offset it is in the zone that was asked for, GMT+8.
    [' 2026-01-31 17:30:15 ', T + SECOND],
    ['2026-01-31 17:30:15 +0800', T + SECOND],
    ['2026-01-31T17:30:15+08', T + SECOND],
    // A fraction is as exact as it is long.
    ['2026-01-31T09:30:15,250Z', T + 250],
    ['2026-01-31T09:30:15.2Z', T + 300],
    ['2024-02-29T23:59:59Z', Date.parse('2024-03-01T00:00:00Z')],
    ['', undefined],
    ['yesterday', undefined],
    ['1769852100000', undefined],
    ['2026-01-31', undefined],
    ['2026-01-31T09:30Z', undefined],
    ['2026-02-30T09:30:15Z', undefined],
    ['2026-13-01T09:30:15Z', undefined],
    ['2026-00-10T09:30:15Z', undefined],
    ['2026-01-31T24:00:00Z', undefined],
    ['2026-01-31T09:60:15Z', undefined],
    ['2026-01-31T09:30:60Z', undefined],
    ['2026-01-31T09:30:15+24:00', undefined],
    ['2026-01-31T09:30:15+08:60', undefined],
    ['2026-01-31T09:30:15 CST', undefined],
    ['31/01/2026 09:30:15', undefined],
    ['2026-01-31T09:30:15Z and more', undefined],
  ])('%s: %s', (text, at) => {
    expect(writtenBy(text)).toBe(at);
  });

  test('any time, in whatever way the stand-in writes it, is read as itself up to the end of its last digit', () => {
    const ways = fc.record({
      separator: fc.constantFrom('T' as const, ' ' as const),
      offset: fc.constantFrom('none', 'Z', '+08:00', '-0330', '+0000'),
      fraction: fc.integer({ min: 0, max: 9 }),
      timeZone: fc.constant('GMT+8'),
    });
    const times = fc.integer({ min: Date.parse('2000-01-01'), max: Date.parse('2100-01-01') });
    fc.assert(
      fc.property(times, ways, (at, way) => {
        const read = writtenBy(timeText(at, way)) as number;
        expect(read).toBeGreaterThanOrEqual(at);
        expect(read - at).toBeLessThanOrEqual(way.fraction < 3 ? 10 ** (3 - way.fraction) : 0);
      }),
    );
  });
});

const answer = (status: number, body: unknown): Answer => ({
  status,
  headers: {},
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const listed = (body: unknown) => readList(answer(200, body), asIs);
const messagesOf = (looked: Looked) => (looked.kind === 'messages' ? looked.messages : []);

describe('a list', () => {
  const atT = { writtenAt: T + SECOND, sentAs: AT_T.create_time };
  const never = { writtenAt: undefined, sentAs: '' };

  test.each<[unknown, boolean, object]>([
    [{ ...AT_T, type: 0, replier_type: 0 }, true, atT],
    [{ ...AT_T, type: 0 }, true, atT],
    [{ ...AT_T, type: 0, replier_type: null }, true, atT],
    [{ ...AT_T, type: 0, replier_type: 1 }, false, atT],
    [{ ...AT_T, type: 1, replier_type: 0 }, false, atT],
    [{ ...AT_T, replier_type: 0 }, false, atT],
    [{ ...AT_T, type: '0' }, false, atT],
    [{ ...AT_T, type: false }, false, atT],
    [{}, false, never],
    [{ type: 0, create_time: 7 }, true, never],
    [{ create_time: null }, false, never],
    [null, false, never],
    [7, false, never],
    ['text', false, never],
    [[], false, never],
  ])('a message %j is own: %s, at %j', (message, isOwn, time) => {
    expect(messagesOf(listed({ count: 1, message_list: [message] }))).toEqual([{ isOwn, ...time }]);
  });

  test.each<[string, object, number | undefined]>([
    ['no messages', { count: 0, message_list: [] }, 0],
    ['no messages, left out', { count: 0 }, 0],
    ['no messages, null', { count: 0, message_list: null }, 0],
    ['more than it shows', { count: 7, message_list: [{}] }, 7],
    ['no count', { message_list: [{}, {}] }, 2],
    ['a count that is none', { count: '2', message_list: [{}, {}] }, 2],
    ['an empty error_code', { error_code: '', count: 1, message_list: [{}] }, 1],
    ['nothing', {}, undefined],
    ['messages that are no list', { count: 1, message_list: {} }, undefined],
    ['a count alone', { count: 1 }, undefined],
    ['a full page without a count', { message_list: Array(100).fill({}) }, undefined],
    ['a negative count', { count: -1 }, undefined],
  ])('with %s, %j, has %s messages', (_, body, count) => {
    const unreadable = { kind: 'unreadable', detail: expect.stringContaining('200') };
    expect(listed(body)).toMatchObject(count === undefined ? unreadable : { kind: 'messages', count });
  });

  const later = ['unavailable', 'unreachable', 'timeout', 'rate_limited', 'unauthorized'];
  test.each(answers)('$what, $code: later, or it cannot be told', ({ status, body, code }) => {
    const looked = readList(answer(status, body), asIs);
    if (later.includes(code)) expect(looked).toMatchObject({ kind: 'trouble', failure: { code, status } });
    else expect(looked).toMatchObject({ kind: 'unreadable', detail: expect.stringContaining(`${status}`) });
  });

  test.each(['OSM.9', 'constructor', 7, {}])('200 with error_code %j cannot be read', error_code => {
    expect(listed(osm(error_code)).kind).toBe('unreadable');
  });

  test('one that was cut cannot be read, a failure that was cut is one', () => {
    expect(readList({ ...answer(200, '{"count":1,"mess'), isCut: true }, asIs).kind).toBe('unreadable');
    expect(readList({ ...answer(502, '<html>'), isCut: true }, asIs).kind).toBe('trouble');
  });

  test('whatever it holds, it is read without a throw, and no text of it is kept', () => {
    const text = 'a private word';
    const value = fc.oneof(fc.constantFrom(text, [text], { [text]: text }), fc.jsonValue());
    const message = fc.oneof(
      fc.record(
        { type: value, replier_type: value, create_time: value, content: value, replier_name: value },
        { requiredKeys: [] },
      ),
      value,
    );
    const list = fc.record({ count: fc.oneof(fc.nat(200), value), message_list: fc.array(message) });
    fc.assert(
      fc.property(list, body => {
        expect(JSON.stringify(listed(body))).not.toContain('private');
      }),
    );
  });

  test('nested 60,000 deep is read too', () => {
    const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;
    const inMessage = `{"count":1,"message_list":[{"create_time":${deep},"content":${deep}}]}`;
    expect(listed(inMessage).kind).toBe('messages');
    expect(listed(`{"count":${deep},"message_list":${deep}}`).kind).toBe('messages');
    expect(listed(`{"error_code":${deep}}`).kind).toBe('unreadable');
  });
});

describe('a look', () => {
  const timing = { signal: new AbortController().signal };

  /** Answers as a case of so many messages, the newest an hour later than the others; or as it is told. */
  const lookAt = (
    count: number,
    order: 'ascending' | 'descending',
    told: (Answer | Broken | undefined)[] = [],
  ) => {
    const calls: Call[] = [];
    const message = { own: false, content: 'private', listed: {}, unread: true, clearedAt: undefined };
    const messages = Array.from({ length: count }, (_, i) => ({ ...message, at: T - 3_600_000 + i }));
    messages.push({ ...message, at: T });
    const look = createLook({
      redact: asIs,
      call: async call => {
        const query = new URL(call.path, 'http://x').searchParams;
        const page = { offset: Number(query.get('offset')), limit: Number(query.get('limit')) };
        const show = { ...usualListing, order, timeZone: call.headers['X-Time-Zone'] };
        const given = told[calls.length];
        calls.push(call);
        return given ?? answer(200, pageOf(messages, page, show));
      },
    });
    return { look, calls };
  };
  const times = (looked: Looked) => messagesOf(looked).map(({ writtenAt }) => writtenAt);

  test.each([
    [0, 1],
    [99, 1],
    [100, 2],
    [180, 2],
    [999, 2],
  ])('at %i messages and a newest one finds that in either order, in %i calls', async (count, most) => {
    for (const order of ['ascending', 'descending'] as const) {
      const { look, calls } = lookAt(count, order);
      const looked = await look({ case_id: '1' }, timing);
      expect(looked).toMatchObject({ kind: 'messages', count: count + 1 });
      expect(looked).not.toHaveProperty('missing');
      expect(times(looked)).toContain(T + SECOND);
      expect(calls).toHaveLength(most);
    }
  });

  test('asks as documented: 100 at most, its group, in GMT+8, up to 1 MiB; once more 80 before the end', async () => {
    const { look, calls } = lookAt(150, 'ascending');
    await look({ case_id: 'a/b c', group_id: 'g & h+' }, timing);
    expect(calls).toMatchObject([
      {
        method: 'GET',
        path: '/v2/servicerequest/cases/a%2Fb%20c/messages?group_id=g%20%26%20h%2B&limit=100',
        headers: { 'X-Time-Zone': 'GMT+8' },
        mostBodyBytes: 1_048_576,
      },
      { path: expect.stringMatching(/group_id=g%20%26%20h%2B&offset=71&limit=100$/) },
    ]);
  });

  const failing = (code: 'timeout' | 'failed' | 'unfinished'): Broken =>
    ({ broken: { code, detail: 'Because.' }, stale: false }) as Broken;
  test.each<[string, Answer | Broken, object]>([
    ['a timeout', failing('timeout'), { kind: 'trouble', failure: { code: 'timeout' } }],
    ['503', answer(503, ''), { kind: 'trouble', failure: { code: 'unavailable' } }],
    ['200 with OSM.01010014', answer(200, osm('OSM.01010014')), { kind: 'trouble' }],
    ['no time', failing('unfinished'), { kind: 'unfinished' }],
    ['403', answer(403, osm('OSM.0003')), { kind: 'unreadable' }],
    ['a 401 to this call alone', failing('failed'), { kind: 'unreadable', detail: 'Because.' }],
  ])('that meets %s, at its first call and at its second', async (_, met, expected) => {
    const { look, calls } = lookAt(150, 'ascending', [met]);
    expect(await look({ case_id: '1' }, timing)).toMatchObject(expected);
    expect(calls).toHaveLength(1);
    const second = await lookAt(150, 'descending', [undefined, met]).look({ case_id: '1' }, timing);
    // What the first page tells is not lost because the second cannot be read.
    if (!('kind' in expected && expected.kind === 'unreadable')) expect(second).toMatchObject(expected);
    else {
      expect(second).toMatchObject({ kind: 'messages', count: 151, missing: expect.any(String) });
      expect(times(second)).toContain(T + SECOND);
    }
  });

  test('of more messages than pages can begin at reads the first page, and says that the rest is missing', async () => {
    const list = { count: 66_000, message_list: Array(100).fill(AT_T) };
    const { look, calls } = lookAt(0, 'ascending', [answer(200, list)]);
    const missing = expect.stringContaining('65920');
    expect(await look({ case_id: '1' }, timing)).toMatchObject({ kind: 'messages', count: 66_000, missing });
    expect(calls).toHaveLength(1);
  });
});
