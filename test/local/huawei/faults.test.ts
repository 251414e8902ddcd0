import type { Fault } from '../../../local/huawei/faults.ts';
import { keepingAgent, logIn, mark, start, useHuawei } from './calls.ts';

useHuawei();

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
