import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import type { Huawei } from '../../../local/huawei/server.ts';
import { call, MINUTE_MS, markPath, type Sent, start, useHuawei } from './calls.ts';

useHuawei();

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

  test.each([
    ['a wrong secret', 'AK1', 'sk-2', {}],
    ['an unknown key', 'AK9', 'sk-1', {}],
    ['another domain', 'AK1', 'sk-1', { headers: { 'X-Domain-Id': 'd-2' } }],
    ['a temporary key without its token', 'AKTEMP', 'sk-t', {}],
    ['a temporary key with another token', 'AKTEMP', 'sk-t', { headers: { 'X-Security-Token': 'st-2' } }],
  ])('%s is refused', async (_, access, secret, given) => {
    const huawei = await start({ accessKeys });
    const answer = await signed(huawei, access, secret, given);
    expect([answer.status, answer.json.error_code]).toEqual([401, 'APIGW.0301']);
    expect(huawei.osm.marks).toBe(0);
  });

  test('a temporary key with its token passes', async () => {
    const huawei = await start({ accessKeys });
    const temporary = { headers: { 'X-Security-Token': 'st-1' } };
    expect((await signed(huawei, 'AKTEMP', 'sk-t', temporary)).status).toBe(200);
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
});
