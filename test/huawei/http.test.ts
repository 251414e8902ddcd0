import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { type Call, createClient } from '../../lib/huawei/http.ts';
import { pass, useClock } from '../clock.ts';
import { closeAfter, useEnvironment } from '../environment.ts';

useEnvironment();
useClock();

const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** A server that answers as told, and counts connections. */
const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
  const seen = { connections: 0 };
  const server = createServer(answer);
  server.on('connection', () => {
    seen.connections++;
  });
  const url = await listen(server);
  closeAfter({
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  });
  return { url, seen, server };
};

/** A server that says so many bytes and no more. */
const serveBytes = async (bytes: string) => {
  const server = createTcpServer(socket => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  const url = await listen(server);
  closeAfter({ close: async () => void server.close() });
  return url;
};

/** More than a busy machine needs. */
const PATIENT_MS = 15_000;

const call = (more: Partial<Call> = {}): Call => ({ method: 'POST', path: '/', headers: {}, ...more });
const send = (url: string, more: Partial<Call> = {}, timeoutMs = PATIENT_MS) =>
  createClient(url, timeoutMs).send(call(more));

test('a request goes as it stands, and its answer comes as it was sent', async () => {
  const { url } = await serve(async (request, response) => {
    const [chunk = ''] = await request.toArray();
    response.writeHead(418, { 'X-A': 'b' });
    response.end(`té ${request.method} ${request.url} ${JSON.stringify(request.headers)} ${chunk}`);
  });
  const answer = await send(url, { path: '/a%2Fb/%2e%2e/?q=%20', headers: { 'X-A': '1' }, body: '票' });
  expect(answer).toMatchObject({ status: 418, headers: { 'x-a': 'b' } });
  const { host } = new URL(url);
  const headers = { 'x-a': '1', 'content-length': '3', host, connection: 'keep-alive' };
  expect('body' in answer && answer.body).toBe(`té POST /a%2Fb/%2e%2e/?q=%20 ${JSON.stringify(headers)} 票`);
  expect(await send(url, { method: 'GET' })).toMatchObject({
    body: `té GET / ${JSON.stringify({ host, connection: 'keep-alive' })} `,
  });
});

const timeout = (ms: number) => ({
  broken: { code: 'timeout', detail: expect.stringMatching(`^127.0.0.1:\\d+ .* ${ms} ms$`) },
  stale: false,
});

const trickle = (response: ServerResponse) => {
  const timer = setInterval(() => response.write('{'), 20);
  response.on('close', () => clearInterval(timer));
};
test.each([
  ['never answers', () => {}],
  ['never ends', trickle],
])('a server that %s is a timeout, which says who and how long', async (_, answer) => {
  const { url } = await serve((_, response) => answer(response));
  expect(await send(url, {}, 120)).toEqual(timeout(120));
  // A call may have less time than the client, never more.
  expect(await send(url, { timeoutMs: 60 })).toEqual(timeout(60));
  expect(await send(url, { timeoutMs: PATIENT_MS }, 60)).toEqual(timeout(60));
});

const HEAD = 'HTTP/1.1 200 OK\r\n';
const LENGTH_2 = 'Content-Length: 2\r\n';
const unavailable = { broken: { code: 'unavailable' }, stale: false };
const unreachable = { broken: { code: 'unreachable' }, stale: false };
test.each<[string, string, object]>([
  ['that is not HTTP', 'hello\r\n\r\n', unavailable],
  ['with a status that is none', `HTTP/1.1 99999 OK\r\n${LENGTH_2}\r\n{}`, unavailable],
  ['with two lengths', `${HEAD}${LENGTH_2}Content-Length: 3\r\n\r\n{} `, unavailable],
  [
    'with a length, and in chunks',
    `${HEAD}${LENGTH_2}Transfer-Encoding: chunked\r\n\r\n2\r\n{}`,
    unavailable,
  ],
  ['with a header of control characters', `${HEAD}X: a\0b\r\n${LENGTH_2}\r\n{}`, unavailable],
  ['that ends in its headers', `${HEAD}X-`, unreachable],
  ['that ends before its length', `${HEAD}Content-Length: 9\r\n\r\n{}`, unreachable],
  ['that ends before its last chunk', `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n`, unreachable],
  ['of nothing', '', unreachable],
  ['with a byte order mark', `${HEAD}Content-Length: 5\r\n\r\n\uFEFF{}`, { status: 200, body: '{}' }],
  ['without a length', `${HEAD}\r\n{}`, { status: 200, body: '{}' }],
  ['after an early one', `HTTP/1.1 103 Early\r\n\r\n${HEAD}${LENGTH_2}\r\n{}`, { status: 200, body: '{}' }],
  [
    'with Retry-After twice',
    `${HEAD}Retry-After: 5\r\nRetry-After: 9\r\n\r\n`,
    { headers: { 'retry-after': '5' } },
  ],
  ['that upgrades unasked', 'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', { status: 101 }],
])('an answer %s', async (_, bytes, expected) => {
  expect(await send(await serveBytes(bytes))).toMatchObject(expected);
});

test.each([
  ['nobody listens', 'http://127.0.0.1:1'],
  ['no such name', 'https://osm.invalid'],
])('%s: unreachable, and the detail names the host', async (_, url) => {
  const detail = expect.stringContaining(new URL(url).host);
  expect(await send(url)).toMatchObject({ broken: { code: 'unreachable', detail }, stale: false });
});

test.each([
  [1_048_576, 1_000_000, undefined],
  [1_048_576, Number.POSITIVE_INFINITY, true],
  [undefined, 120_000, undefined],
  [undefined, 140_000, true],
])('a cap of %s, a body of %s bytes: cut is %s', async (mostBodyBytes, bytes, isCut) => {
  const { url } = await serve((_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
      response.once('drain', more);
    };
    if (bytes < Number.POSITIVE_INFINITY) response.end('x'.repeat(bytes));
    else more();
  });
  const answer = await send(url, mostBodyBytes ? { mostBodyBytes } : {});
  expect('isCut' in answer ? answer.isCut : undefined).toBe(isCut);
  expect('body' in answer && answer.body.length).toBeLessThanOrEqual(isCut ? 1_200_000 : bytes);
});

test('what has arrived while this process stood still is read before the call is given up', async () => {
  const { url } = await serve((_, response) => {
    response.end('{}', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600));
  });
  expect(await send(url, {}, 300)).toMatchObject({ status: 200, body: '{}' });
});

describe('a kept connection', () => {
  type BreakOff = (request: IncomingMessage, response: ServerResponse) => void;
  test.each<[string, boolean, BreakOff]>([
    ['before any answer', true, request => request.socket.destroy()],
    ['within an answer', false, ({ socket }, response) => response.write('{', () => socket.destroy())],
  ])('that breaks %s: stale is %s; a new one that breaks is not', async (_, stale, breakOff) => {
    let isBroken = false;
    const { url } = await serve((request, response) => {
      if (isBroken) breakOff(request, response);
      else response.end();
    });
    const client = createClient(url, PATIENT_MS);
    await client.send(call());
    isBroken = true;
    expect(await client.send(call())).toMatchObject({ broken: { code: 'unreachable' }, stale });
    expect(await client.send(call())).toMatchObject(unreachable);
  });

  test('is used again unless it was idle for more than a minute, or a fresh one is asked for', async () => {
    const { url, seen, server } = await serve((_, response) => setTimeout(() => response.end(), 20));
    const client = createClient(url, PATIENT_MS);
    const burst = () => Promise.all(Array.from({ length: 5 }, () => client.send(call())));
    await burst();
    pass({ seconds: 59 });
    await client.send(call());
    expect(seen.connections).toBe(5);
    pass({ seconds: 2 });
    await burst();
    expect(seen.connections).toBe(5 + 4);
    const open = () => new Promise(resolve => server.getConnections((_, count) => resolve(count)));
    while ((await open()) !== 5) await new Promise(setImmediate);
    await client.send(call({ fresh: true }));
    expect(seen.connections).toBe(10);
  });
});
