import * as z from 'zod/mini';
import { repair } from '../receipt/repair.ts';
import { explain } from '../sqs/errors.ts';
import type { Queue, Result } from '../sqs/queue.ts';
import { type Letter, sourceIdOf } from './dead-letter.ts';
import { drain } from './drain.ts';
import { MAX_REPLAYS_DEFAULT, type ReplayRequest } from './request.ts';
import { type Options, reasonsToStop, type Stopped, scan } from './scan.ts';
import { replayOf } from './send-back.ts';

const amount = z.int().check(z.minimum(0));
/** What a replay did. schemas/ publishes the fields' comments. */
export const replayCountsSchema = z.object({
  /** Dead letters looked at. */
  scanned: amount,
  /** Among them, those that the filter asks for. */
  matched: amount,
  /** Among those, replayed too often already: they stay. */
  guarded: amount,
  /** Sent back; in a dry run none. */
  replayed: amount,
  /** Refused by SQS, or no receipt after the repair: they stay. */
  failed: amount,
  /** Among the replayed, those that may come twice: they could not be deleted. Marking twice is harmless. */
  duplicated: amount,
  /** What the dead-letter queue still holds, as far as SQS knows. */
  remaining: amount,
  /** Why the run ended: all was seen, the limit, 100,000 letters held, its own deadline, or a person who interrupted it. */
  stopped: z.enum(reasonsToStop),
});
export type ReplayCounts = z.infer<typeof replayCountsSchema>;

/** Before anything was looked at. */
export const NO_COUNTS: Readonly<ReplayCounts> = {
  scanned: 0,
  matched: 0,
  guarded: 0,
  replayed: 0,
  failed: 0,
  duplicated: 0,
  remaining: 0,
  stopped: 'done',
};

export interface Replayed {
  counts: ReplayCounts;
  /** What else a person should know, in sentences; absent where there is nothing. */
  notes: string[];
  /** What went wrong for every letter, in words; the counts are true all the same. */
  trouble?: string;
  /** The ids that SQS gave to what was sent: by them `cameBack` knows what of it is dead again. */
  sentIds: ReadonlySet<string>;
}

/** Sends that stayed without any answer, one after the other: the queue is out of reach. */
const SILENT_BATCHES = 3;
const MOST_REASONS = 10;

interface Run extends Options {
  /** Letters that it turns away are passed over, as if they were not there; all are taken by default. */
  only?: ((letter: Letter) => boolean) | undefined;
  /** Called when letters were looked at or sent, with the counts so far. */
  onProgress?: ((counts: Readonly<ReplayCounts>) => void) | undefined;
  /** Called for every letter that is to be sent, with the body it is sent with; in a dry run too. */
  onChosen?: ((letter: Letter, body: string) => void) | undefined;
  /** Called for every letter that could not be replayed or removed. */
  onRefused?: ((letter: Letter, reason: string) => void) | undefined;
}

/** How to go on after a run that ended early. */
const nextStep: Partial<Record<Stopped, string>> = {
  deadline: 'The time was up: run it again for the rest.',
  scan_limit:
    'It held 100,000 letters and looked no further: run it again without a filter, or discard some of what it passed over.',
};

/**
 * Sends dead letters back: filtered, repaired, each at most once per run, and deletes only what SQS accepted.
 *
 * @param source where they go; a queue whose sends are never repeated, so that every duplicate is counted
 */
export const createReplay =
  ({ source, deadLetters }: { source: Queue; deadLetters: Queue }) =>
  async (
    request: ReplayRequest,
    { only = () => true, onProgress, onChosen, onRefused, ...options }: Run = {},
  ): Promise<Replayed> => {
    const { filter, set, limit, rate_per_second: ratePerSecond, dry_run: dryRun } = request;
    const { max_replays = MAX_REPLAYS_DEFAULT } = filter ?? {};
    const counts: ReplayCounts = { ...NO_COUNTS };
    const reasons = new Map<string, number>();
    const sentIds = new Set<string>();
    const sending = new Set<Promise<Result[]>>();
    let unguarded = 0;
    let silent = 0;

    const refuse = (letter: Letter, reason: string) => {
      if (reasons.has(reason) || reasons.size < MOST_REASONS)
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      onRefused?.(letter, reason);
    };

    const plan = { filter, limit, ratePerSecond, dryRun, ...options, onProgress: () => onProgress?.(counts) };
    const { trouble, ...scanned } = await drain(deadLetters, plan, counts, {
      async admit(letters) {
        // What was sent may be dead again before its own answer is here, which tells the id it is known by.
        await Promise.all(sending);
        return letters.filter(letter => !sentIds.has(sourceIdOf(letter)) && only(letter));
      },

      choose(letter) {
        if (letter.replays >= max_replays) {
          counts.guarded++;
          return undefined;
        }
        const repaired = set ? repair(letter.message.body, set) : letter.message;
        if ('failure' in repaired) {
          counts.failed++;
          refuse(letter, `the repair gives no valid receipt: ${repaired.failure.detail}`);
          return undefined;
        }
        onChosen?.(letter, repaired.body);
        const message = replayOf(letter, repaired.body);
        if (!message.attributes.replays) unguarded++;
        return message;
      },

      async deliver(chosen, { stop }) {
        const call = source.send(chosen.map(({ message }) => message));
        sending.add(call);
        const results = await call;
        for (const { messageId } of results) if (messageId) sentIds.add(messageId);
        sending.delete(call);
        silent = results.every(({ error }) => error?.mayHaveHappened) ? silent + 1 : 0;
        for (const [index, { letter }] of chosen.entries()) {
          const error = results[index]?.error;
          if (!error || error.mayHaveHappened) counts.replayed++;
          else counts.failed++;
          if (!error) continue;
          if (error.mayHaveHappened) counts.duplicated++;
          const reason = explain(error, source.url);
          refuse(letter, reason);
          if (error.isLasting || silent >= SILENT_BATCHES) stop('interrupted', reason);
        }
        return chosen.flatMap(({ letter }, index) => (results[index]?.error ? [] : [letter]));
      },

      removed(letter, error) {
        if (!error) return;
        counts.duplicated++;
        refuse(letter, `sent, but not deleted: ${explain(error, deadLetters.url)}`);
      },
    });

    Object.assign(counts, scanned);
    const notes = Array.from(reasons, ([reason, times]) => `${times} ×: ${reason}`);
    if (unguarded > 0)
      notes.push(
        `${unguarded} had no room for the attribute "replays": nothing guards them against being replayed for ever.`,
      );
    const next = nextStep[counts.stopped];
    if (next) notes.push(next);
    return { counts, notes, ...(trouble && { trouble }), sentIds };
  };

/**
 * What of a replay is dead again by now: letters of messages that it sent. It looks, and leaves all in the queue.
 *
 * @param sentIds those that the replay gave
 */
export const cameBack = async (deadLetters: Queue, sentIds: ReadonlySet<string>, options: Options = {}) => {
  const letters: Letter[] = [];
  const find = (some: Letter[]) => {
    letters.push(...some.filter(letter => sentIds.has(sourceIdOf(letter))));
  };
  return { ...(await scan(deadLetters, find, options)), letters };
};
