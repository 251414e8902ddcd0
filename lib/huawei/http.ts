import { type Failure, failure, type Unfinished, unfinished } from '../failure.ts';
import type { Answer } from './outcome.ts';

/** What time a call has. */
export interface Timing {
  /** Aborted when no call may start any more: what waits for its turn then is `unfinished`. */
  signal: AbortSignal;
  /** For the whole answer, in milliseconds; the client's own where absent. */
  timeoutMs?: number;
}

export interface Call {
  method: 'GET' | 'POST';
  /** Percent-encoded path and query; it is sent as it stands. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Opens a connection of its own instead of taking a kept one. */
  fresh?: boolean;
  /** Of a longer body only the beginning is kept; 128 KB where absent. */
  mostBodyBytes?: number;
  /** Cuts the call short. */
  signal?: AbortSignal;
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
/** MAX_IN_FLIGHT's upper bound: every connection of a full batch may be kept. */
const MOST_KEPT_CONNECTIONS = 1000;

/**
 * Not by `import`: that reads every export of node:http, the lazy `WebSocket` too, and so loads all of undici,
 * 30 ms of each cold start. And only the one that is needed: node:https brings TLS, 8 ms.
 */
const httpFor = (protocol: string) =>
  process.getBuiltinModule(protocol === 'https:' ? 'node:https' : 'node:http');

const cutsBySignal = new WeakMap<AbortSignal, Set<() => void>>();

/** What a signal cuts, behind one listener: a listener for each call would cost a quarter of the call. */
const cutsOf = (signal: AbortSignal): Set<() => void> => {
  const known = cutsBySignal.get(signal);
  if (known) return known;
  const cuts = new Set<() => void>();
  const cutAll = () => {
    for (const cut of cuts) cut();
  };
  signal.addEventListener('abort', cutAll, { once: true });
  cutsBySignal.set(signal, cuts);
  return cuts;
};

/**
 * A client for one endpoint over Node's own http(s): a third of fetch's CPU, response headers up to 64 KB,
 * no redirects followed. Connections are kept alive across invocations.
 */
export const createClient = (endpoint: string, timeoutMs: number) => {
  const { protocol, hostname, port, host } = new URL(endpoint);
  const { request, Agent } = httpFor(protocol);
  const kept = new Agent({ keepAlive: true, maxFreeSockets: MOST_KEPT_CONNECTIONS });

  const send = ({
    method,
    path,
    headers,
    body,
    fresh,
    mostBodyBytes = MOST_BODY_BYTES,
    signal,
  }: Call): Promise<Answer | Broken> =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve({ broken: unfinished, stale: false });
      let answered = false;
      const outgoing = request({
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        method,
        path,
        agent: fresh ? false : kept,
        maxHeaderSize: MOST_HEADER_BYTES,
        headers: body === undefined ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) },
      });
      const finish = (result: Answer | Broken) => {
        clearTimeout(timer);
        cuts?.delete(cut);
        resolve(result);
      };
      const cut = () => {
        finish({ broken: unfinished, stale: false });
        outgoing.destroy();
      };
      const cuts = signal && cutsOf(signal).add(cut);
      const timer = setTimeout(() => {
        const detail = `${host} gave no whole answer in ${timeoutMs} ms`;
        finish({ broken: failure('timeout', detail), stale: false });
        outgoing.destroy();
      }, timeoutMs);
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
        const body = () => Buffer.concat(chunks).toString();
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes <= mostBodyBytes) return;
          finish({ status, headers, body: body(), isCut: true });
          outgoing.destroy();
        });
        response.on('end', () => finish({ status, headers, body: body() }));
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
