import type { SqsError } from '../sqs/errors.ts';
import type { Message } from '../sqs/message.ts';
import type { Queue } from '../sqs/queue.ts';
import type { Letter } from './dead-letter.ts';
import { createMatch, type Filter } from './request.ts';
import { type Controls, type Options, type Scanned, scan } from './scan.ts';

/** A window of one second, and what a timer may be early. */
const WINDOW_MS = 1001;

/**
 * Lets at most `perSecond` messages pass in any window of one second, in batches as large as that allows. A message
 * counts until a second after its answer: so the limit holds at the other end, whatever the network does between.
 *
 * @param perSecond unlimited where undefined
 * @param halted ends all waiting
 */
const createPace = (perSecond: number | undefined, halted: AbortSignal) => {
  let free = perSecond ?? Number.POSITIVE_INFINITY;
  let last = Promise.resolve(0);
  let wake = () => {};
  halted.addEventListener('abort', () => wake());

  return {
    /** Waits for its turn, one after the other; how many may pass now, at most `most`; 0 when it was halted. */
    take(most: number): Promise<number> {
      last = last.then(async () => {
        while (free < 1 && !halted.aborted)
          await new Promise<void>(resolve => {
            wake = resolve;
          });
        const places = halted.aborted ? 0 : Math.min(most, free);
        free -= places;
        return places;
      });
      return last;
    },

    /** The answer came for what used so many places. */
    passed(places: number) {
      if (perSecond === undefined) return;
      setTimeout(() => {
        free += places;
        wake();
      }, WINDOW_MS);
    },
  };
};

/** One letter, and the message that is to be made of it. */
interface Chosen {
  letter: Letter;
  message: Message;
}

/** Where letters go: to the queue of receipts, or to a file. */
interface Destination {
  /** Waits until it knows which letters it has caused itself, and leaves those out. */
  admit?(letters: Letter[]): Promise<Letter[]>;
  /** What is to be made of a matching letter; undefined where it stays. */
  choose(letter: Letter): Message | undefined;
  /** Takes up to ten letters; resolves to those that are safe there, and only they are removed. */
  deliver(chosen: Chosen[], controls: Controls): Promise<Letter[]>;
  /** A letter that was delivered was removed, or not. */
  removed(letter: Letter, error: SqsError | undefined, controls: Controls): void;
}

export interface Plan extends Options {
  filter?: Filter | undefined;
  limit?: number | undefined;
  ratePerSecond?: number | undefined;
  dryRun?: boolean | undefined;
  /** Letters were looked at, delivered or removed. */
  onProgress: () => void;
}

/** Takes what matches out of the queue, batch by batch where it was received: delivered first, removed then. */
export const drain = async (
  deadLetters: Queue,
  { filter = {}, limit = Number.POSITIVE_INFINITY, ratePerSecond, dryRun, onProgress, ...options }: Plan,
  counts: { scanned: number; matched: number },
  { admit = async letters => letters, choose, deliver, removed }: Destination,
): Promise<Scanned> => {
  const matches = createMatch(filter);
  let pace: ReturnType<typeof createPace> | undefined;
  let chosen = 0;

  const select = (letters: Letter[], { stop }: Controls): Chosen[] => {
    const batch: Chosen[] = [];
    for (const letter of letters) {
      if (chosen >= limit) break;
      counts.scanned++;
      if (!matches(letter)) continue;
      counts.matched++;
      const message = choose(letter);
      if (message === undefined) continue;
      if (++chosen >= limit) stop('limit');
      if (!dryRun) batch.push({ letter, message });
    }
    onProgress();
    return batch;
  };

  return scan(
    deadLetters,
    async (letters, controls) => {
      pace ??= createPace(ratePerSecond, controls.halted);
      const batch = select(await admit(letters), controls);
      while (batch.length > 0) {
        const places = await pace.take(batch.length);
        if (places === 0) return;
        const safe = await deliver(batch.splice(0, places), controls);
        pace.passed(places);
        const results = safe.length > 0 ? await controls.remove(safe) : [];
        for (const [index, letter] of safe.entries()) removed(letter, results[index]?.error, controls);
        onProgress();
      }
    },
    options,
  );
};
