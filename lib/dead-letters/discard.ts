import { explain } from '../sqs/errors.ts';
import type { Queue } from '../sqs/queue.ts';
import type { Letter } from './dead-letter.ts';
import { drain } from './drain.ts';
import type { Filter } from './request.ts';
import type { Options, Stopped } from './scan.ts';

const none = {
  scanned: 0,
  matched: 0,
  discarded: 0,
  /** Archived, but not deleted: they stay. */
  failed: 0,
  remaining: 0,
  stopped: 'done' as Stopped,
};

interface Run extends Options {
  onProgress?: ((counts: Readonly<typeof none>) => void) | undefined;
  onChosen?: ((letter: Letter) => void) | undefined;
}

/**
 * Removes dead letters for good.
 *
 * @param archive writes letters down; what it does not confirm, by resolving, is not removed
 */
export const discard = async (
  deadLetters: Queue,
  request: { filter?: Filter; limit?: number; dryRun?: boolean },
  archive: (letters: Letter[]) => Promise<void>,
  { onProgress, onChosen, ...options }: Run = {},
) => {
  const counts = { ...none };
  const plan = { ...request, ...options, onProgress: () => onProgress?.(counts) };
  const { trouble, ...scanned } = await drain(deadLetters, plan, counts, {
    choose(letter) {
      onChosen?.(letter);
      return letter.message;
    },
    async deliver(chosen, { stop }) {
      const letters = chosen.map(({ letter }) => letter);
      try {
        await archive(letters);
        return letters;
      } catch (error) {
        const why = (error as Error).message;
        stop('interrupted', `The archive cannot be written, and nothing is removed without it: ${why}.`);
        return [];
      }
    },
    removed(_, error, { stop }) {
      if (error) counts.failed++;
      else counts.discarded++;
      if (error) stop('interrupted', explain(error, deadLetters.url));
    },
  });
  return { counts: { ...counts, ...scanned }, ...(trouble && { trouble }) };
};
