// The page over HTTP: who gets in, what is shown, what it does to real queues.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { serveConsole } from '../../lib/cli/console/serve.ts';
import { createQueue } from '../../lib/sqs/queue.ts';
import { awsVariables } from '../../local/world.ts';
import { type Pair, receipt, useLetterQueues } from '../letter-queues.ts';
import { printedSince, printedSoFar } from '../output/printed.ts';
import { PROGRAM } from './command-line.ts';

// Programs start slowly on a machine that is busy.
jest.setTimeout(300_000);
const queues = await useLetterQueues();
let pair: Pair;
let child: ChildProcess | undefined;
let printed: string[];

const variables = () => ({ QUEUE_URL: pair.receiptsUrl, DEAD_LETTER_QUEUE_URL: pair.lettersUrl });
beforeEach(() => {
  pair = queues.openPair();
});
afterEach(async () => {
  if (!child || child.exitCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Starts the program: what its address answers to anyone, and to a browser that keeps its cookie. */
const open = async (more: Record<string, string> = {}) => {
  const env = { PATH: process.env.PATH, ...awsVariables, ...variables(), ...more };
  child = spawn(process.execPath, [PROGRAM, 'console', '--no-open'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  printed = [];
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on('line', line => printed.push(line));
  const [line] = (await once(lines, 'line')) as [string];
  const url = new URL(line);

  const bare = (method: string, at: string, headers: Record<string, string> = {}, body = '') =>
    new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>(
      (resolve, reject) => {
        const length = { 'content-length': String(Buffer.byteLength(body)) };
        const target = { host: '127.0.0.1', port: url.port, method, path: at };
        request({ ...target, headers: { ...headers, ...(body && length) } }, async answer => {
          let text = '';
          for await (const chunk of answer) text += chunk;
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
        })
          .on('error', reject)
          .end(body);
      },
    );

  const inside = { cookie: '', token: '' };
  /** Follows, until nothing is under way there. */
  const get = async (at: string): ReturnType<typeof bare> => {
    const answer = await bare('GET', at, { cookie: inside.cookie });
    if (answer.status === 303) return get(String(answer.headers.location));
    inside.token = /name="token" value="([^"]+)"/.exec(answer.body)?.[1] ?? inside.token;
    if (!answer.body.includes('<progress')) return answer;
    await delay(100);
    return get(at);
  };
  const post = async (at: string, fields: Record<string, string>) => {
    const form = new URLSearchParams({ token: inside.token, ...fields }).toString();
    const answer = await bare('POST', at, { ...FORM, cookie: inside.cookie }, form);
    return answer.status === 303 ? get(String(answer.headers.location)) : answer;
  };
  const enter = async () => {
    const answer = await bare('GET', `${url.pathname}${url.search}`);
    inside.cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';
    return get('/');
  };
  return { url, line, inside, bare, get, post, enter };
};

describe('who gets in', () => {
  test('the printed line, once, for a cookie that scripts and other sites do not get; nobody else', async () => {
    const { line, url, bare } = await open();
    expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?code=[\w-]{20,}$/);
    for (const at of ['/', '/letters', '/style.css', '/page.js', '/nowhere', `/?code=${'x'.repeat(32)}`]) {
      expect((await bare('GET', at)).status).toBe(403);
      expect((await bare('GET', at, { cookie: 'read_receipt_relay=guess' })).status).toBe(403);
    }
    const first = await bare('GET', url.pathname + url.search);
    expect(first).toMatchObject({ status: 303, headers: { location: '/' } });
    expect(String(first.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await bare('GET', url.pathname + url.search)).status).toBe(403);
  });

  test('another Host is refused before anything is looked at, the right code included', async () => {
    const { url, bare } = await open();
    for (const host of ['evil.example', 'localhost', '127.0.0.1']) {
      for (const named of [host, `${host}:${url.port}`].filter(named => named !== url.host)) {
        expect((await bare('GET', url.pathname + url.search, { host: named })).status).toBe(421);
        expect((await bare('POST', '/run', { host: named })).status).toBe(421);
      }
    }
    expect((await bare('GET', url.pathname + url.search, { host: url.host })).status).toBe(303);
  });

  test('what may change something needs the token, before any route', async () => {
    const { bare, enter, inside } = await open();
    await enter();
    const { cookie } = inside;
    const token = `token=${encodeURIComponent(inside.token)}`;
    for (const [method, at] of [
      ['POST', '/look'],
      ['POST', '/run'],
      ['POST', '/nowhere'],
      ['PUT', '/'],
      ['DELETE', '/letters'],
      ['OPTIONS', '/'],
    ] as const) {
      for (const body of ['', 'token=guess']) {
        expect((await bare(method, at, { ...FORM, cookie }, body)).status).toBe(403);
        expect((await bare(method, at, FORM, token)).status).toBe(403);
        expect((await bare(method, at, { cookie }, token)).status).toBe(403);
      }
    }
    expect((await bare('POST', '/nowhere', { ...FORM, cookie }, token)).status).toBe(404);
  });

  test('every answer forbids frames, foreign content and a referrer', async () => {
    const { bare, get, enter } = await open();
    const first = await enter();
    const others = [await bare('GET', '/'), await get('/style.css'), await get('/nowhere')];
    for (const { headers } of [first, ...others]) {
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(headers['referrer-policy']).toBe('no-referrer');
    }
    expect(first.body).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe('what is shown', () => {
  test('at a glance: counts, reasons, a picture, what to do; all is visible again', async () => {
    for (const code of ['forbidden', 'forbidden', 'rejected'] as const)
      pair.put(receipt('a'), { code, detail: `because of ${code}`, agoMs: 3_600_000 });
    const { enter } = await open();
    const { body } = await enter();
    expect(body).toMatch(/3 looked at, at/);
    expect(body).toMatch(/because of forbidden/);
    expect(body).toMatch(/<svg[^>]*role="img"/);
    expect(body).toMatch(/npx read-receipt-relay replay --code forbidden/);
    expect(pair.hidden()).toHaveLength(0);
  });

  test('what could not be looked at is not said to be empty', async () => {
    const { enter } = await open({ DEAD_LETTER_QUEUE_URL: `${pair.lettersUrl}-not` });
    const { body } = await enter();
    expect(body).toMatch(/role="alert">There is no queue/);
    expect(body).toMatch(/<b>SQS does not say<\/b>dead letters/);
    expect(body).not.toMatch(/No dead letters|oldest dead letter|they died|<table/);
  });

  test('what letters hold is text and nothing else', async () => {
    const hostile = '<script>alert(1)</script>';
    const note = '"><img src=x onerror=alert(1)>\u202e';
    pair.put(receipt(hostile, { note }), { code: 'rejected', detail: `${hostile}\u202e` });
    pair.put('<b>not json</b>', { code: 'constructor' as never, detail: '\'"><svg onload=alert(1)>' });
    const { enter, get } = await open();
    const pages = [(await enter()).body, (await get('/letters')).body];
    const links = [...`${pages[1]}`.matchAll(/href="(\/letters\/[^"]+)"/g)].map(([, at]) => `${at}`);
    expect(links).toHaveLength(2);
    const filtered = new URLSearchParams({ reason: hostile, case: hostile });
    for (const at of [...links, `/letters?${filtered}`]) pages.push((await get(at)).body);
    for (const text of pages)
      expect(text).not.toMatch(/<script>alert|<img|<svg onload|<b>not json|\u202e|function Object/);
    expect(pages.join()).toMatch(/&lt;script&gt;/);
  });

  test('filters, pages, and a letter that is gone', async () => {
    for (let i = 0; i < 60; i++) pair.put(receipt(`many-${i}`), { code: i % 2 ? 'failed' : 'forbidden' });
    const { enter, get } = await open();
    await enter();
    for (const [at, words] of [
      ['/letters', /Page 1 of 2/],
      ['/letters?page=2', /Page 2 of 2/],
      ['/letters?code=failed', /30 dead letters/],
      ['/letters?case=many-7', /1 dead letter\..*discard --case many-7/s],
      ['/letters?after=yesterday', /role="alert">after: It takes how long ago/],
    ] as const)
      expect((await get(at)).body).toMatch(words);
    expect(await get('/letters/no-such-id')).toMatchObject({ status: 404 });
  });

  test.each(['after=yesterday', 'code=nope', 'rate=abc'])(
    'a wrong filter offers no command: %s',
    async query => {
      pair.put(receipt('a'), { code: 'forbidden' });
      const { enter, get } = await open();
      await enter();
      expect((await get('/letters')).body).toMatch(/npx read-receipt-relay discard/);
      const { body } = await get(`/letters?${query}`);
      expect(body).toMatch(/role="alert"/);
      expect(body).not.toMatch(/discard|To remove|<button[^>]*data-copy/);
    },
  );

  test('no link and no form chooses more than it says: no case, a reason of several lines, an empty one', async () => {
    pair.put('not json', { code: 'malformed', detail: '' });
    pair.put('nor this', { code: 'malformed', detail: 'two\nlines' });
    pair.put(receipt('healthy'), { code: 'failed' });
    const { enter, get, post } = await open();
    const { body: glance } = await enter();
    for (const [, at] of (await get('/letters?code=malformed')).body.matchAll(/href="(\/letters\/[^"]+)"/g))
      expect((await get(`${at}`)).body).not.toMatch(/letters of this case/);
    for (const [, at] of glance.matchAll(/href="(\/letters\?[^"]+)"/g))
      expect((await get(`${at}`.replaceAll('&amp;', '&'))).body).toMatch(/<p>1 dead letter\./);
    const form = await post('/replay', { code: 'malformed', reason: 'two\r\nlines' });
    expect(form.body).toMatch(/<p>1 dead letter chosen/);
    expect(form.body).toMatch(/It will come back dead as it is/);
  });
});

/** Takes so many receipts as the function would: the ids that SQS gave them. */
const take = async (count: number): Promise<string[]> => {
  const source = createQueue(pair.receiptsUrl);
  const taken: string[] = [];
  while (taken.length < count) {
    const answer = await source.receive(30);
    const messages = 'messages' in answer ? answer.messages : [];
    taken.push(...messages.map(({ messageId }) => messageId));
    await source.remove(messages);
  }
  return taken;
};

describe('repair and replay', () => {
  test('preview with before and after, dry run, then what was chosen goes back, repaired, and nothing else', async () => {
    for (const id of ['a', 'b']) pair.put(receipt(id), { code: 'forbidden' });
    pair.put(receipt('c'), { code: 'rejected' });
    const { enter, get, post } = await open();
    await enter();
    const fields = { code: 'forbidden', set_group_id: 'g-1' };
    expect((await post('/replay', fields)).body).toMatch(/<mark>[^<]*group_id[^<]*g-1/);
    const dry = await post('/run', { ...fields, dry: 'yes' });
    expect(dry.body).toMatch(/Would be sent: 2/);
    expect(dry.body).toMatch(/Code “forbidden”\. In each receipt group_id=g-1 is set\./);
    expect(dry.body).toMatch(/Send 2 messages to/);
    expect(dry.body).toMatch(/npx read-receipt-relay replay --code forbidden --set group_id=g-1/);
    expect(pair.receipts()).toHaveLength(0);
    expect((await post('/run', fields)).body).toMatch(/Sent: 2/);
    expect(pair.receipts().map(({ body }) => JSON.parse(body).group_id)).toEqual(['g-1', 'g-1']);
    expect(pair.letters()).toHaveLength(1);

    await take(2);
    while ((await get('/run')).body.includes('data-state="waiting"')) await delay(100);
    expect((await get('/run')).body).toMatch(/Nothing came back dead/);
    // Who acts is asked beside the run: its line may come after its page.
    while (printed.length < 4) await delay(100);
    expect(printed.slice(1).map(line => JSON.parse(line))).toMatchObject([
      { action: 'dry_run', chosen: 2 },
      { action: 'replay', ...fields, replayed: 2, who: expect.any(String) },
      { action: 'came_back', taken: true, dead: {} },
    ]);
  });

  test('a repair that breaks a rule is refused in words; nothing is sent', async () => {
    pair.put(receipt('a'), { code: 'forbidden' });
    const { enter, post } = await open();
    await enter();
    const fields = { set_language: 'two words' };
    expect((await post('/replay', fields)).body).toMatch(/language[^<]*must be 1 to 32 visible ASCII/);
    expect((await post('/run', fields)).status).toBe(400);
    expect(pair.receipts()).toHaveLength(0);
  });

  test('all that is wrong is said, by the names of the fields, and what is right stays chosen', async () => {
    pair.put(receipt('a'), { code: 'invalid' });
    const { enter, post } = await open();
    await enter();
    const repair = { rate: 'abc', set_read_at: 'foo', set_language: 'two words' };
    const { body } = await post('/replay', { code: 'invalid', ...repair });
    expect(body).toMatch(/<p>1 dead letter chosen: code “invalid”/);
    expect(body).toMatch(
      /role="alert">rate: It takes a whole number[^<]*language [^<]*must be[^<]*read_at [^<]*must be/,
    );
    expect(body).not.toMatch(/Dry run/);
    const both = (await post('/run', { code: 'nope', after: '1h', before: '2h', ...repair })).body;
    expect(both).toMatch(/<p>Nothing is chosen yet/);
    expect(both).toMatch(/role="alert">code: It takes[^<]*turn them round\. rate: [^<]*language[^<]*read_at/);
    expect(pair.receipts()).toHaveLength(0);
  });

  test('the preview says of what stays why: replayed too often, or no receipt, whatever is repaired', async () => {
    pair.put(receipt('often'), { code: 'failed', replays: 3 });
    pair.put('not json', { code: 'malformed', replays: 2 });
    const { enter, post } = await open();
    await enter();
    const { body } = await post('/replay', { set_group_id: 'g-1' });
    expect(body).toMatch(/<p class="wrong">It was replayed 3 times already, and stays/);
    expect(body).toMatch(
      /<p class="wrong">After the repair it is no valid receipt, and stays: the body is not JSON/,
    );
    expect(body).not.toMatch(/breaks a rule|class="pair"/);
    expect((await post('/run', { set_group_id: 'g-1', dry: 'yes' })).body).toMatch(/Would be sent: 0/);
  });

  test('it works on what it saw: what came later stays, what is gone is said to be gone', async () => {
    for (const id of ['a', 'b']) pair.put(receipt(id), { code: 'forbidden' });
    const { enter, post } = await open();
    await enter();
    pair.put(receipt('late'), { code: 'forbidden' });
    expect((await post('/run', {})).body).toMatch(/Sent: 2/);
    expect(pair.letters().map(({ body }) => JSON.parse(body).case_id)).toEqual(['late']);
    expect((await post('/run', {})).body).toMatch(/Gone since the look[^<]*2/);
  });

  test('one at a time, and it is stopped: what was not sent is visible again', async () => {
    for (let i = 0; i < 40; i++) pair.put(receipt(`slow-${i}`), { code: 'failed' });
    const { enter, get, post, bare, inside } = await open();
    await enter();
    const send = () =>
      bare('POST', '/run', { ...FORM, cookie: inside.cookie }, `token=${inside.token}&rate=5`);
    expect((await send()).status).toBe(303);
    expect(await send()).toMatchObject({ status: 409, body: expect.stringMatching(/Replay is under way/) });
    while (pair.receipts().length === 0) await delay(50);
    await post('/stop', {});
    expect((await get('/run')).body).toMatch(/interrupted/);
    expect(pair.hidden()).toHaveLength(0);
    expect(pair.receipts().length + pair.letters().length).toBe(40);
    expect(pair.letters().length).toBeGreaterThan(0);
    // A stop is for the sending: what came of the sent is told all the same.
    const [first] = await take(pair.receipts().length);
    pair.put(receipt('slow-0'), { code: 'rejected', sourceId: `${first}` });
    while ((await get('/run')).body.includes('data-state="waiting"')) await delay(100);
    expect((await get('/run')).body).toMatch(/1 letter came back dead: 1 rejected/);
  });

  test('Ctrl-C while it sends ends all of it, and nothing is waited for', async () => {
    for (let i = 0; i < 40; i++) pair.put(receipt(`slow-${i}`), { code: 'failed' });
    const { enter, bare, inside } = await open();
    await enter();
    await bare('POST', '/run', { ...FORM, cookie: inside.cookie }, `token=${inside.token}&rate=5`);
    while (pair.receipts().length === 0) await delay(50);
    child?.kill('SIGINT');
    expect(await once(child as ChildProcess, 'exit')).toEqual([0, null]);
    expect(pair.hidden()).toHaveLength(0);
    expect(pair.receipts().length + pair.letters().length).toBe(40);
  });
});

test('it ends after half an hour without a request, and each request begins it anew', async () => {
  Object.assign(process.env, variables());
  const doNotFake = [
    'Date',
    'nextTick',
    'performance',
    'queueMicrotask',
    'setImmediate',
    'clearImmediate',
    'setTimeout',
    'clearTimeout',
  ] as const;
  jest.useFakeTimers({ doNotFake: [...doNotFake] });
  const pass = (minutes: number) => jest.advanceTimersByTime(minutes * 60_000);
  try {
    const from = printedSoFar();
    const served = serveConsole({ open: false, json: true });
    while (!printedSince(from)) await delay(50);
    const { url } = JSON.parse(printedSince(from));
    const entered = await fetch(url, { redirect: 'manual' });
    const cookie = String(entered.headers.get('set-cookie')).split(';')[0] ?? '';
    const ask = async () => (await fetch(new URL('/progress', url), { headers: { cookie } })).json();
    while (((await ask()) as { state: string }).state !== 'over') await delay(50);
    for (let times = 0; times < 3; times++) {
      pass(29);
      expect(await ask()).toEqual({ state: 'over' });
    }
    pass(31);
    expect(await served).toBe(0);
    await expect(ask()).rejects.toThrow();
  } finally {
    jest.useRealTimers();
  }
});
