import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { deliver } from './delivery.ts';
import { createFaults, substituteFor } from './faults.ts';
import { createGateway } from './gateway.ts';
import { createAccessKeys } from './iam/access-keys.ts';
import { createIam } from './iam/iam.ts';
import { type Clock, defaults, type HuaweiOptions } from './options.ts';
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
export const startHuawei = async (options: HuaweiOptions = {}) => {
  const settings = { ...defaults, ...options };
  const clock: Clock = { offsetMs: settings.clockOffsetMs, now: () => Date.now() + clock.offsetMs };
  const iam = createIam(settings, clock);
  const osm = createOsm(settings, clock);
  const accessKeys = createAccessKeys(settings.accessKeys, clock);
  const gateway = createGateway(settings, clock, { iam, osm, accessKeys });
  const faults = createFaults(settings.faults);

  const requests: LoggedRequest[] = [];
  const load = { requests: 0, inFlight: 0, peakInFlight: 0, connections: 0 };
  const countLoad = (response: ServerResponse) => {
    load.requests += 1;
    load.inFlight += 1;
    load.peakInFlight = Math.max(load.peakInFlight, load.inFlight);
    response.once('close', () => {
      load.inFlight -= 1;
    });
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = randomUUID().replaceAll('-', '');
    const entry = entryFor(request, requestId);
    if (settings.keepsRequests) requests.push(entry);
    countLoad(response);
    response.sendDate = false;
    response.setHeader('Date', new Date(clock.now()).toUTCString());
    response.setHeader('X-Request-Id', requestId);

    entry.body = await text(request).catch(() => undefined);
    if (entry.body === undefined) return;
    const { slowMs, trouble } = faults.strike(entry);
    const waitMs = slowMs + settings.latencyMs;
    // A request that waits keeps no closed server alive.
    if (waitMs > 0) await sleep(waitMs, undefined, { ref: false });

    const answered = substituteFor(trouble) ?? (await gateway.pass(entry));
    if (response.destroyed || !deliver(response, answered, trouble) || answered === 'nothing') return;
    entry.status = answered.status;
  };

  const server = createServer(
    { maxHeaderSize: PARSER_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => void answer(request, response),
  );
  server.on('connection', () => {
    load.connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    /** Serves IAM and OSM both. */
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock,
    iam: iam.controls,
    osm: osm.controls,
    faults: faults.controls,
    /** Every request in the order of arrival, faulted ones too; empty it with `requests.length = 0`. */
    requests,
    /** Counts since the start, whether or not `requests` is filled. */
    load,
    /** From now on connections are refused. */
    async close(): Promise<void> {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
