// The page over HTTP: who gets in, what is shown, what it does to real queues.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { serveConsole } from '../../lib/cli/console/serve.ts';
import { awsEnvironment, type Pair, receipt, useLetterQueues } from '../letter-queues.ts';
import { printedSince, printedSoFar } from '../output/printed.ts';

const PROGRAM = path.resolve('.build/cli/main.mjs');

// Programs start slowly on a machine that is busy.
jest.setTimeout(300_000);
const queues = await useLetterQueues();
let pair: Pair;
let child: ChildProcess | undefined;
let printed: string[];

beforeEach(() => {
  pair = queues.openPair();
});
afterEach(async () => {
  if (!child || child.exitCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
});

interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

/** Starts the program; gives a browser that keeps its cookie, and a bare one. */
const open = async () => {
  child = spawn(process.execPath, [PROGRAM, 'console', '--no-open'], {
    env: {
      PATH: process.env.PATH,
      ...awsEnvironment,
      QUEUE_URL: pair.receiptsUrl,
      DEAD_LETTER_QUEUE_URL: pair.lettersUrl,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  printed = [];
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on('line', line => printed.push(line));
  const [line] = (await once(lines, 'line')) as [string];
  const url = new URL(line);

  const bare = (method: string, at: string, headers: object = {}, body = ''): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: url.port,
          method,
          path: at,
          headers: { ...headers, ...(body && { 'content-length': Buffer.byteLength(body) }) },
        },
        async answer => {
          let text = '';
          for await (const chunk of answer) text += chunk;
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
        },
      );
      sent.on('error', reject).end(body);
    });

  let cookie = '';
  let token = '';
  const get = async (at: string): Promise<Answer> => {
    const answer = await bare('GET', at, { cookie });
    if (answer.status === 303) return get(String(answer.headers.location));
    token = /name="token" value="([^"]+)"/.exec(answer.body)?.[1] ?? token;
    return answer;
  };
  const post = async (at: string, fields: Record<string, string>): Promise<Answer> => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', cookie };
    const answer = await bare('POST', at, form, new URLSearchParams({ token, ...fields }).toString());
    return answer.status === 303 ? get(String(answer.headers.location)) : answer;
  };
  /** Until nothing is running. */
  const settled = async (at: string): Promise<Answer> => {
    for (;;) {
      const answer = await get(at);
      if (!/<progress/.test(answer.body)) return answer;
      await delay(100);
    }
  };
  const enter = async () => {
    const answer = await bare('GET', `${url.pathname}${url.search}`);
    cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';
    return settled('/');
  };
  return { url, line, bare, get, post, settled, enter, cookie: () => cookie, token: () => token };
};

const own = (page: { url: URL }) => ({ host: page.url.host });

describe('who gets in', () => {
  test('the printed line, once, for a cookie that scripts and other sites do not get', async () => {
    const page = await open();
    expect(page.line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?code=[\w-]{20,}$/);
    const first = await page.bare('GET', page.url.pathname + page.url.search);
    expect(first).toMatchObject({ status: 303, headers: { location: '/' } });
    expect(String(first.headers['set-cookie'])).toMatch(/HttpOnly/);
    expect(String(first.headers['set-cookie'])).toMatch(/SameSite=Strict/);
    expect((await page.bare('GET', page.url.pathname + page.url.search)).status).toBe(403);
  });

  test('nobody else', async () => {
    const page = await open();
    for (const at of ['/', '/letters', '/style.css', '/page.js', '/nowhere']) {
      expect((await page.bare('GET', at)).status).toBe(403);
      expect((await page.bare('GET', at, { cookie: 'read_receipt_relay=guess' })).status).toBe(403);
    }
    expect((await page.bare('GET', `/?code=${'x'.repeat(32)}`)).status).toBe(403);
  });

  test('another Host is refused before anything is looked at, the right code included', async () => {
    const page = await open();
    for (const host of [
      'evil.example',
      `localhost:${page.url.port}`,
      '127.0.0.1',
      `evil.example:${page.url.port}`,
    ]) {
      const answer = await page.bare('GET', page.url.pathname + page.url.search, { host });
      expect(answer.status).toBe(421);
      expect((await page.bare('POST', '/run', { host })).status).toBe(421);
    }
    expect((await page.bare('GET', page.url.pathname + page.url.search, own(page))).status).toBe(303);
  });

  test('what may change something needs the token, before any route', async () => {
    const page = await open();
    await page.enter();
    const { cookie } = { cookie: page.cookie() };
    const form = { cookie, 'content-type': 'application/x-www-form-urlencoded' };
    for (const [method, at] of [
      ['POST', '/look'],
      ['POST', '/run'],
      ['POST', '/nowhere'],
      ['PUT', '/'],
      ['DELETE', '/letters'],
      ['OPTIONS', '/'],
    ] as const) {
      expect((await page.bare(method, at, form)).status).toBe(403);
      expect((await page.bare(method, at, form, 'token=guess')).status).toBe(403);
    }
    const token = `token=${encodeURIComponent(page.token())}`;
    expect((await page.bare('POST', '/nowhere', { cookie }, token)).status).toBe(403);
    expect((await page.bare('POST', '/nowhere', form, token)).status).toBe(404);
  });

  test('every answer forbids frames, foreign content and a referrer', async () => {
    const page = await open();
    const inside = await page.enter();
    for (const answer of [
      inside,
      await page.bare('GET', '/'),
      await page.get('/style.css'),
      await page.get('/nowhere'),
    ]) {
      const policy = String(answer.headers['content-security-policy']);
      expect(policy).toMatch(/default-src 'none'/);
      expect(policy).toMatch(/frame-ancestors 'none'/);
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(answer.headers['referrer-policy']).toBe('no-referrer');
    }
    expect(inside.body).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe('what is shown', () => {
  test('at a glance: counts, reasons, a picture, what to do; all is visible again', async () => {
    for (const [id, code] of [
      ['a', 'forbidden'],
      ['b', 'forbidden'],
      ['c', 'rejected'],
    ] as const)
      pair.put(receipt(id), { code, detail: `because of ${code}`, agoMs: 3_600_000 });
    const page = await open();
    const { body } = await page.enter();
    expect(body).toMatch(/3 looked at, at/);
    expect(body).toMatch(/because of forbidden/);
    expect(body).toMatch(/<svg[^>]*role="img"/);
    expect(body).toMatch(/npx read-receipt-relay replay --code forbidden/);
    expect(pair.hidden()).toHaveLength(0);
  });

  test('what letters hold is text and nothing else', async () => {
    const hostile = '<script>alert(1)</script>';
    pair.put(receipt(hostile, { note: '"><img src=x onerror=alert(1)>\u202e' }), {
      code: 'rejected',
      detail: `${hostile}\u202e`,
    });
    pair.put('<b>not json</b>', { code: 'constructor' as never, detail: '\'"><svg onload=alert(1)>' });
    const page = await open();
    await page.enter();
    const { body } = await page.get('/letters');
    const links = [...body.matchAll(/href="(\/letters\/[^"]+)"/g)].map(([, at]) => at as string);
    expect(links).toHaveLength(2);
    const pages = [body, (await page.get('/')).body];
    for (const at of links)
      pages.push(
        (await page.get(at)).body,
        (await page.get(`/letters?reason=${encodeURIComponent(hostile)}&case=${encodeURIComponent(hostile)}`))
          .body,
      );
    for (const text of pages) {
      expect(text).not.toMatch(/<script>alert|<img|<svg onload|<b>not json|\u202e/);
      expect(text).not.toMatch(/function Object/);
    }
    expect(pages.join()).toMatch(/&lt;script&gt;/);
  });

  test('filters, pages, and a letter that is gone', async () => {
    for (let i = 0; i < 60; i++) pair.put(receipt(`many-${i}`), { code: i % 2 ? 'failed' : 'forbidden' });
    const page = await open();
    await page.enter();
    expect((await page.get('/letters')).body).toMatch(/Page 1 of 2/);
    expect((await page.get('/letters?code=failed')).body).toMatch(/30 dead letters/);
    expect((await page.get('/letters?case=many-7')).body).toMatch(/1 dead letter\./);
    expect((await page.get('/letters?case=many-7')).body).toMatch(/discard --case many-7/);
    expect((await page.get('/letters?after=yesterday')).body).toMatch(/role="alert"/);
    expect(await page.get('/letters/no-such-id')).toMatchObject({ status: 404 });
  });
});

test('no link and no form chooses more than it says: a letter without a case, a reason of several lines, an empty one', async () => {
  pair.put('not json', { code: 'malformed', detail: '' });
  pair.put('nor this', { code: 'malformed', detail: 'two\nlines' });
  pair.put(receipt('healthy'), { code: 'failed' });
  const page = await open();
  await page.enter();
  const { body } = await page.get('/letters?code=malformed');
  for (const [, at] of body.matchAll(/href="(\/letters\/[^"]+)"/g))
    expect((await page.get(at as string)).body).not.toMatch(/letters of this case/);
  for (const [, at] of (await page.get('/')).body.matchAll(/href="(\/letters\?[^"]+)"/g))
    expect((await page.get((at as string).replaceAll('&amp;', '&'))).body).toMatch(/<p>1 dead letter\./);
  const form = await page.post('/replay', { code: 'malformed', reason: 'two\r\nlines' });
  expect(form.body).toMatch(/<p>1 dead letter chosen/);
});

describe('repair and replay', () => {
  test('preview with before and after, dry run, then what was chosen goes back, repaired, and nothing else', async () => {
    for (const id of ['a', 'b']) pair.put(receipt(id), { code: 'forbidden' });
    pair.put(receipt('c'), { code: 'rejected' });
    const page = await open();
    await page.enter();
    const fields = { code: 'forbidden', set_group_id: 'g-1' };
    const preview = await page.post('/replay', fields);
    expect(preview.body).toMatch(/<mark>[^<]*group_id[^<]*g-1/);
    await page.post('/run', { ...fields, dry: 'yes' });
    const dry = await page.settled('/run');
    expect(dry.body).toMatch(/Would be sent: 2/);
    expect(dry.body).toMatch(/Send 2 messages to/);
    expect(dry.body).toMatch(/In each receipt group_id=g-1 is set\./);
    expect(pair.receipts()).toHaveLength(0);
    await page.post('/run', fields);
    const done = await page.settled('/run');
    expect(done.body).toMatch(/Sent: 2/);
    expect(pair.receipts().map(({ body }) => JSON.parse(body).group_id)).toEqual(['g-1', 'g-1']);
    expect(pair.letters()).toHaveLength(1);
    // Who acts is asked beside the run: its line may come after its page.
    while (printed.length < 3) await delay(100);
    expect(printed.slice(1).map(line => JSON.parse(line))).toMatchObject([
      { action: 'dry_run', chosen: 2 },
      { action: 'replay', replayed: 2, who: expect.any(String) },
    ]);
  });

  test('a repair that breaks a rule is refused in words; nothing is sent', async () => {
    pair.put(receipt('a'), { code: 'forbidden' });
    const page = await open();
    await page.enter();
    const fields = { set_language: 'two words' };
    expect((await page.post('/replay', fields)).body).toMatch(/language[^<]*must be 1 to 32 visible ASCII/);
    expect((await page.post('/run', fields)).status).toBe(400);
    expect(pair.receipts()).toHaveLength(0);
  });

  test('it works on what it saw: what came later stays, what is gone is said to be gone', async () => {
    pair.put(receipt('a'), { code: 'forbidden' });
    pair.put(receipt('b'), { code: 'forbidden' });
    const page = await open();
    await page.enter();
    pair.put(receipt('late'), { code: 'forbidden' });
    await page.post('/run', {});
    expect((await page.settled('/run')).body).toMatch(/Sent: 2/);
    expect(pair.letters().map(({ body }) => JSON.parse(body).case_id)).toEqual(['late']);
    await page.post('/run', {});
    expect((await page.settled('/run')).body).toMatch(/Gone since the look[^<]*2/);
  });

  test('a run is stopped: what was not sent is visible again', async () => {
    for (let i = 0; i < 40; i++) pair.put(receipt(`slow-${i}`), { code: 'failed' });
    const page = await open();
    await page.enter();
    await page.post('/run', { rate: '5' });
    await page.post('/stop', {});
    const { body } = await page.settled('/run');
    expect(body).toMatch(/interrupted/);
    expect(pair.hidden()).toHaveLength(0);
    expect(pair.receipts().length + pair.letters().length).toBe(40);
    expect(pair.letters().length).toBeGreaterThan(0);
  });
});

test('it ends after half an hour without a request, and each request begins it anew', async () => {
  Object.assign(process.env, { QUEUE_URL: pair.receiptsUrl, DEAD_LETTER_QUEUE_URL: pair.lettersUrl });
  jest.useFakeTimers({
    doNotFake: [
      'Date',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setTimeout',
      'clearTimeout',
    ],
  });
  const pass = (minutes: number) => jest.advanceTimersByTime(minutes * 60_000);
  try {
    const from = printedSoFar();
    const served = serveConsole({ open: false, json: true });
    while (!printedSince(from)) await delay(50);
    const { url } = JSON.parse(printedSince(from));
    const entered = await fetch(url, { redirect: 'manual' });
    const cookie = String(entered.headers.get('set-cookie')).split(';')[0] ?? '';
    const stateNow = async () =>
      ((await (await fetch(new URL('/progress', url), { headers: { cookie } })).json()) as { state: string })
        .state;
    while ((await stateNow()) !== 'over') await delay(50);
    for (let times = 0; times < 3; times++) {
      pass(29);
      expect(await stateNow()).toBe('over');
    }
    pass(31);
    expect(await served).toBe(0);
    await expect(stateNow()).rejects.toThrow();
  } finally {
    jest.useRealTimers();
  }
});
