import type { Duplex } from 'node:stream';
import { type Failure, failure, type Unfinished } from '../failure.ts';
import type { Answer } from './outcome.ts';

/** What time a call has. */
export interface Timing {
  /** Aborted when no call may start any more: what waits for its turn then is `unfinished`. */
  signal: AbortSignal;
  /** For the whole answer, in milliseconds; at most, and where absent, the client's own. */
  timeoutMs?: number;
  /** Milliseconds epoch: a call whose turn comes later is not made, but `unfinished`. No such time by default. */
  startBy?: number;
  /** Does not stand in line behind calls that can wait. */
  inHaste?: boolean;
}

export interface Call {
  method: 'GET' | 'POST';
  /** Percent-encoded path and query; it is sent as it stands. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Opens a connection of its own instead of taking a kept one. */
  fresh?: boolean;
  /** For the whole answer, in milliseconds; at most, and where absent, the client's own. */
  timeoutMs?: number;
  /** Of a longer body only the beginning is kept; 128 KB where absent. */
  mostBodyBytes?: number;
}

/** No whole answer came. */
export interface Broken {
  broken: Failure | Unfinished;
  /** A kept connection broke before any answer: a fresh one may do. */
  stale: boolean;
}

/** Tokens travel in response headers and can be far larger than Node's default of 16 KB. */
const MOST_HEADER_BYTES = 65_536;
/** OSM's answers are small, a stored secret has up to 64 KB; of more only the beginning is kept. */
const MOST_BODY_BYTES = 131_072;
/** Leaves a byte order mark out, which would make JSON unreadable. */
const utf8 = new TextDecoder();
/** MAX_IN_FLIGHT's upper bound: every connection of a full batch may be kept. */
const MOST_KEPT_CONNECTIONS = 1000;

/**
 * Not by `import`: that reads every export of node:http, the lazy `WebSocket` too, and so loads all of undici,
 * 30 ms of each cold start. And only the one that is needed: node:https brings TLS, 8 ms.
 */
const httpFor = (protocol: string) =>
  process.getBuiltinModule(protocol === 'https:' ? 'node:https' : 'node:http');

/** A connection that was idle for longer may have died without a word: the function is frozen between batches. */
const MOST_IDLE_MS = 60_000;

/** An agent that keeps connections, and a function that drops those that were idle for long. */
const keepConnections = ({ Agent }: ReturnType<typeof httpFor>) => {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: MOST_KEPT_CONNECTIONS });
  const idleSince = new WeakMap<Duplex, number>();
  agent.on('free', (socket: Duplex) => idleSince.set(socket, Date.now()));
  const dropIdle = () => {
    const now = Date.now();
    // By the clock, as no timer runs in a frozen function. The longest idle are the first of each list.
    for (const sockets of Object.values(agent.freeSockets)) {
      for (const socket of sockets ?? []) {
        if (now - (idleSince.get(socket) ?? now) <= MOST_IDLE_MS) break;
        socket.destroy();
      }
    }
  };
  return { agent, dropIdle };
};

/**
 * A client for one endpoint over Node's own http(s): a third of fetch's CPU, response headers up to 64 KB,
 * no redirects followed. Connections are kept alive across invocations.
 */
export const createClient = (endpoint: string, timeoutMs: number) => {
  const { protocol, hostname, port, host } = new URL(endpoint);
  const http = httpFor(protocol);
  const { agent, dropIdle } = keepConnections(http);

  const send = ({ method, path, headers, body, fresh, ...limits }: Call): Promise<Answer | Broken> =>
    new Promise(resolve => {
      const limitMs = Math.min(limits.timeoutMs ?? timeoutMs, timeoutMs);
      const mostBodyBytes = limits.mostBodyBytes ?? MOST_BODY_BYTES;
      if (!fresh) dropIdle();
      let answered = false;
      const outgoing = http.request({
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        method,
        path,
        agent: fresh ? false : agent,
        maxHeaderSize: MOST_HEADER_BYTES,
        headers: body === undefined ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) },
      });
      let isOver = false;
      const finish = (result: Answer | Broken) => {
        isOver = true;
        clearTimeout(timer);
        resolve(result);
      };
      const giveUp = () => {
        if (isOver) return;
        const detail = `${host} gave no whole answer in ${limitMs} ms`;
        finish({ broken: failure('timeout', detail), stale: false });
        outgoing.destroy();
      };
      // Not before what has arrived is read: after a freeze all timers are due, and run first.
      const timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), limitMs);
      const fail = (error: NodeJS.ErrnoException) =>
        finish({ broken: reasonOf(error, host), stale: outgoing.reusedSocket && !answered });

      outgoing.on('error', fail);
      // Nobody asked to upgrade; without a listener Node would report a hang-up instead of the answer.
      outgoing.on('upgrade', ({ statusCode = 0, headers }, socket) => {
        socket.destroy();
        finish({ status: statusCode, headers, body: '' });
      });
      outgoing.on('response', response => {
        answered = true;
        const { statusCode: status = 0, headers } = response;
        const chunks: Buffer[] = [];
        let bytes = 0;
        const text = () => utf8.decode(Buffer.concat(chunks));
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes <= mostBodyBytes) return;
          finish({ status, headers, body: text(), isCut: true });
          outgoing.destroy();
        });
        response.on('end', () => finish({ status, headers, body: text() }));
        response.on('error', fail);
      });
      outgoing.end(body);
    });

  return { host, send };
};

export type CreateClient = typeof createClient;
export type Client = ReturnType<CreateClient>;

const reasonOf = ({ code, message }: NodeJS.ErrnoException, host: string): Failure => {
  // The parser's errors: something answered, but not in HTTP.
  return failure(code?.startsWith('HPE_') ? 'unavailable' : 'unreachable', `${host}: ${code ?? message}`);
};
