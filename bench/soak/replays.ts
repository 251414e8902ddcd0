import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from './random.ts';
import { REPAIR } from './repairs.ts';
import type { World } from './world.ts';

const requests = (dice: Dice): object[] => [
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
export const startReplays = ({ replay }: World, dice: Dice) => {
  const counts = { runs: 0, replayed: 0 };
  const stopped = new AbortController();
  const run = async () => {
    while (!stopped.signal.aborted) {
      const pauseMs = LEAST_PAUSE_MS + dice.below(LEAST_PAUSE_MS);
      await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => {});
      if (stopped.signal.aborted) return;
      const answer = await replay.invoke(dice.pick(requests(dice))).catch(() => 'null');
      counts.runs += 1;
      counts.replayed += JSON.parse(answer)?.replayed ?? 0;
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
