import { failure } from '../../lib/failure.ts';
import type { Broken, Call, CreateClient } from '../../lib/huawei/http.ts';
import type { Answer } from '../../lib/huawei/outcome.ts';
import type { BatchAnswer, Calls } from '../../lib/sqs/calls.ts';
import type { Owner } from '../engine/clock.ts';
import type { Parts } from './parts.ts';
import type { Queue } from './sqs.ts';

export interface Request extends Call {
  host: string;
  owner: Owner;
}
/** What a server does with a request. */
export type Reply = { afterMs: number } & (
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body: string }
  | { kind: 'reset' | 'hang' }
);
export type Server = (request: Request) => Reply;

export const answer = (status: number, body: string, afterMs: number, headers = {}): Reply => ({
  kind: 'answer',
  status,
  headers,
  body,
  afterMs,
});
export const json = (status: number, body: object, afterMs = 20, headers = {}): Reply =>
  answer(status, JSON.stringify(body), afterMs, headers);
export const hang: Reply = { kind: 'hang', afterMs: 0 };

/** A kept connection may have been closed at the other end after so long. */
const STALE_AFTER_MS = 5_000;
/** One that was idle for a minute is not used again. */
const DROPPED_AFTER_MS = 60_000;

const sqsError = (name: string, httpStatusCode?: number) =>
  Object.assign(new Error(`${name} by the simulation`), {
    name,
    $metadata: httpStatusCode ? { httpStatusCode } : {},
  });

/**
 * Everything that leaves a process: each call takes time there and back, belongs to who made it, and is a point at
 * which a process may be killed.
 *
 * @param onKilled an owner was killed at a call
 */
export const createWire = (
  { clock, random: randomFor, faults, oracle }: Parts,
  serve: Server,
  onKilled: (owner: Owner) => void,
) => {
  const random = randomFor('wire');

  /** Whether the call leaves; a killed owner's calls are nobody's, and its answers never come. */
  const leaves = (owner: Owner): boolean => {
    if (owner.state === 'dead') return false;
    if (!owner.doom || --owner.doom.calls > 0) return true;
    owner.state = 'dead';
    onKilled(owner);
    return owner.doom.sends;
  };
  const latencyMs = () => 5 + random() * 25;

  const createClient: CreateClient = (endpoint, clientTimeoutMs) => {
    const { host } = new URL(endpoint);
    let lastMs = Number.NEGATIVE_INFINITY;
    const send = (call: Call): Promise<Answer | Broken> =>
      new Promise(resolve => {
        const owner = clock.owner();
        if (owner.state === 'dead') return;
        const broken = (code: 'timeout' | 'unreachable', detail: string, stale = false) =>
          resolve({ broken: failure(code, `${host}: ${detail}`), stale });
        const timeoutMs = Math.min(call.timeoutMs ?? clientTimeoutMs, clientTimeoutMs);
        const timer = clock.after(owner, timeoutMs, () => broken('timeout', 'no whole answer in time'));
        const idleMs = clock.now() - lastMs;
        const isKept = !call.fresh && idleMs > STALE_AFTER_MS && idleMs < DROPPED_AFTER_MS;
        lastMs = clock.now();
        if (!leaves(owner)) return;
        if (host.startsWith('osm')) oracle.called(owner);
        clock.after(clock.world, latencyMs(), () => {
          const isStale = isKept && random() < 0.05;
          const reply: Reply = isStale ? { kind: 'reset', afterMs: 0 } : serve({ ...call, host, owner });
          if (reply.kind === 'hang') return;
          clock.after(owner, reply.afterMs + latencyMs(), () => {
            timer.run = undefined;
            if (reply.kind !== 'answer') return broken('unreachable', 'ECONNRESET', isStale);
            resolve({ status: reply.status, headers: reply.headers ?? {}, body: reply.body });
          });
        });
      });
    return { host, send };
  };

  /** One call to SQS: what it does there, and the troubles on the way. */
  const callSqs = <T>(signal: AbortSignal | undefined, carryOut: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const owner = clock.owner();
      const cut = () => reject(sqsError('AbortError'));
      if (signal?.aborted) return cut();
      if (!leaves(owner)) return;
      signal?.addEventListener('abort', cut, { once: true });
      const answer = (settle: () => void) =>
        clock.after(owner, latencyMs(), () => {
          signal?.removeEventListener('abort', cut);
          settle();
        });
      clock.after(clock.world, latencyMs(), () => {
        if (faults.on('sqs_throttled') && random() < 0.5)
          return answer(() => reject(sqsError('ThrottlingException', 400)));
        if (!faults.on('sqs_outage') || random() < 0.1) {
          const result = carryOut();
          return answer(() => resolve(result));
        }
        // Half of what fails was carried out, and half of it is never answered.
        const kind = random();
        if (kind < 0.5) carryOut();
        if (kind <= 0.25 || kind >= 0.75) answer(() => reject(sqsError('ServiceUnavailable', 503)));
        return undefined;
      });
    });

  /** @param carryOut gives the id of what was done, or undefined where it was refused */
  const batch = <T extends { id: string }>(
    entries: T[],
    carryOut: (entry: T) => string | undefined,
  ): BatchAnswer => {
    const Successful: BatchAnswer['Successful'] = [];
    const Failed: BatchAnswer['Failed'] = [];
    for (const entry of entries) {
      const odd = faults.on('sqs_partial') ? random() : 1;
      const isLost = odd > 0.35 && odd < 0.45;
      const MessageId = odd < 0.25 || isLost ? undefined : carryOut(entry);
      // Some are not named at all, done or not.
      if (isLost) continue;
      if (MessageId === undefined) Failed.push({ Id: entry.id, Code: 'InternalError', Message: 'try again' });
      else if (odd > 0.35) Successful.push({ Id: entry.id, MessageId });
    }
    return { Successful, Failed };
  };

  /** The five calls that our code makes of a queue. */
  const callsOf = (queue: Queue): Calls => ({
    sendBatch(entries, signal) {
      const owner = clock.owner();
      const add = ({ body, attributes, groupId, traceHeader }: (typeof entries)[number]) => {
        const message = { body, attributes, groupId, traceHeader };
        if (queue.name === 'dead letters') oracle.deadLettered(owner, message);
        return queue.add(message).id;
      };
      return callSqs(signal, () => batch(entries, add));
    },
    changeVisibilityBatch(entries, signal) {
      const change = ({ receiptHandle, seconds }: (typeof entries)[number]) =>
        queue.changeVisibility(receiptHandle, seconds) ? 'done' : undefined;
      return callSqs(signal, () => batch(entries, change));
    },
    deleteBatch(entries, signal) {
      const remove = ({ receiptHandle }: (typeof entries)[number]) => {
        queue.delete(receiptHandle);
        return 'done';
      };
      return callSqs(signal, () => batch(entries, remove));
    },
    async receive({ hidden, wait }, signal) {
      let taken = await callSqs(signal, () => queue.receive(10, hidden));
      if (taken.length === 0 && wait > 0) {
        await new Promise<void>(resolve => clock.after(clock.owner(), wait * 1000, resolve));
        taken = await callSqs(signal, () => queue.receive(10, hidden));
      }
      return taken.map(({ id, handle, body, attributes, groupId, traceHeader, sentAt, receives }) => ({
        messageId: id,
        receiptHandle: handle,
        message: { body, attributes, ...(groupId && { groupId }), ...(traceHeader && { traceHeader }) },
        sentAt,
        receives,
      }));
    },
    attributes: signal =>
      callSqs(signal, () => ({
        attributes: queue.attributes(),
        serverTime: Math.floor(clock.now() / 1000) * 1000,
      })),
  });

  return { createClient, callsOf };
};
