import type { HuaweiOptions } from '../../../local/huawei/options.ts';
import type { Huawei } from '../../../local/huawei/server.ts';
import { call, mark, type Sent, start, tokenFor, useHuawei } from './calls.ts';

useHuawei();

describe('marking', () => {
  test('clears the unread state, again and again, in all forms of success', async () => {
    const huawei = await start();
    expect(huawei.osm.unread('case-1')).toBe(3);
    const bodies = [];
    for (let round = 0; round < 3; round += 1) bodies.push((await mark(huawei)).text);
    expect(new Set(bodies)).toEqual(
      new Set(['{"group_id":"123456"}', '{}', '{"error_code":"","error_msg":""}']),
    );
    expect(huawei.osm.unread('case-1')).toBe(0);
    expect(huawei.osm.marks).toBe(3);
    huawei.osm.addUnread('case-1', 2);
    expect(huawei.osm.unread('case-1')).toBe(2);
  });

  test('is logged with all that was sent and answered', async () => {
    const huawei = await start({ cases: { 'a/b é': { group: 'g-1' } } });
    const headers = {
      'X-Language': 'en-us',
      'X-Time-Zone': 'GMT+8',
      'X-Site': '1',
      'X-Auth-Token': await tokenFor(huawei),
    };
    const before = performance.timeOrigin + performance.now();
    const answer = await mark(huawei, 'a/b é', { headers, body: '{"group_id":"g-1"}' });
    expect(huawei.requests.map(({ kind }) => kind)).toEqual(['log_in', 'mark']);
    expect(huawei.requests[1]).toMatchObject({
      kind: 'mark',
      method: 'POST',
      path: '/v2/servicerequest/cases/a/b é/instant-messages/unread',
      rawPath: '/v2/servicerequest/cases/a%2Fb%20%C3%A9/instant-messages/unread',
      body: '{"group_id":"g-1"}',
      caseId: 'a/b é',
      groupId: 'g-1',
      language: 'en-us',
      timeZone: 'GMT+8',
      site: '1',
      status: 200,
      errorCode: undefined,
      marked: true,
      requestId: answer.headers['x-request-id'],
    });
    expect(huawei.requests[1]?.headers['x-auth-token']).toBe(headers['X-Auth-Token']);
    expect(huawei.requests[1]?.at).toBeGreaterThanOrEqual(before);
  });

  test.each([
    ['a case of a group, with the group', 'shared', { body: '{"group_id":"g-1"}' }, 200, undefined],
    ['a case of a group, without it', 'shared', {}, 200, 'OSM.01010002'],
    ['a case of a group, with another', 'shared', { body: '{"group_id":"g-2"}' }, 200, 'OSM.01010002'],
    ['a group the user is not in', 'foreign', { body: '{"group_id":"g-9"}' }, 200, 'OSM.01010002'],
    ['an unknown case', 'nowhere', {}, 200, 'OSM.01010015'],
    ['64 code points', '😀'.repeat(64), {}, 200, undefined],
    ['65 code points', '😀'.repeat(65), {}, 200, 'OSM.01010001'],
    ['an empty group', 'own', { body: '{"group_id":""}' }, 200, undefined],
    ['a group of 64', 'own', { body: JSON.stringify({ group_id: '😀'.repeat(64) }) }, 200, undefined],
    ['a group of 65', 'own', { body: JSON.stringify({ group_id: 'g'.repeat(65) }) }, 200, 'OSM.01010001'],
    ['a group that is null', 'own', { body: '{"group_id":null}' }, 200, 'OSM.01010001'],
    ['an unknown field', 'own', { body: '{"case_id":"own"}' }, 200, 'OSM.01010001'],
    ['an empty object', 'own', { body: '{}' }, 200, undefined],
    ['a list', 'own', { body: '[]' }, 400, 'OSM.0001'],
    ['not JSON', 'own', { body: '{' }, 400, 'OSM.0001'],
    ['text', 'own', { body: '{}', headers: { 'Content-Type': 'text/plain' } }, 400, 'OSM.0001'],
    ['language of 32', 'own', { headers: { 'X-Language': 'l'.repeat(32) } }, 200, undefined],
    ['language of 33', 'own', { headers: { 'X-Language': 'l'.repeat(33) } }, 200, 'OSM.01010001'],
    ['empty time zone', 'own', { headers: { 'X-Time-Zone': '' } }, 200, 'OSM.01010001'],
    ['time zone of 33', 'own', { headers: { 'X-Time-Zone': 'z'.repeat(33) } }, 200, 'OSM.01010001'],
    ['site 0', 'own', { headers: { 'X-Site': '0' } }, 200, undefined],
    ['site 2', 'own', { headers: { 'X-Site': '2' } }, 200, 'OSM.01010001'],
  ])('%s', async (_, caseId, sent: Sent, status, errorCode) => {
    const huawei = await start({
      accounts: [{ domain: 'acme', users: [{ name: 'relay', password: 'p', groups: ['g-1', 'g-2'] }] }],
      cases: { shared: { group: 'g-1' }, foreign: { group: 'g-9' }, own: {}, ['😀'.repeat(64)]: {} },
    });
    const answer = await mark(huawei, caseId, sent);
    expect(answer.status).toBe(status);
    expect(answer.json.error_code || undefined).toBe(errorCode);
    expect(huawei.requests[0]).toMatchObject({ status, errorCode, marked: errorCode === undefined });
  });

  test.each([
    ['%E0%A4%A', 400, 'APIGW.0201'],
    ['%FF', 400, 'APIGW.0201'],
    ['a/b', 404, 'APIGW.0101'],
    ['', 404, 'APIGW.0101'],
    ['..', 404, 'APIGW.0101'],
    ['%2e%2E', 404, 'APIGW.0101'],
  ])('the path segment %j', async (segment, status, code) => {
    const huawei = await start({ openCases: true });
    const path = `/v2/servicerequest/cases/${segment}/instant-messages/unread`;
    const answer = await call(huawei, 'POST', path, {
      headers: { 'X-Auth-Token': huawei.iam.issueToken('relay').token },
    });
    expect([answer.status, answer.json.error_code]).toEqual([status, code]);
  });
});

test('the list of unread messages shows what the caller may see', async () => {
  const huawei = await start({ cases: { own: { unread: 2 }, shared: { unread: 5, group: 'g-1' } } });
  const list = (query: string, token = huawei.iam.issueToken('relay').token) =>
    call(huawei, 'GET', `/v2/servicerequest/cases/instant-messages/unread?${query}`, {
      headers: { 'X-Auth-Token': token },
    });
  const own = { status: expect.any(Number), incident_id: 'own', unread_num: 2 };
  const shared = { status: expect.any(Number), incident_id: 'shared', unread_num: 5 };
  expect((await list('case_ids=own&case_ids=shared&case_ids=nowhere')).json).toEqual({ imunread: [own] });
  expect((await list('case_ids=own&case_ids=shared&group_id=g-1')).json).toEqual({ imunread: [own, shared] });
  expect((await list('')).json).toEqual({ imunread: [] });
  expect((await list('case_ids=')).json.error_code).toBe('OSM.01010001');
  expect((await list('case_ids=own&'.repeat(101))).json.error_code).toBe('OSM.01010001');
  expect((await list('case_ids=own', 'unknown')).status).toBe(401);
  expect(huawei.requests.map(({ kind }) => kind)).toEqual(Array(6).fill('unread'));
});

describe('the messages of a case', () => {
  const at = Date.UTC(2026, 0, 31, 23, 30, 5, 678);
  const MINUTE = 60_000;
  const list = async (huawei: Huawei, query = '', headers: Record<string, string> = {}, caseId = 'case-1') =>
    call(huawei, 'GET', `/v2/servicerequest/cases/${encodeURIComponent(caseId)}/messages${query}`, {
      headers: { 'X-Auth-Token': huawei.iam.issueToken('relay').token, ...headers },
    });
  const listed = async (...given: Parameters<typeof list>) => {
    const { count, message_list } = (await list(...given)).json;
    return { count, messages: message_list as Record<string, unknown>[] };
  };
  const startWith = async (options: HuaweiOptions, times: number[]) => {
    const huawei = await start({ cases: { 'case-1': { unread: 0 } }, ...options });
    for (const time of times) huawei.osm.write('case-1', { at: time, content: String(time) });
    return huawei;
  };

  test('are listed in the documented shape, the newest first', async () => {
    const huawei = await startWith({}, [at]);
    huawei.osm.write('case-1', { at: at + 1, own: true, listed: { replier: undefined, odd: [1] } });
    expect(await listed(huawei)).toEqual({
      count: 2,
      messages: [
        {
          type: 0,
          replier_type: 0,
          replier_name: 'The customer',
          content: '',
          create_time: '2026-01-31T23:30:05Z',
          is_first_message: false,
          accessory_list: [],
          odd: [1],
        },
        {
          type: 1,
          replier_type: 1,
          replier: 'engineer',
          replier_name: 'The engineer',
          content: String(at),
          create_time: '2026-01-31T23:30:05Z',
          is_first_message: true,
          accessory_list: [],
        },
      ],
    });
    expect(huawei.requests[0]).toMatchObject({ kind: 'messages', caseId: 'case-1', marked: false });
    expect(huawei.osm.unread('case-1')).toBe(1);
  });

  test('come in pages, in the order that was chosen, whatever the order of writing', async () => {
    const times = Array.from({ length: 12 }, (_, index) => at + ((index * 5) % 12) * MINUTE);
    const huawei = await startWith({ messageList: { order: 'ascending' } }, times);
    const contents = async (query?: string) =>
      (await listed(huawei, query)).messages.map(({ content }) => (Number(content) - at) / MINUTE);
    expect(await contents()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await contents('?offset=10&limit=100')).toEqual([10, 11]);
    expect(await contents('?offset=12')).toEqual([]);
    expect(await contents('?limit=0')).toEqual([]);
    huawei.osm.list({ order: 'descending' });
    expect(await contents('?offset=1&limit=3')).toEqual([10, 9, 8]);
    huawei.osm.list();
    expect(await contents('?limit=1')).toEqual([0]);
  });

  test.each([
    [{}, undefined, '2026-01-31T23:30:05Z'],
    [{}, 'GMT+0', '2026-01-31T23:30:05Z'],
    [{ offset: '+08:00', fraction: 3 }, undefined, '2026-02-01T07:30:05.678+08:00'],
    [{ offset: '+0800', separator: ' ' }, undefined, '2026-02-01 07:30:05+0800'],
    [{ offset: '-0330', fraction: 6 }, undefined, '2026-01-31T20:00:05.678000-0330'],
    [{ offset: 'none' }, undefined, '2026-02-01T07:30:05'],
    [{ offset: 'none', separator: ' ', fraction: 1 }, 'GMT-5', '2026-01-31 18:30:05.6'],
    [{ offset: 'none' }, 'GMT', '2026-01-31T23:30:05'],
    [{ offset: 'none' }, 'UTC+05:30', '2026-02-01T05:00:05'],
    [{ offset: 'none' }, 'Mars', '2026-02-01T07:30:05'],
    [{ offset: 'none', misreadZone: 'GMT+0' }, 'GMT+8', '2026-01-31T23:30:05'],
  ] as const)('%j, asked in the zone %s: %s', async (messageList, zone, expected) => {
    const huawei = await startWith({ messageList }, [at]);
    const { messages } = await listed(huawei, '', zone ? { 'X-Time-Zone': zone } : {});
    expect(messages[0]?.create_time).toBe(expected);
  });

  test.each([
    ['case-1', '?limit=101', 'OSM.01010001'],
    ['case-1', '?offset=-1', 'OSM.01010001'],
    ['case-1', '?offset=65536', 'OSM.01010001'],
    ['case-1', '?limit=ten', 'OSM.01010001'],
    ['x'.repeat(65), '', 'OSM.01010001'],
    ['nowhere', '', 'OSM.01010015'],
    ['shared', '', 'OSM.01010002'],
    ['shared', '?group_id=g-2', 'OSM.01010002'],
    ['shared', '?group_id=g-1', undefined],
  ])('%s%s: %s', async (caseId, query, code) => {
    const huawei = await start({ cases: { 'case-1': {}, shared: { group: 'g-1' } } });
    expect((await list(huawei, query, {}, caseId)).json.error_code).toBe(code);
    expect((await list(huawei, '', { 'X-Auth-Token': 'unknown' })).status).toBe(401);
  });

  test('are hidden where a mark clears what no person read at or after its writing', async () => {
    const huawei = await startWith({}, [at, at + MINUTE]);
    const hiddenTimes = () => huawei.osm.hidden().map(({ caseId, message }) => [caseId, message.at - at]);
    huawei.osm.write('case-1', { at: at + 2 * MINUTE, own: true });
    expect(huawei.osm.read('case-1', at)).toBe('2026-01-31T23:30:05.678Z');
    expect(hiddenTimes()).toEqual([]);
    await mark(huawei);
    expect(huawei.osm.unread('case-1')).toBe(0);
    expect(hiddenTimes()).toEqual([['case-1', MINUTE]]);
    const [marked] = huawei.requests.slice(-1);
    expect(huawei.osm.hidden()[0]?.message.cleared?.requestId).toBe(marked?.requestId);

    huawei.osm.read('case-1', at + MINUTE);
    expect(hiddenTimes()).toEqual([]);
    huawei.osm.write('case-1');
    expect(huawei.osm.unread('case-1')).toBe(1);
    expect(hiddenTimes()).toEqual([]);
    await mark(huawei);
    expect(huawei.osm.hidden()).toHaveLength(1);
  });
});
