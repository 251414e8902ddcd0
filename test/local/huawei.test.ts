// What makes the stand-in for Huawei Cloud worth trusting, and what no test of the relay would notice.
import { type Call, createClient } from '../../lib/huawei/http.ts';
import { signRequest } from '../../lib/huawei/signature.ts';
import { parseJson } from '../../lib/json.ts';
import { account, type HuaweiOptions } from '../../local/huawei/options.ts';
import { type Huawei, startHuawei } from '../../local/huawei/server.ts';
import { pass, useClock } from '../clock.ts';
import { closeAfter, useEnvironment } from '../environment.ts';

useEnvironment();
useClock();

const JSON_TYPE = { 'Content-Type': 'application/json;charset=utf8' };
const CASES = '/v2/servicerequest/cases';
const UNREAD = `${CASES}/instant-messages/unread`;
const MARK = `${CASES}/case-1/instant-messages/unread`;
const CODES = /(APIGW|OSM)\.\d+/;

const start = async (options: HuaweiOptions = {}) =>
  closeAfter(await startHuawei({ cases: { 'case-1': { unread: 3 } }, ...options }));

/** Makes a call with a token, unless headers bring their own; the status and the code of the answer are its `says`. */
const call = async (huawei: Huawei, { headers = {}, ...given }: Partial<Call> = {}) => {
  const token = headers.Authorization ? {} : { 'X-Auth-Token': huawei.iam.issueToken().token };
  const answer = await createClient(huawei.url, 15_000).send({
    method: 'POST',
    path: MARK,
    headers: { ...token, ...headers },
    ...given,
  });
  if ('broken' in answer) return { says: answer.broken.code, json: {} };
  const says = [answer.status, CODES.exec(answer.body)?.[0]].join(' ').trim();
  return { says, json: parseJson(answer.body) };
};

const long = (count: number) => encodeURIComponent('😀'.repeat(count));
const body = (fields: unknown): Partial<Call> => ({ headers: JSON_TYPE, body: JSON.stringify(fields) });
const header = (name: string, value: string): Partial<Call> => ({ headers: { [name]: value } });
const get = (path: string): Partial<Call> => ({ method: 'GET', path });
const markAt = (segment: string): Partial<Call> => ({ path: `${CASES}/${segment}/instant-messages/unread` });
const shared = `${CASES}/shared/messages`;

test.each<[string, string, Partial<Call>]>([
  ['an own case', '200', {}],
  ['an own case, with any group', '200', body({ group_id: '😀'.repeat(64) })],
  ['an empty group', '200', body({ group_id: '' })],
  ['a long group', '200 OSM.01010001', body({ group_id: 'g'.repeat(65) })],
  ['a group that is null', '200 OSM.01010001', body({ group_id: null })],
  ['an unknown field', '200 OSM.01010001', body({ case_id: 'case-1' })],
  ['a list', '400 OSM.0001', body([])],
  ['text', '400 OSM.0001', { headers: { 'Content-Type': 'text/plain' }, body: '{}' }],
  ['a case of a group, with it', '200', { ...markAt('shared'), ...body({ group_id: 'g-1' }) }],
  ['a case of a group, without it', '200 OSM.01010002', markAt('shared')],
  [
    'a case of a group, with another',
    '200 OSM.01010002',
    { ...markAt('shared'), ...body({ group_id: '2' }) },
  ],
  ['an unknown case', '200 OSM.01010015', markAt('nowhere')],
  ['a case of 64 code points', '200 OSM.01010015', markAt(long(64))],
  ['a case of 65 code points', '200 OSM.01010001', markAt(long(65))],
  ['a language of 32', '200', header('X-Language', 'l'.repeat(32))],
  ['a language of 33', '200 OSM.01010001', header('X-Language', 'l'.repeat(33))],
  ['an empty time zone', '200 OSM.01010001', header('X-Time-Zone', '')],
  ['site 2', '200 OSM.01010001', header('X-Site', '2')],
  ['a path that is not UTF-8', '404 APIGW.0101', markAt('%FF')],
  ['a slash', '404 APIGW.0101', markAt('a/b')],
  ['dot segments, encoded', '404 APIGW.0101', markAt('%2e%2E')],
  ['another method', '404 APIGW.0101', { method: 'GET' }],
  ['a slash at the end', '404 APIGW.0101', { path: `${MARK}/` }],
  ['no token', '401 APIGW.0301', header('X-Auth-Token', '')],
  ['an unknown token', '401 APIGW.0301', header('X-Auth-Token', 'MII')],
  ['a list', '200', get(`${shared}?group_id=g-1`)],
  ['a list without the group', '200 OSM.01010002', get(shared)],
  ['a list of 101', '200 OSM.01010001', get(`${shared}?group_id=g-1&limit=101`)],
  ['a list from 65,536 on', '200 OSM.01010001', get(`${shared}?group_id=g-1&offset=65536`)],
  ['unread messages of 101 cases', '200 OSM.01010001', get(`${UNREAD}?${'case_ids=1&'.repeat(101)}`)],
])('OSM, asked for %s: %s', async (_, says, given) => {
  const huawei = await start({ cases: { 'case-1': {}, shared: { group: 'g-1' } } });
  expect((await call(huawei, given)).says).toBe(says);
  const isMarked = says === '200' && given.method !== 'GET';
  expect(huawei.osm.marks).toBe(isMarked ? 1 : 0);
  expect(huawei.requests).toMatchObject([{ marked: isMarked, status: Number(says.slice(0, 3)) }]);
});

test('unread messages are told of the cases that the caller may see, and a mark clears them', async () => {
  const huawei = await start({ cases: { own: { unread: 2 }, shared: { unread: 5, group: 'g-1' } } });
  const unread = async (more: string) =>
    (await call(huawei, get(`${UNREAD}?case_ids=own&case_ids=shared&case_ids=nowhere${more}`))).json;
  const own = { status: 1, incident_id: 'own', unread_num: 2 };
  expect(await unread('')).toEqual({ imunread: [own] });
  expect(await unread('&group_id=g-1')).toEqual({
    imunread: [own, { ...own, incident_id: 'shared', unread_num: 5 }],
  });
  const forms = [];
  for (let round = 0; round < 3; round++) forms.push((await call(huawei, markAt('own'))).json);
  expect(new Set(forms.map(form => JSON.stringify(form))).size).toBe(3);
  expect(await unread('')).toEqual({ imunread: [{ ...own, unread_num: 0 }] });
});

const at = Date.UTC(2026, 0, 31, 23, 30, 5, 678);
test('a list comes in pages, in the order of the times, whatever the order of writing', async () => {
  const huawei = await start({ cases: { 'case-1': { unread: 0 } } });
  for (const minute of [3, 0, 2, 1]) huawei.osm.write('case-1', { at: at + minute, content: `${minute}` });
  const { json } = await call(huawei, get(`${CASES}/case-1/messages?offset=1&limit=2`));
  expect(json).toMatchObject({ count: 4, message_list: [{ content: '2' }, { content: '1' }] });
});

test('hidden is what a mark clears and no person read between its writing and the mark', async () => {
  const huawei = await start({ cases: { 'case-1': { unread: 0 } } });
  const hidden = () => huawei.osm.hidden().map(({ caseId, message }) => [caseId, message.at - at]);
  for (const minute of [0, 1]) huawei.osm.write('case-1', { at: at + minute });
  huawei.osm.write('case-1', { at: at + 2, own: true });
  expect(huawei.osm.read('case-1', at)).toBe('2026-01-31T23:30:05.678Z');
  expect(hidden()).toEqual([]);
  await call(huawei);
  pass({ seconds: 1 });
  huawei.osm.read('case-1');
  expect(hidden()).toEqual([['case-1', 1]]);
  huawei.osm.read('case-1', at + 1);
  expect(hidden()).toEqual([]);
});

describe('IAM', () => {
  const { domain, domainId: id, user, password, projects } = account;
  const logInWith = (
    huawei: Huawei,
    { scope, ...changed }: { scope?: object; [field: string]: unknown } = {},
  ) => {
    const given = { domain: { name: domain }, name: user, password, ...changed };
    return call(huawei, {
      path: '/v3/auth/tokens?nocatalog=true',
      ...body({ auth: { identity: { methods: ['password'], password: { user: given } }, scope } }),
    });
  };

  test.each([
    ['no scope', '201', {}],
    ['the domain by id', '201', { domain: { id }, scope: { domain: { id } } }],
    ['a project by name', '201', { scope: { project: { name: 'ap-southeast-3' } } }],
    ['a project by id', '201', { scope: { project: { id: projects['ap-southeast-3'] } } }],
    ["another's domain", '403', { scope: { domain: { name: 'other' } } }],
    ['an unknown project', '401', { scope: { project: { name: 'nowhere' } } }],
    ['two scopes', '400', { scope: { domain: { id }, project: { name: 'ap-southeast-3' } } }],
    ['an unknown domain', '401', { domain: { name: 'nobody' } }],
    ['an unknown user', '401', { name: 'nobody' }],
    ['an empty password', '400', { password: '' }],
    ['a misspelt field', '400', { pass: '' }],
  ])('a log-in with %s: %s', async (_, says, changed) => {
    expect((await logInWith(await start(), changed)).says).toBe(says);
  });

  test('wrong passwords lock the user, and trying on keeps the lock', async () => {
    const huawei = await start({ lockAfter: 2 });
    const tryIt = async (tried: string) =>
      JSON.stringify((await logInWith(huawei, { password: tried })).json);
    expect(await tryIt('wrong')).toContain('The username or password is wrong.');
    expect(huawei.iam.isLocked()).toBe(false);
    await tryIt('wrong');
    expect(huawei.iam.isLocked()).toBe(true);
    for (let round = 0; round < 2; round++) {
      pass({ minutes: 14 });
      expect(await tryIt(password)).toContain('The account is locked.');
    }
    pass({ minutes: 15 });
    expect(await tryIt('wrong')).toContain('The username or password is wrong.');
    expect(await tryIt(password)).toContain('expires_at');
    expect(huawei.iam).toMatchObject({ failedLogIns: 5, logIns: 1 });
  });

  test('a token opens OSM until its time is over', async () => {
    const huawei = await start({ tokenSeconds: 60 });
    const token = header('X-Auth-Token', huawei.iam.issueToken().token);
    expect((await call(huawei, token)).says).toBe('200');
    pass({ minutes: 1 });
    expect((await call(huawei, token)).says).toBe('401 APIGW.0307');
  });
});

test('more than five wrong signatures in a row lock the key for five minutes', async () => {
  const huawei = await start({ accessKeys: { AK1: 'right' } });
  const mark = { method: 'POST', host: new URL(huawei.url).host, path: MARK, headers: {}, body: '' };
  const tryIt = async (secret_key: string) => {
    const headers = { ...signRequest(mark, { access_key: 'AK1', secret_key }, new Date()) };
    return (await call(huawei, { headers })).says;
  };
  for (let failure = 0; failure < 5; failure++) await tryIt('wrong');
  expect(await tryIt('right')).toBe('200');
  for (let failure = 0; failure < 6; failure++) await tryIt('wrong');
  expect(await tryIt('right')).toBe('401 APIGW.0301');
  pass({ minutes: 5 });
  expect(await tryIt('right')).toBe('200');
});

test('so many calls pass in any second', async () => {
  const huawei = await start({ requestsPerSecond: 3 });
  const says = await Promise.all(Array.from({ length: 5 }, async () => (await call(huawei)).says));
  expect(says.sort()).toEqual(['200', '200', '200', '429 APIGW.0308', '429 APIGW.0308']);
  pass({ seconds: 1 });
  expect((await call(huawei)).says).toBe('200');
});

test.each([
  ['close', 0],
  ['lose', 1],
  ['half', 1],
] as const)('a fault that does %s strikes what it matches, so often, after %i marks', async (does, marks) => {
  const huawei = await start({ openCases: true });
  huawei.faults.add({ does, times: 1, match: { caseId: 'odd' } });
  expect((await call(huawei)).says).toBe('200');
  expect((await call(huawei, markAt('odd'))).says).toBe('unreachable');
  expect(huawei.osm.marks).toBe(1 + marks);
  expect(huawei.requests[1]).toMatchObject({
    status: does === 'half' ? 200 : undefined,
    marked: marks === 1,
  });
  expect((await call(huawei, markAt('odd'))).says).toBe('200');
});
