import { explain } from '../sqs/errors.ts';
import type { Queue } from '../sqs/queue.ts';
import { createMatch, type Letter } from './letter.ts';
import type { Filter } from './request.ts';
import { type Stopped, sweep } from './scan.ts';

export interface DiscardCounts {
  scanned: number;
  matched: number;
  discarded: number;
  /** Archived, but not deleted: they stay. */
  failed: number;
  remaining: number;
  stopped: Stopped;
}

interface Run {
  signal?: AbortSignal | undefined;
  onProgress?: ((counts: Readonly<DiscardCounts>) => void) | undefined;
  onChosen?: ((letter: Letter) => void) | undefined;
}

/**
 * Removes dead letters for good.
 *
 * @param archive writes letters down; what it does not confirm is not removed
 */
export const discard = async (
  deadLetters: Queue,
  {
    filter,
    limit = Number.POSITIVE_INFINITY,
    dryRun = false,
  }: { filter: Filter; limit?: number; dryRun?: boolean },
  archive: (letters: Letter[]) => Promise<void>,
  { signal, onProgress, onChosen }: Run = {},
) => {
  const matches = createMatch(filter);
  const counts: DiscardCounts = {
    scanned: 0,
    matched: 0,
    discarded: 0,
    failed: 0,
    remaining: 0,
    stopped: 'done',
  };
  const { trouble, ...swept } = await sweep(deadLetters, {
    signal,
    isFull: () => counts.matched >= limit,
    choose: letter => {
      counts.scanned++;
      onProgress?.(counts);
      if (!matches(letter)) return undefined;
      counts.matched++;
      onChosen?.(letter);
      return dryRun ? undefined : letter;
    },
    act: async (batch, { remove, giveUp }) => {
      const letters = batch.map(({ letter }) => letter);
      try {
        await archive(letters);
      } catch (error) {
        return giveUp(
          `the archive cannot be written, and nothing is removed without it: ${(error as Error).message}.`,
        );
      }
      for (const { error } of await remove(letters)) {
        if (error === undefined) counts.discarded++;
        else counts.failed++;
        if (error) giveUp(explain(error, deadLetters.url));
      }
      onProgress?.(counts);
    },
  });
  return { counts: { ...counts, ...swept }, trouble };
};
