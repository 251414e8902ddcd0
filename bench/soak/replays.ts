import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from './random.ts';
import { REPAIR } from './repairs.ts';
import type { World } from './world.ts';

interface ReplayRequest {
  dry_run?: boolean;
  filter?: object;
  set?: object;
  limit?: number;
  rate_per_second?: number;
}

const requests = (dice: Dice): ReplayRequest[] => [
  {},
  { filter: { failure_code: ['forbidden'] }, set: REPAIR },
  { filter: { failure_code: ['rejected', 'failed', 'unavailable'] }, limit: 10 + dice.below(100) },
  { filter: { after: new Date(Date.now() - dice.below(20_000)).toISOString() }, rate_per_second: 100 },
  { filter: { before: new Date(Date.now() - dice.below(20_000)).toISOString(), max_replays: 1 } },
  { filter: { failure_code: ['invalid'] }, dry_run: true },
  { filter: { failure_kode: ['invalid'] } },
];

const LEAST_PAUSE_MS = 800;

/** Replay runs, one after the other while everything else goes on, some of them killed. */
export const startReplays = ({ replay, ledger }: World, dice: Dice) => {
  const counts = { runs: 0, replayed: 0 };
  const sent = () => ledger.sentBy.replay ?? 0;
  const blame = (request: ReplayRequest, why: string) =>
    ledger.strange.push({ why: `a replay of ${JSON.stringify(request)} ${why}` });

  /** What it says it sent is what SQS told it to have taken; what it is unsure of comes on top, and it says so. */
  const once = async (request: ReplayRequest) => {
    const before = sent();
    const text = await replay.invoke(request).catch(() => undefined);
    const took = sent() - before;
    if (request.dry_run && took > 0) blame(request, `sent ${took}`);
    if ('failure_kode' in (request.filter ?? {}) && (took > 0 || text)) blame(request, 'was not refused');
    if (text === undefined) return; // killed, or an error: the letters tell
    const { replayed = 0, duplicated = 0 } = JSON.parse(text) ?? {};
    if (took > replayed || took < replayed - duplicated)
      blame(request, `says it sent ${replayed} (${duplicated} of them unsure), and SQS took ${took}`);
    counts.replayed += replayed;
  };

  const stopped = new AbortController();
  const run = async () => {
    while (!stopped.signal.aborted) {
      const pauseMs = LEAST_PAUSE_MS + dice.below(LEAST_PAUSE_MS);
      await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => {});
      if (stopped.signal.aborted) return;
      await once(dice.pick(requests(dice)));
      counts.runs += 1;
    }
  };
  const running = run();
  return {
    counts,
    /** Waits for the run that is under way. */
    async stop() {
      stopped.abort();
      await running;
    },
  };
};
