import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { call, JSON_TYPE, LOG_IN, logInBody, MINUTE_MS, mark, markPath, start, useHuawei } from './calls.ts';

useHuawei();

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
  const options = JSON.stringify({ openCases: true, tokenBytes: 100 });
  const child = spawn(process.execPath, ['local/huawei/server.ts', options], {
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
