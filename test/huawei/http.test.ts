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

/** A server that answers as told, and counts requests and connections. */
const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
  const seen = { requests: [] as IncomingMessage[], connections: 0 };
  const server = createServer({ maxHeaderSize: 1_000_000 }, (request, response) => {
    seen.requests.push(request);
    answer(request, response);
  });
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

const call = (more: Partial<Call> = {}): Call => ({ method: 'POST', path: '/', headers: {}, ...more });
const send = (url: string, more: Partial<Call> = {}, timeoutMs = 3000) =>
  createClient(url, timeoutMs).send(call(more));

test('the answer: status, headers, body', async () => {
  const { url } = await serve((_, response) => {
    response.writeHead(418, { 'X-A': 'b' });
    response.end('té');
  });
  expect(await send(url)).toMatchObject({ status: 418, headers: { 'x-a': 'b' }, body: 'té' });
});

test('the request goes as it stands: method, path, headers, body and its length', async () => {
  let got = '';
  const { url, seen } = await serve((request, response) => {
    request.on('data', chunk => {
      got += chunk;
    });
    request.on('end', () => response.end());
  });
  await send(url, { path: '/a%2Fb/%2e%2e/?q=%20', headers: { 'X-A': '1' }, body: '票' });
  const [request] = seen.requests;
  expect(request).toMatchObject({ method: 'POST', url: '/a%2Fb/%2e%2e/?q=%20' });
  expect(request?.headers).toMatchObject({ 'x-a': '1', 'content-length': '3', host: new URL(url).host });
  expect(got).toBe('票');
});

test('no body: none is announced as such, and nothing hangs', async () => {
  const { url, seen } = await serve((_, response) => response.end());
  await send(url, { method: 'GET' });
  expect(seen.requests[0]?.headers).not.toHaveProperty('content-type');
});

test('connections are kept, a fresh one is one of its own', async () => {
  const { url, seen } = await serve((_, response) => response.end());
  const client = createClient(url, 3000);
  await client.send(call());
  await client.send(call());
  expect(seen.connections).toBe(1);
  await client.send(call({ fresh: true }));
  expect(seen.connections).toBe(2);
});

test('redirects are answers', async () => {
  const { url, seen } = await serve((_, response) => {
    response.writeHead(302, { Location: '/elsewhere' });
    response.end();
  });
  expect(await send(url)).toMatchObject({ status: 302 });
  expect(seen.requests).toHaveLength(1);
});

test.each([16_384, 60_000])('headers of %i bytes come through', async bytes => {
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'X-Long': 'x'.repeat(bytes) });
    response.end('{}');
  });
  expect(await send(url)).toMatchObject({ status: 200, headers: { 'x-long': 'x'.repeat(bytes) } });
});

test('headers over 64 KB are unavailable', async () => {
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'X-Long': 'x'.repeat(70_000) });
    response.end('{}');
  });
  expect(await send(url)).toMatchObject({ broken: { code: 'unavailable' }, stale: false });
});

test('of an endless body only the beginning is read', async () => {
  const { url, server } = await serve((_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  const answer = await send(url);
  expect(answer).toMatchObject({ status: 200 });
  expect('body' in answer && answer.body.length).toBeLessThan(1_000_000);
  server.closeAllConnections();
});

test.each([
  ['never answers', () => {}],
  ['stops in the middle', (response: ServerResponse) => response.write('{')],
])('a server that %s is a timeout, which says who and how long', async (_, answer) => {
  const { url } = await serve((_, response) => answer(response));
  expect(await send(url, {}, 120)).toEqual({
    broken: { code: 'timeout', detail: expect.stringMatching(/127\.0\.0\.1:\d+ .*120 ms/) },
    stale: false,
  });
});

test.each([
  ['that is not HTTP', 'hello\r\n\r\n', 'unavailable'],
  ['that ends in its headers', 'HTTP/1.1 200 OK\r\nX-', 'unreachable'],
  ['that ends before its length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}', 'unreachable'],
  ['of nothing', '', 'unreachable'],
])('an answer %s', async (_, bytes, code) => {
  expect(await send(await serveBytes(bytes))).toMatchObject({ broken: { code }, stale: false });
});

test('an upgrade that nobody asked for is the answer it is', async () => {
  const bytes = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  expect(await send(await serveBytes(bytes))).toMatchObject({ status: 101 });
});

test.each([
  ['nobody listens', 'http://127.0.0.1:1'],
  ['no such name', 'https://osm.invalid'],
])('%s: unreachable, and the detail names the host', async (_, url) => {
  expect(await send(url)).toMatchObject({
    broken: { code: 'unreachable', detail: expect.stringContaining(new URL(url).host) },
    stale: false,
  });
});

test('a kept connection that breaks within an answer is not stale', async () => {
  let isBroken = false;
  const { url } = await serve((request, response) => {
    if (!isBroken) return response.end();
    return response.write('{', () => request.socket.destroy());
  });
  const client = createClient(url, 3000);
  await client.send(call());
  isBroken = true;
  expect(await client.send(call())).toMatchObject({ broken: { code: 'unreachable' }, stale: false });
});

test('a kept connection that breaks before any answer is stale; a new one that breaks is not', async () => {
  let isBroken = false;
  const { url } = await serve((request, response) => {
    if (isBroken) request.socket.destroy();
    else response.end();
  });
  const client = createClient(url, 3000);
  await client.send(call());
  isBroken = true;
  expect(await client.send(call())).toMatchObject({ broken: { code: 'unreachable' }, stale: true });
  expect(await client.send(call())).toMatchObject({ broken: { code: 'unreachable' }, stale: false });
});

test('a call may have less time than the client, never more', async () => {
  const { url } = await serve((_, response) => setTimeout(() => response.end(), 400));
  expect(await send(url, { timeoutMs: 60 })).toEqual({
    broken: { code: 'timeout', detail: expect.stringContaining('in 60 ms') },
    stale: false,
  });
  expect(await send(url, { timeoutMs: 5000 }, 60)).toMatchObject({ broken: { code: 'timeout' } });
  expect(await send(url, { timeoutMs: 5000 })).toMatchObject({ status: 200 });
});

test.each([
  [1_048_576, 1_000_000, undefined],
  [1_048_576, 1_200_000, true],
  [undefined, 120_000, undefined],
  [undefined, 140_000, true],
])('a cap of %s, a body of %i bytes: cut is %s', async (mostBodyBytes, bytes, isCut) => {
  const { url } = await serve((_, response) => response.end('x'.repeat(bytes)));
  const answer = await send(url, mostBodyBytes ? { mostBodyBytes } : {});
  expect('isCut' in answer ? answer.isCut : undefined).toBe(isCut);
  if (!isCut) expect('body' in answer && answer.body.length).toBe(bytes);
});

describe('a kept connection', () => {
  test.each([
    [59, 1],
    [61, 2],
  ])('that was idle for %i s: %i connections in all', async (seconds, connections) => {
    const { url, seen } = await serve((_, response) => response.end());
    const client = createClient(url, 3000);
    await client.send(call());
    pass({ seconds });
    await client.send(call());
    expect(seen.connections).toBe(connections);
  });

  test('of a burst is dropped, one that was in use since is kept', async () => {
    const { url, seen, server } = await serve((_, response) => setTimeout(() => response.end(), 20));
    const client = createClient(url, 3000);
    const burst = () => Promise.all(Array.from({ length: 5 }, () => client.send(call())));
    await burst();
    pass({ seconds: 40 });
    await client.send(call());
    pass({ seconds: 40 });
    await burst();
    expect(seen.connections).toBe(5 + 4);
    const open = () => new Promise(resolve => server.getConnections((_, count) => resolve(count)));
    while ((await open()) !== 5) await new Promise(setImmediate);
  });
});
