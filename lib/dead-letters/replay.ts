import { repair } from '../receipt/repair.ts';
import { explain } from '../sqs/errors.ts';
import type { Queue } from '../sqs/queue.ts';
import { createMatch, type Letter, replayOf } from './letter.ts';
import { MAX_REPLAYS_DEFAULT, type ReplayRequest } from './request.ts';
import { type Stopped, sweep } from './scan.ts';

export interface ReplayCounts {
  /** Letters looked at. */
  scanned: number;
  /** Among them, those that the filter asks for. */
  matched: number;
  /** Among those, replayed too often already: they stay. */
  guarded: number;
  /** Sent. */
  replayed: number;
  /** Refused, by SQS or because the repair gives no valid receipt: they stay. */
  failed: number;
  /** Among the replayed, those that stay all the same, or of which SQS never said whether it took them. */
  duplicated: number;
  /** What the queue still holds. */
  remaining: number;
  stopped: Stopped;
}

export interface Replayed {
  counts: ReplayCounts;
  /** What else a person should know, in sentences. */
  notes: string[];
  /** What went wrong for every letter, in words; the counts are true all the same. */
  trouble?: string;
}

/** Sends that stayed without any answer, one after the other: the queue is out of reach. */
const SILENT_BATCHES = 3;
const MOST_REASONS = 10;

interface Run {
  signal?: AbortSignal | undefined;
  remainingMs?: number | undefined;
  /** Called for every letter looked at and every batch sent, with the counts so far. */
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
    { signal, remainingMs, onProgress, onChosen, onRefused }: Run = {},
  ): Promise<Replayed> => {
    const { filter = {}, set, limit = Number.POSITIVE_INFINITY, rate_per_second, dry_run } = request;
    const { max_replays = MAX_REPLAYS_DEFAULT } = filter;
    const matches = createMatch(filter);
    const counts: ReplayCounts = {
      scanned: 0,
      matched: 0,
      guarded: 0,
      replayed: 0,
      failed: 0,
      duplicated: 0,
      remaining: 0,
      stopped: 'done',
    };
    const reasons = new Map<string, number>();
    let chosen = 0;
    let unguarded = 0;
    let silent = 0;

    const refuse = (letter: Letter, reason: string) => {
      if (reasons.has(reason) || reasons.size < MOST_REASONS)
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      onRefused?.(letter, reason);
    };

    const choose = (letter: Letter) => {
      counts.scanned++;
      onProgress?.(counts);
      if (!matches(letter)) return undefined;
      counts.matched++;
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
      chosen++;
      onChosen?.(letter, repaired.body);
      const replay = replayOf(letter, repaired.body);
      if (!replay.guarded) unguarded++;
      return dry_run ? undefined : replay.message;
    };

    const swept = await sweep(deadLetters, {
      choose,
      isFull: () => chosen >= limit,
      perSecond: rate_per_second,
      signal,
      remainingMs,
      act: async (batch, { remove, giveUp }) => {
        const results = await source.send(batch.map(({ item }) => item));
        const sent: Letter[] = [];
        for (const [index, { letter }] of batch.entries()) {
          const error = results[index]?.error;
          if (!error || error.mayHaveHappened) counts.replayed++;
          else counts.failed++;
          if (error?.mayHaveHappened) counts.duplicated++;
          if (error) refuse(letter, explain(error, source.url));
          else sent.push(letter);
          if (error?.isLasting) giveUp(explain(error, source.url));
        }
        silent = results.every(({ error }) => error?.mayHaveHappened) ? silent + 1 : 0;
        const first = results[0]?.error;
        if (silent >= SILENT_BATCHES && first) giveUp(explain(first, source.url));

        const kept = sent.length > 0 ? await remove(sent) : [];
        for (const [index, letter] of sent.entries()) {
          const error = kept[index]?.error;
          if (!error) continue;
          counts.duplicated++;
          refuse(letter, `sent, but not deleted: ${explain(error, deadLetters.url)}`);
        }
        onProgress?.(counts);
      },
    });

    Object.assign(counts, { remaining: swept.remaining, stopped: swept.stopped });
    const notes = Array.from(reasons, ([reason, times]) => `${times} ×: ${reason}`);
    if (unguarded > 0)
      notes.push(
        `${unguarded} had no room for the attribute "replays": nothing guards them against being replayed for ever.`,
      );
    const next = nextStep[swept.stopped];
    if (next) notes.push(next);
    return { counts, notes, ...(swept.trouble && { trouble: swept.trouble }) };
  };
