import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { deliver } from './delivery.ts';
import { createFaults, isHandled, substituteFor } from './faults.ts';
import { BODY_LIMIT_BYTES, createGateway } from './gateway.ts';
import { createIam } from './iam/iam.ts';
import { createAccessKeys } from './iam/signature.ts';
import { type Clock, type HuaweiOptions, optionsSchema } from './options.ts';
import { createOsm } from './osm/osm.ts';
import { entryFor, type LoggedRequest } from './requests.ts';

/** Far over the gateway's own limit, so that it is the gateway who refuses. */
const PARSER_HEADER_BYTES = 1024 * 1024;
/** As gateways do; Node's own 5 s would end connections between two batches. */
const KEEP_ALIVE_MS = 60_000;

export type Huawei = Awaited<ReturnType<typeof startHuawei>>;

/**
 * Starts a stand-in for Huawei Cloud's IAM and OSM behind its API gateway: one HTTP server, strict as the real
 * one is documented, and wrong in every way that is asked of it.
 */
export async function startHuawei(options: HuaweiOptions = {}) {
  const settings = optionsSchema.parse(options);
  const clock: Clock = { offsetMs: settings.clockOffsetMs, now: () => Date.now() + clock.offsetMs };
  const iam = createIam(settings, clock);
  const osm = createOsm(settings, clock);
  const accessKeys = createAccessKeys(settings.accessKeys, clock);
  const gateway = createGateway(settings, clock, { iam, osm, accessKeys });
  const faults = createFaults(settings.faults);

  const requests: LoggedRequest[] = [];
  const load = { requests: 0, inFlight: 0, peakInFlight: 0, connections: 0 };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID().replaceAll('-', '');
    const [entry, route] = entryFor(request, requestId);
    keep(entry);
    countLoad(response);
    response.sendDate = false;
    response.setHeader('Date', new Date(clock.now()).toUTCString());
    response.setHeader('X-Request-Id', requestId);

    const body = await bodyOf(request);
    if (body === 'aborted') return;
    entry.body = body?.toString();
    const { slowMs, trouble } = faults.strike(entry);
    const waitMs = slowMs + settings.latencyMs;
    // A request that waits keeps no closed server alive.
    if (waitMs > 0) await sleep(waitMs, undefined, { ref: false });

    const served = isHandled(trouble)
      ? await gateway.pass({ entry, route, body, rawHeaders: request.rawHeaders })
      : undefined;
    const answered = substituteFor(trouble) ?? served;
    if (response.destroyed || !deliver(response, answered, trouble)) return;
    entry.status = answered?.status;
    entry.errorCode = answered?.errorCode;
  }

  function keep(entry: LoggedRequest): void {
    load.requests += 1;
    requests.push(entry);
    if (requests.length > (settings.logAtMost ?? Number.POSITIVE_INFINITY)) requests.shift();
  }

  function countLoad(response: ServerResponse): void {
    load.inFlight += 1;
    load.peakInFlight = Math.max(load.peakInFlight, load.inFlight);
    response.once('close', () => {
      load.inFlight -= 1;
    });
  }

  const server = createServer(
    { maxHeaderSize: PARSER_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => void answer(request, response),
  );
  server.on('connection', () => {
    load.connections += 1;
  });

  function state() {
    const { logIns, failedLogIns } = iam.controls;
    return { ...load, logIns, failedLogIns, marks: osm.controls.marks };
  }

  async function listen(port: number): Promise<number> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('The server has no port.');
    return address.port;
  }

  async function stop(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  const port = await listen(0);
  return {
    /** Serves IAM and OSM both. */
    url: `http://127.0.0.1:${port}`,
    clock,
    iam: iam.controls,
    osm: osm.controls,
    faults: faults.controls,
    /** Every request in the order of arrival, faulted ones too; empty it with `requests.length = 0`. */
    requests,
    /** Counts since the start, whatever the log keeps. */
    state,
    /** Ends connections without notice: those that wait for a next request, or all. */
    dropConnections(which: 'idle' | 'all' = 'idle'): void {
      if (which === 'all') server.closeAllConnections();
      else server.closeIdleConnections();
    },
    /** Refuses connections until `up()`. */
    down: stop,
    up: async (): Promise<void> => void (await listen(port)),
    close: stop,
  };
}

/** Undefined where it is longer than the gateway takes. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined | 'aborted'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
      bytes += chunk.length;
      if (bytes <= BODY_LIMIT_BYTES) chunks.push(chunk);
    }
  } catch {
    return 'aborted';
  }
  return bytes > BODY_LIMIT_BYTES ? undefined : Buffer.concat(chunks);
}
