import { failure } from '../../lib/failure.ts';
import type { Broken, Call, CreateClient } from '../../lib/huawei/http.ts';
import type { Answer } from '../../lib/huawei/outcome.ts';
import type { BatchAnswer, Calls } from '../../lib/sqs/calls.ts';
import type { Clock, Owner } from '../engine/clock.ts';
import type { Random } from '../engine/random.ts';
import type { Faults } from './faults.ts';
import type { Queue, Sendable } from './sqs.ts';

export interface Request extends Call {
  host: string;
  owner: Owner;
}
/** What a server does with a request. */
export type Reply = { afterMs: number } & (
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body: string }
  | { kind: 'reset' }
  | { kind: 'hang' }
);
export type Server = (request: Request) => Reply;

/** A kept connection may have been closed at the other end after so long. */
const STALE_AFTER_MS = 5_000;
/** One that was idle for a minute is not used again. */
const DROPPED_AFTER_MS = 60_000;

const sqsError = (name: string, httpStatusCode?: number) =>
  Object.assign(new Error(`${name} by the simulation`), {
    name,
    $metadata: httpStatusCode ? { httpStatusCode } : {},
  });

interface Options {
  clock: Clock;
  random: Random;
  faults: Faults;
  serve: Server;
  /** An owner was killed at a call. */
  onKilled: (owner: Owner) => void;
  /** A queue took a message from someone. */
  /** An HTTP call leaves a process. */
  onCalled: (owner: Owner, host: string) => void;
  onSent: (owner: Owner, queue: Queue, message: Sendable) => void;
}

/**
 * Everything that leaves a process: each call takes time there and back, belongs to who made it, and is a point at
 * which a process may be killed.
 */
export const createWire = ({ clock, random, faults, serve, onKilled, onCalled, onSent }: Options) => {
  /** Whether the call leaves; a killed owner's calls are nobody's, and its answers never come. */
  const leaves = (owner: Owner): boolean => {
    if (owner.state === 'dead') return false;
    if (!owner.doom || --owner.doom.calls > 0) return true;
    const { sends, onDeath } = owner.doom;
    clock.kill(owner);
    onDeath?.();
    onKilled(owner);
    return sends;
  };
  const latencyMs = () => 5 + random() * 25;

  const createClient: CreateClient = (endpoint, clientTimeoutMs) => {
    const { host } = new URL(endpoint);
    let lastMs = Number.NEGATIVE_INFINITY;
    const send = (call: Call): Promise<Answer | Broken> =>
      new Promise(resolve => {
        const owner = clock.owner();
        if (owner.state === 'dead') return;
        const timeoutMs = Math.min(call.timeoutMs ?? clientTimeoutMs, clientTimeoutMs);
        const finish = (result: Answer | Broken) => {
          timer.run = undefined;
          resolve(result);
        };
        const timer = clock.after(owner, timeoutMs, () =>
          resolve({ broken: failure('timeout', `${host} gave no whole answer in time`), stale: false }),
        );
        const idleMs = clock.now() - lastMs;
        const isKept = !call.fresh && idleMs > STALE_AFTER_MS && idleMs < DROPPED_AFTER_MS;
        lastMs = clock.now();
        if (!leaves(owner)) return;
        onCalled(owner, host);
        clock.after(clock.world, latencyMs(), () => {
          const isStale = isKept && random() < 0.05;
          const reply: Reply = isStale ? { kind: 'reset', afterMs: 0 } : serve({ ...call, host, owner });
          if (reply.kind === 'hang') return;
          clock.after(owner, reply.afterMs + latencyMs(), () => {
            if (reply.kind === 'reset')
              finish({ broken: failure('unreachable', `${host}: ECONNRESET`), stale: isStale });
            else finish({ status: reply.status, headers: reply.headers ?? {}, body: reply.body });
          });
        });
      });

    return { host, send };
  };

  /** One call to SQS: what it does there, and the troubles on the way. */
  const callSqs = <T>(signal: AbortSignal | undefined, carryOut: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const owner = clock.owner();
      if (signal?.aborted) return reject(sqsError('AbortError'));
      if (!leaves(owner)) return undefined;
      const cut = () => reject(sqsError('AbortError'));
      signal?.addEventListener('abort', cut, { once: true });
      const answer = (settle: () => void) =>
        clock.after(owner, latencyMs(), () => {
          signal?.removeEventListener('abort', cut);
          settle();
        });
      clock.after(clock.world, latencyMs(), () => {
        if (faults.on('sqs_throttled') && random() < 0.5)
          return answer(() => reject(sqsError('ThrottlingException', 400)));
        if (faults.on('sqs_outage') && random() < 0.9) {
          const kind = random();
          if (kind < 0.5) carryOut();
          // Half of them are never answered.
          if (kind > 0.25 && kind < 0.75) return undefined;
          return answer(() => reject(sqsError('ServiceUnavailable', 503)));
        }
        const result = carryOut();
        return answer(() => resolve(result));
      });
      return undefined;
    });

  const batch = <T extends { id: string }>(
    entries: T[],
    carryOut: (entry: T) => string | undefined,
  ): BatchAnswer => {
    const Successful: { Id: string; MessageId: string }[] = [];
    const Failed: { Id: string; Code: string; Message: string }[] = [];
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
    sendBatch: (entries, signal) => {
      const owner = clock.owner();
      return callSqs(signal, () =>
        batch(entries, ({ body, attributes, groupId, traceHeader }) => {
          const message = { body, attributes, groupId, traceHeader };
          onSent(owner, queue, message);
          return queue.add(message, clock.now()).id;
        }),
      );
    },
    changeVisibilityBatch: (entries, signal) =>
      callSqs(signal, () =>
        batch(entries, ({ receiptHandle, seconds }) =>
          queue.changeVisibility(receiptHandle, seconds) ? 'done' : undefined,
        ),
      ),
    deleteBatch: (entries, signal) =>
      callSqs(signal, () =>
        batch(entries, ({ receiptHandle }) => (queue.delete(receiptHandle) ? 'done' : undefined)),
      ),
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
