import { pass, useClock } from '../../clock.ts';
import { call, logIn, mark, markPath, start, useHuawei } from './calls.ts';

useHuawei();
useClock();

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
    pass({ seconds: 1 });
    expect((await mark(huawei)).status).toBe(200);
  });
});

describe('faults', () => {
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
});
