import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request as open } from 'node:http';
import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import type { Fault } from '../../local/huawei/faults.ts';
import { signatureOf } from '../../local/huawei/iam/signature.ts';
import type { HuaweiOptions } from '../../local/huawei/options.ts';
import { type Huawei, startHuawei } from '../../local/huawei/server.ts';

const LOG_IN = '/v3/auth/tokens?nocatalog=true';
const JSON_TYPE = { 'Content-Type': 'application/json;charset=utf8' };
const MINUTE_MS = 60_000;

let running: Huawei[] = [];
let agents: Agent[] = [];

afterEach(async () => {
  for (const agent of agents) agent.destroy();
  await Promise.all(running.map(huawei => huawei.close()));
  running = [];
  agents = [];
});

async function start(options: HuaweiOptions = {}): Promise<Huawei> {
  const huawei = await startHuawei({ cases: { 'case-1': { unread: 3 } }, ...options });
  running.push(huawei);
  return huawei;
}

function keepingAgent(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agents.push(agent);
  return agent;
}

interface Sent {
  headers?: Record<string, string>;
  body?: string | undefined;
  agent?: Agent;
}

interface Got {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json: Record<string, unknown>;
}

function call(
  huawei: Huawei,
  method: string,
  path: string,
  { headers = {}, body, agent }: Sent = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(huawei.url);
    const request = open({
      hostname,
      port,
      method,
      path,
      headers,
      agent: agent ?? false,
      maxHeaderSize: 1024 * 1024,
    });
    request.on('error', reject);
    request.on('response', response => {
      const chunks: Buffer[] = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) });
      });
    });
    request.end(body);
  });
}

function parse(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

interface LogIn {
  domain?: object;
  name?: string;
  password?: string;
  scope?: object | undefined;
}

const logInBody = ({
  domain = { name: 'acme' },
  name = 'relay',
  password = 'right-password',
  scope,
}: LogIn = {}) => ({
  auth: { identity: { methods: ['password'], password: { user: { domain, name, password } } }, scope },
});

const logIn = (huawei: Huawei, given: LogIn = {}) =>
  call(huawei, 'POST', LOG_IN, { headers: JSON_TYPE, body: JSON.stringify(logInBody(given)) });

const tokenFor = async (huawei: Huawei, given: LogIn = {}) =>
  String((await logIn(huawei, given)).headers['x-subject-token']);

const markPath = (caseId: string) =>
  `/v2/servicerequest/cases/${encodeURIComponent(caseId)}/instant-messages/unread`;

/** Marks with a fresh token, unless headers bring their own. */
async function mark(
  huawei: Huawei,
  caseId = 'case-1',
  { headers = {}, body, ...rest }: Sent = {},
): Promise<Got> {
  const token = huawei.iam.issueToken('relay').token;
  const type = body === undefined ? {} : JSON_TYPE;
  return call(huawei, 'POST', markPath(caseId), {
    headers: { 'X-Auth-Token': token, ...type, ...headers },
    body,
    ...rest,
  });
}

describe('IAM', () => {
  test('a log-in gets a token in a header and its end in the body', async () => {
    const huawei = await start({ tokenBytes: 60_000, tokenSeconds: 3_600, clockOffsetMs: 5 * MINUTE_MS });
    const answer = await logIn(huawei, { scope: { domain: { name: 'acme' } } });
    expect(answer.status).toBe(201);
    expect(answer.headers['x-subject-token']).toHaveLength(60_000);
    const { expires_at } = answer.json.token as { expires_at: string };
    expect(expires_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const expectedEnd = Date.now() + 65 * MINUTE_MS;
    expect(Math.abs(Date.parse(expires_at) - expectedEnd)).toBeLessThan(5_000);
    expect(huawei.iam.logIns).toBe(1);
  });

  test.each([
    ['the domain by id', { domain: { id: '0a1b2c3d4e5f60718293a4b5c6d7e8f9' } }, 201],
    ['a project by name', { scope: { project: { name: 'ap-southeast-3' } } }, 201],
    ['a project by id', { scope: { project: { id: '9f8e7d6c5b4a39281706f5e4d3c2b1a0' } } }, 201],
    ['no scope', { scope: undefined }, 201],
    ["another's domain as scope", { scope: { domain: { name: 'other' } } }, 403],
    ['an unknown project', { scope: { project: { name: 'nowhere' } } }, 401],
    ['two scopes', { scope: { domain: { name: 'acme' }, project: { name: 'ap-southeast-3' } } }, 400],
    ['a scope of another kind', { scope: { system: { all: true } } }, 400],
    ['an unknown domain', { domain: { name: 'nobody' } }, 401],
    ['an unknown user', { name: 'nobody' }, 401],
    ['an empty password', { password: '' }, 400],
  ])('%s', async (_, given: LogIn, status) => {
    const answer = await logIn(await start(), given);
    expect(answer.status).toBe(status);
    if (status !== 201) {
      expect(answer.json).toEqual({
        error: { code: status, message: expect.any(String), title: expect.any(String) },
      });
    }
  });

  test.each([
    ['no content type', {}, JSON.stringify(logInBody()), 400],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }, JSON.stringify(logInBody()), 400],
    ['not JSON', JSON_TYPE, '{', 400],
    ['no body', JSON_TYPE, undefined, 400],
    ['a misspelt field', JSON_TYPE, JSON.stringify({ ...logInBody(), extra: 1 }), 400],
  ])('%s is no log-in', async (_, headers, body, status) => {
    const answer = await call(await start(), 'POST', LOG_IN, { headers, body });
    expect(answer.status).toBe(status);
  });

  test('other methods and paths', async () => {
    const huawei = await start();
    expect((await call(huawei, 'GET', LOG_IN)).status).toBe(405);
    expect((await call(huawei, 'POST', '/v3/auth/projects')).status).toBe(404);
  });

  test('wrong passwords lock the user, and trying on keeps the lock', async () => {
    const huawei = await start({ lockAfter: 2, lockSeconds: 900 });
    const message = async (password: string) => {
      const answer = await logIn(huawei, { password });
      return (answer.json.error as { message: string } | undefined)?.message ?? answer.status;
    };
    expect(await message('wrong')).toBe('The username or password is wrong.');
    expect(huawei.iam.lockState('relay')).toEqual({ locked: false, failures: 1 });
    expect(await message('wrong')).toBe('The username or password is wrong.');
    expect(huawei.iam.lockState('relay').locked).toBe(true);

    huawei.clock.offsetMs += 14 * MINUTE_MS;
    expect(await message('right-password')).toBe('The account is locked.');
    huawei.clock.offsetMs += 14 * MINUTE_MS;
    expect(await message('right-password')).toBe('The account is locked.');
    huawei.clock.offsetMs += 16 * MINUTE_MS;
    expect(await message('wrong')).toBe('The username or password is wrong.');
    expect(await message('right-password')).toBe(201);
    expect(huawei.iam).toMatchObject({ failedLogIns: 5, logIns: 1 });
  });

  test('a success forgets the failures before it', async () => {
    const huawei = await start({ lockAfter: 2 });
    await logIn(huawei, { password: 'wrong' });
    await logIn(huawei);
    await logIn(huawei, { password: 'wrong' });
    expect((await logIn(huawei)).status).toBe(201);
  });
});

describe('tokens', () => {
  const markWith = (huawei: Huawei, token: string) =>
    mark(huawei, 'case-1', { headers: { 'X-Auth-Token': token } });

  test('a token opens OSM until its time is over', async () => {
    const huawei = await start({ tokenSeconds: 60 });
    const token = await tokenFor(huawei);
    expect((await markWith(huawei, token)).status).toBe(200);
    huawei.clock.offsetMs += MINUTE_MS;
    const answer = await markWith(huawei, token);
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({
      error_code: 'APIGW.0307',
      request_id: answer.headers['x-request-id'],
    });
  });

  test('a token may die long before the end that was told', async () => {
    const huawei = await start({ tokenDiesAfterSeconds: 60 });
    const token = await tokenFor(huawei);
    huawei.clock.offsetMs += MINUTE_MS;
    expect((await markWith(huawei, token)).json.error_code).toBe('APIGW.0307');
    expect((await markWith(huawei, await tokenFor(huawei))).status).toBe(200);
  });

  test('a new password and a revocation end tokens, a new log-in does not', async () => {
    const huawei = await start();
    const first = await tokenFor(huawei);
    const second = await tokenFor(huawei);
    expect((await markWith(huawei, first)).status).toBe(200);

    huawei.iam.setPassword('relay', 'new-password');
    expect((await markWith(huawei, second)).json.error_code).toBe('APIGW.0307');
    expect((await logIn(huawei)).status).toBe(401);
    const third = await tokenFor(huawei, { password: 'new-password' });
    expect((await markWith(huawei, third)).status).toBe(200);

    huawei.iam.revokeTokens();
    expect((await markWith(huawei, third)).json.error_code).toBe('APIGW.0307');
  });

  test('no token and an unknown one', async () => {
    const huawei = await start();
    const without = await call(huawei, 'POST', markPath('case-1'));
    expect([without.status, without.json.error_code]).toEqual([401, 'APIGW.0301']);
    const unknown = await markWith(huawei, 'MIIunknown');
    expect([unknown.status, unknown.json.error_code]).toEqual([401, 'APIGW.0301']);
    expect(huawei.osm.unread('case-1')).toBe(3);
  });

  test('OSM may not take the identity for a customer', async () => {
    const huawei = await start();
    const byDomain = await tokenFor(huawei);
    const byProject = await tokenFor(huawei, { scope: { project: { name: 'ap-southeast-3' } } });
    huawei.osm.accept('project_token');
    const answer = await markWith(huawei, byDomain);
    expect([answer.status, answer.json.error_code]).toEqual([200, 'OSM.01010011']);
    expect((await markWith(huawei, byProject)).json.error_code ?? '').toBe('');
    huawei.osm.accept('none');
    expect((await markWith(huawei, byProject)).json.error_code).toBe('OSM.01010011');
  });
});

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

  test('open cases: every id exists', async () => {
    const huawei = await start({ openCases: true });
    expect(huawei.osm.unread('any')).toBe(1);
    await mark(huawei, 'any');
    expect(huawei.osm.unread('any')).toBe(0);
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

  test('fail alone, while marks go on', async () => {
    const huawei = await start();
    const fault = huawei.faults.add({ does: 'html502', match: { kind: 'messages' } });
    expect((await list(huawei)).status).toBe(502);
    expect((await mark(huawei)).status).toBe(200);
    fault.remove();
    huawei.faults.add({ does: 'answer', status: 401, match: { caseId: 'case-1', kind: 'messages' } });
    expect((await list(huawei)).status).toBe(401);
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

describe('the gateway', () => {
  test('refuses a header over its limit, and lets a large one below it pass', async () => {
    const huawei = await start({ headerLimitBytes: 32 * 1024, tokenBytes: 60_000 });
    const answer = await mark(huawei);
    expect([answer.status, answer.json.error_code]).toEqual([494, 'APIGW.0201']);
    expect(answer.headers['x-request-id']).toBe(answer.json.request_id);
    const roomy = await start({ headerLimitBytes: 64 * 1024, tokenBytes: 60_000 });
    expect((await mark(roomy)).status).toBe(200);
  });

  test('refuses a body over its limit', async () => {
    const huawei = await start();
    const answer = await mark(huawei, 'case-1', {
      body: JSON.stringify({ group_id: 'x'.repeat(13_000_000) }),
    });
    expect([answer.status, answer.json.error_code]).toEqual([413, 'APIGW.0201']);
  });

  test.each([
    ['GET', markPath('case-1')],
    ['PUT', markPath('case-1')],
    ['POST', '/v2/servicerequest/cases/instant-messages/unread'],
    ['POST', `${markPath('case-1')}/`],
    ['POST', '/'],
  ])('knows no API at %s %s', async (method, path) => {
    const answer = await call(await start(), method, path);
    expect([answer.status, answer.json.error_code]).toEqual([404, 'APIGW.0101']);
  });

  test('passes so many calls in any second', async () => {
    const huawei = await start({ requestsPerSecond: 3 });
    const statuses = (await Promise.all(Array.from({ length: 5 }, () => mark(huawei)))).map(a => a.status);
    expect(statuses.sort()).toEqual([200, 200, 200, 429, 429]);
    const refused = huawei.requests.find(({ status }) => status === 429);
    expect(refused).toMatchObject({ errorCode: 'APIGW.0308', marked: false });
    await new Promise(resolve => setTimeout(resolve, 1_050));
    expect((await mark(huawei)).status).toBe(200);
  });

  test('may change its limit, and have one for a minute', async () => {
    const huawei = await start({ requestsPerSecond: 1 });
    expect([(await mark(huawei)).status, (await mark(huawei)).status]).toEqual([200, 429]);
    huawei.limit(undefined);
    expect((await mark(huawei)).status).toBe(200);
    huawei.limit(1, 60);
    await mark(huawei);
    expect((await mark(huawei)).json.error_msg).toMatch('limit:1,time:1 minute');
  });

  test('tells its own time', async () => {
    const huawei = await start({ clockOffsetMs: -60 * MINUTE_MS });
    const date = Date.parse(String((await mark(huawei)).headers.date));
    expect(Math.abs(Date.now() - 60 * MINUTE_MS - date)).toBeLessThan(3_000);
  });
});

describe('signatures', () => {
  const accessKeys = {
    AK1: { secretKey: 'sk-1', domainId: 'd-1' },
    AKTEMP: { secretKey: 'sk-t', securityToken: 'st-1' },
  };

  /** Signs with Huawei's own SDK, which spells the host as Node does. */
  function signed(
    huawei: Huawei,
    access: string,
    secret: string,
    given: Sent & { path?: string; method?: string } = {},
  ) {
    const { path = markPath('case-1'), method = 'POST', body, headers = {} } = given;
    const url = new URL(huawei.url + path);
    const all = AKSKSigner.sign(
      {
        endpoint: huawei.url + url.pathname,
        method,
        headers: { 'content-type': 'application/json', ...headers },
        queryParams: Object.fromEntries(url.searchParams),
        ...(body === undefined ? {} : { data: JSON.parse(body) }),
      } as never,
      { getAk: () => access, getSk: () => secret } as never,
    );
    return call(huawei, method, path, { headers: all as Record<string, string>, body });
  }

  test('a request signed by the SDK passes', async () => {
    const huawei = await start({ accessKeys, cases: { 'case-1': { group: 'g 1' } } });
    const body = '{"group_id":"g 1"}';
    expect((await signed(huawei, 'AK1', 'sk-1', { body })).status).toBe(200);
    expect((await signed(huawei, 'AK1', 'sk-1', { body, headers: { 'X-Domain-Id': 'd-1' } })).status).toBe(
      200,
    );
    expect(huawei.requests.map(({ marked }) => marked)).toEqual([true, true]);
    const path = '/v2/servicerequest/cases/instant-messages/unread?group_id=g%201&case_ids=case-1';
    const list = await signed(huawei, 'AK1', 'sk-1', { method: 'GET', path });
    expect(list.json).toEqual({ imunread: [expect.objectContaining({ incident_id: 'case-1' })] });
  });

  // The examples of Huawei's signing guide and of its SDK for Go.
  test.each([
    [
      {
        rawPath:
          '/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0',
        headers: {
          'content-type': 'application/json',
          host: 'service.region.example.com',
          'x-sdk-date': '20191115T033655Z',
        },
      },
      'MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc',
      '7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe',
    ],
    [
      { rawPath: '/path?limit=1', headers: { 'x-sdk-date': '20060102T150405Z' } },
      'SecretKey',
      '5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624',
    ],
  ])('published signature %#', (request, secretKey, expected) => {
    const whole = { method: 'GET', body: Buffer.alloc(0), ...request };
    expect(signatureOf(whole, Object.keys(request.headers), secretKey)).toBe(expected);
  });

  // Expected values: Huawei's SDK for Python (huaweicloudsdkcore 3.1.219), which encodes path parameters once.
  test.each([
    ['2024011500123', '0126b8ff647bc90312dba592d6083f91d694a37e57a2b022e18951f1bca2eb10'],
    ['a/b', 'e076ca6e6da95d1e1bdce099ca295aa8a01b0fc810dd694bfc4f7cacc7961006'],
    ['工单 é 😀', '02e71f6aca8707b1486429115dbea397f68755c02f93af5f5e74c9e6d2ba7706'],
    ["!'()*", '2421ed439391efae64271ee430dd1346fbd30f3fc8d2e0be45d12bf0d4a03332'],
    ['%2F', 'b6d85e024520b0ed8ad00a0bbdedb12d4c8d844150f24af1df92c8d9bdb33154'],
    ['a+b~-_.', '5b08a1b8b4f33810e74fc6e5df30da17e43533b463e10fc8c1c298bb94ce7643'],
  ])('the case %j as the SDK for Python signs it', (caseId, expected) => {
    const headers = {
      'content-type': 'application/json',
      host: 'osm.example.com',
      'x-language': 'en-us',
      'x-sdk-date': '20260131T093000Z',
    };
    const request = {
      method: 'POST',
      rawPath: markPath(caseId),
      headers,
      body: Buffer.from('{"group_id":"123456"}'),
    };
    expect(signatureOf(request, Object.keys(headers), 'SecretKey')).toBe(expected);
  });

  test('a query as the SDK for Python signs it', () => {
    const headers = { host: 'osm.example.com', 'x-sdk-date': '20260131T093000Z' };
    const rawPath =
      '/v2/servicerequest/cases/instant-messages/unread?group_id=a%20b%2A&case_ids=B%2C%E5%B7%A5%2Ca';
    const request = { method: 'GET', rawPath, headers, body: Buffer.alloc(0) };
    expect(signatureOf(request, Object.keys(headers), 'SecretKey')).toBe(
      'c0e3d4a7de661323cd63f32ddc02ec212c5ee2ef5a7a81bea49d248cd38bae4e',
    );
  });

  test.each([
    ['a wrong secret', 'AK1', 'sk-2', {}],
    ['an unknown key', 'AK9', 'sk-1', {}],
    ['another domain', 'AK1', 'sk-1', { headers: { 'X-Domain-Id': 'd-2' } }],
    ['a temporary key without its token', 'AKTEMP', 'sk-t', {}],
    ['a temporary key with another token', 'AKTEMP', 'sk-t', { headers: { 'X-Security-Token': 'st-2' } }],
    [
      'a content hash of another body',
      'AK1',
      'sk-1',
      { headers: { 'X-Sdk-Content-Sha256': '0'.repeat(64) } },
    ],
  ])('%s is refused', async (_, access, secret, given) => {
    const huawei = await start({ accessKeys });
    const answer = await signed(huawei, access, secret, given);
    expect([answer.status, answer.json.error_code]).toEqual([401, 'APIGW.0301']);
    expect(huawei.osm.marks).toBe(0);
  });

  test('a temporary key with its token passes, and so does a body that is declared unsigned', async () => {
    const huawei = await start({ accessKeys });
    const temporary = { headers: { 'X-Security-Token': 'st-1' } };
    expect((await signed(huawei, 'AKTEMP', 'sk-t', temporary)).status).toBe(200);
    const unsigned = { headers: { 'X-Sdk-Content-Sha256': 'UNSIGNED-PAYLOAD' }, body: '{"group_id":"g"}' };
    expect((await signed(huawei, 'AK1', 'sk-1', unsigned)).status).toBe(200);
  });

  test('the body, the path and the headers are part of what is signed', async () => {
    const huawei = await start({ accessKeys, openCases: true });
    const good = await signed(huawei, 'AK1', 'sk-1', { body: '{"group_id":"g"}' });
    expect(good.status).toBe(200);
    const headers = huawei.requests[0]?.headers as Record<string, string>;
    const replay = (path: string, body: string, change: Record<string, string> = {}) =>
      call(huawei, 'POST', path, { headers: { ...headers, ...change }, body });
    expect((await replay(markPath('case-1'), '{"group_id":"g"}')).status).toBe(200);
    expect((await replay(markPath('case-1'), '{"group_id":"h"}')).status).toBe(401);
    expect((await replay(markPath('case-2'), '{"group_id":"g"}')).status).toBe(401);
    expect((await replay(`${markPath('case-1')}?a=1`, '{"group_id":"g"}')).status).toBe(401);
    expect((await replay(markPath('case-1'), '{"group_id":"g"}', { host: 'other' })).status).toBe(401);
    expect((await replay(markPath('case-1'), '{"group_id":"g"}', { 'x-language': 'en-us' })).status).toBe(
      200,
    );
  });

  test.each([
    [14.5, 200],
    [-14.5, 200],
    [15.5, 401],
    [-15.5, 401],
  ])('a clock %d minutes away', async (minutes, status) => {
    const huawei = await start({ accessKeys, clockOffsetMs: minutes * MINUTE_MS });
    expect((await signed(huawei, 'AK1', 'sk-1')).status).toBe(status);
  });

  test('more than five failures in a row lock the key for five minutes', async () => {
    const huawei = await start({ accessKeys });
    const fail = () => signed(huawei, 'AK1', 'wrong');
    const pass = () => signed(huawei, 'AK1', 'sk-1');
    for (let failure = 0; failure < 5; failure += 1) await fail();
    expect((await pass()).status).toBe(200);
    for (let failure = 0; failure < 6; failure += 1) await fail();
    const locked = await pass();
    expect(locked.status).toBe(401);
    expect(locked.json.error_msg).toMatch('AK access failed to reach the limit,forbidden');
    huawei.clock.offsetMs += 5 * MINUTE_MS;
    expect((await pass()).status).toBe(200);
  });

  test('what is not in the form of a signature is refused', async () => {
    const huawei = await start({ accessKeys });
    for (const authorization of [
      'Bearer x',
      'SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host, Signature=00',
    ]) {
      const answer = await call(huawei, 'POST', markPath('case-1'), { headers: { authorization } });
      expect([answer.status, answer.json.error_code]).toEqual([401, 'APIGW.0301']);
    }
  });
});

describe('faults', () => {
  test.each([
    [
      { does: 'answer', status: 503, headers: { 'x-a': 'b' }, body: { error_code: 'APIGW.0613' } },
      503,
      'APIGW.0613',
    ],
    [{ does: 'answer', status: 500, body: 'text' }, 500, undefined],
    [{ does: 'answer', status: 204 }, 204, undefined],
    [{ does: 'error_code', code: 'OSM.01010014' }, 200, 'OSM.01010014'],
    [{ does: 'html502' }, 502, undefined],
    [{ does: 'not_json' }, 200, undefined],
    [{ does: 'redirect', to: 'http://127.0.0.1:9/' }, 302, undefined],
    [{ does: 'retry_after', after: 7 }, 429, 'APIGW.0308'],
  ] as [Fault, number, string | undefined][])(
    '%j is answered in the place of the service',
    async (fault, status, errorCode) => {
      const huawei = await start({ faults: [fault] });
      const answer = await mark(huawei);
      expect(answer.status).toBe(status);
      expect(huawei.requests[0]).toMatchObject({ status, errorCode, marked: false });
      expect(huawei.osm.marks).toBe(0);
      if (fault.does === 'retry_after') expect(answer.headers['retry-after']).toBe('7');
      if (fault.does === 'redirect') expect(answer.headers.location).toBe(fault.to);
      if (fault.does === 'answer' && fault.headers) expect(answer.headers).toMatchObject(fault.headers);
    },
  );

  test.each([
    ['reset', /ECONNRESET/],
    ['close', /ECONNRESET/],
    ['not_http', /HPE_/],
  ] as ['reset' | 'close' | 'not_http', RegExp][])('%s leaves the request unanswered', async (does, code) => {
    const huawei = await start();
    const fault = huawei.faults.add({ does, times: 1 });
    await expect(mark(huawei)).rejects.toMatchObject({ code: expect.stringMatching(code) });
    expect(huawei.requests[0]).toMatchObject({ kind: 'mark', status: undefined, marked: false });
    expect(huawei.osm.marks).toBe(0);
    huawei.faults.add({ does, times: 1, handled: true });
    await expect(mark(huawei)).rejects.toThrow();
    expect(huawei.requests[1]).toMatchObject({ status: undefined, marked: true });
    expect(huawei.osm.unread('case-1')).toBe(0);
    expect((await mark(huawei)).status).toBe(200);
    expect(fault.hits).toBe(1);
  });

  test('hang never answers', async () => {
    const huawei = await start({ faults: [{ does: 'hang' }] });
    const hanging = mark(huawei);
    const settled = await Promise.race([
      hanging.catch(() => 'settled'),
      new Promise(resolve => setTimeout(resolve, 100, 'hanging')),
    ]);
    expect(settled).toBe('hanging');
    expect(huawei.state()).toMatchObject({ inFlight: 1 });
    huawei.dropConnections('all');
    await expect(hanging).rejects.toThrow();
  });

  test('slow adds to what follows', async () => {
    const huawei = await start({
      faults: [{ does: 'slow', ms: 60 }, { does: 'slow', ms: 60 }, { does: 'html502' }],
    });
    const from = performance.now();
    expect((await mark(huawei)).status).toBe(502);
    expect(performance.now() - from).toBeGreaterThan(110);
  });

  test('spoilt answers come from a service that did its work', async () => {
    const huawei = await start();
    const once = (fault: Fault) => huawei.faults.add({ ...fault, times: 1 });
    once({ does: 'trickle', msPerByte: 1 });
    expect((await mark(huawei)).status).toBe(200);
    once({ does: 'big' });
    expect((await mark(huawei)).text.length).toBeGreaterThan(10_000_000);
    once({ does: 'huge_headers' });
    expect((await mark(huawei)).headers['x-padding']).toHaveLength(100 * 1024);
    once({ does: 'wrong_content_type' });
    expect((await mark(huawei)).headers['content-type']).toBe('text/html');
    once({ does: 'half' });
    await expect(mark(huawei)).rejects.toThrow();
    expect(huawei.requests.every(({ marked, status }) => marked && status === 200)).toBe(true);
  });

  test('close_after answers, then ends the kept connection', async () => {
    const huawei = await start();
    const agent = keepingAgent();
    huawei.faults.add({ does: 'close_after', times: 1 });
    const answer = await mark(huawei, 'case-1', { agent });
    expect([answer.status, answer.headers.connection]).toEqual([200, 'keep-alive']);
    await new Promise(resolve => setTimeout(resolve, 20));
    expect((await mark(huawei, 'case-1', { agent })).status).toBe(200);
    expect((await mark(huawei, 'case-1', { agent })).status).toBe(200);
    expect(huawei.state().connections).toBe(2);
  });

  test('kept connections can be dropped', async () => {
    const huawei = await start();
    const agent = keepingAgent();
    for (let round = 0; round < 2; round += 1) await mark(huawei, 'case-1', { agent });
    expect(huawei.state().connections).toBe(1);
    huawei.dropConnections();
    await new Promise(resolve => setTimeout(resolve, 20));
    await mark(huawei, 'case-1', { agent });
    expect(huawei.state().connections).toBe(2);
  });

  test('strike what they match, so often, and until they are removed', async () => {
    const huawei = await start({ openCases: true });
    const status = async (caseId: string) => (await mark(huawei, caseId)).status;
    const byCase = huawei.faults.add({ does: 'answer', status: 500, match: { caseId: 'bad' }, times: 2 });
    const byKind = huawei.faults.add({ does: 'answer', status: 503, match: { kind: 'log_in' } });
    huawei.faults.add({ does: 'answer', status: 501, match: ({ body }) => body?.includes('g-1') ?? false });
    expect([await status('good'), await status('bad'), await status('bad'), await status('bad')]).toEqual([
      200, 500, 500, 200,
    ]);
    expect((await mark(huawei, 'good', { body: '{"group_id":"g-1"}' })).status).toBe(501);
    expect((await logIn(huawei)).status).toBe(503);
    byKind.remove();
    expect((await logIn(huawei)).status).toBe(201);
    huawei.faults.clear();
    expect((await mark(huawei, 'good', { body: '{"group_id":"g-1"}' })).status).toBe(200);
    expect([byCase.hits, byKind.hits]).toEqual([2, 1]);
  });

  test('strike by chance, the same with the same seed', async () => {
    const run = async (seed: number) => {
      const huawei = await start({ seed, faults: [{ does: 'html502', probability: 0.5 }] });
      const statuses = [];
      for (let round = 0; round < 40; round += 1) statuses.push((await mark(huawei)).status);
      return statuses;
    };
    const first = await run(7);
    expect(new Set(first)).toEqual(new Set([200, 502]));
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
  });

  test('down refuses connections until up', async () => {
    const huawei = await start();
    await huawei.down();
    await expect(mark(huawei)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await huawei.up();
    expect((await mark(huawei)).status).toBe(200);
    await huawei.down();
    await huawei.up();
    expect((await mark(huawei)).status).toBe(200);
  });
});

test('latency, the count of requests at once, and a log of limited length', async () => {
  const huawei = await start({ latencyMs: 50, logAtMost: 3 });
  await Promise.all(Array.from({ length: 5 }, () => mark(huawei)));
  expect(huawei.requests).toHaveLength(3);
  expect(huawei.state()).toMatchObject({ requests: 5, peakInFlight: 5, marks: 5 });
  huawei.requests.length = 0;
  await mark(huawei);
  expect(huawei.requests).toHaveLength(1);
});

test('as a process: one line with its URL, there until SIGTERM', async () => {
  const options = { cases: { 'case-9': { unread: 4 } } };
  const flags = ['--open-cases', '--token-bytes', '100', JSON.stringify(options)];
  const child = spawn(process.execPath, ['local/huawei/server.ts', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(child.stdout, 'data');
    const { url } = JSON.parse(String(line));
    const answer = await fetch(url + LOG_IN, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(logInBody()),
    });
    expect(answer.headers.get('x-subject-token')).toHaveLength(100);
    const state = await (await fetch(`${url}/-/state`)).json();
    expect(state).toMatchObject({ requests: 1, logIns: 1, marks: 0 });
  } finally {
    child.kill('SIGTERM');
  }
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  expect(code).toBe(0);
});
