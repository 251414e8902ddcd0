import { setTimeout as delay } from 'node:timers/promises';
import type { Letter } from '../../dead-letters/dead-letter.ts';
import { createReplay, NO_COUNTS, type ReplayCounts } from '../../dead-letters/replay.ts';
import { scan } from '../../dead-letters/scan.ts';
import type { Repair } from '../../receipt/repair.ts';
import { explain } from '../../sqs/errors.ts';
import { bytesOf } from '../../sqs/message.ts';
import type { Queue } from '../../sqs/queue.ts';
import { aftermathWords, waitForTaken } from '../letters/wait.ts';
import { wordsOf } from './commands.ts';
import { type Choice, chosenOf, type Seen } from './seen.ts';

/** What a look keeps at most: the whole command line stays under 300 MB. */
const MOST_BYTES = 100_000_000;
const MOST_LETTERS = 50_000;

/** What is running now, or how the last one ended. */
export interface Run {
  what: string;
  choice: Choice;
  set: Repair;
  rate: string;
  isDry: boolean;
  isRunning: boolean;
  /** Nothing more will be told of it. */
  isOver: boolean;
  startedAt: number;
  /** Letters to look at, about. */
  expected: number;
  counts: ReplayCounts;
  /** Reasons, and how often. */
  refused: Map<string, number>;
  /** Chosen, and no longer in the queue. */
  gone: number;
  trouble?: string | undefined;
  /** What came back dead. */
  back?: string;
  stop: () => void;
}

interface Queues {
  source: Queue;
  deadLetters: Queue;
}

/** One thing at a time: a look, a dry run or a replay. `audit` is told of each when it ends. */
export const createRuns = ({ source, deadLetters }: Queues, audit: (entry: object) => void) => {
  const replay = createReplay({ source, deadLetters });
  let seen: Seen = { letters: [], at: Date.now(), about: 0 };
  let run: Run | undefined;

  const begin = (rest: Pick<Run, 'what' | 'choice' | 'set' | 'rate' | 'isDry' | 'expected'>) => {
    // Whoever begins anew has no use for what came back of the last one.
    run?.stop();
    const stopping = new AbortController();
    const begun: Run = {
      ...rest,
      isRunning: true,
      isOver: false,
      startedAt: Date.now(),
      counts: { ...NO_COUNTS },
      refused: new Map(),
      gone: 0,
      stop: () => stopping.abort(),
    };
    run = begun;
    return { begun, signal: stopping.signal };
  };

  const look = async (): Promise<void> => {
    if (run?.isRunning) return;
    const before = run;
    const { begun, signal } = begin({
      what: 'Looking',
      choice: { filter: {} },
      set: {},
      rate: '',
      isDry: true,
      expected: 0,
    });
    const letters: Letter[] = [];
    let bytes = 0;
    const depth = await deadLetters.depth();
    if ('error' in depth) begun.trouble = explain(depth.error, deadLetters.url);
    else {
      begun.expected = depth.visible;
      const visit: Parameters<typeof scan>[1] = (some, { stop }) => {
        for (const letter of some) bytes += bytesOf(letter.message);
        begun.counts.scanned = letters.push(...some);
        if (bytes >= MOST_BYTES || letters.length >= MOST_LETTERS) stop('scan_limit');
      };
      begun.trouble = (await scan(deadLetters, visit, { signal })).trouble;
      seen = { letters, at: Date.now(), about: Math.max(letters.length, depth.visible + depth.hidden) };
    }
    begun.isRunning = false;
    begun.isOver = true;
    if (!begun.trouble) run = before;
  };

  const tellWhatCameBack = async (sent: Run, ids: ReadonlySet<string>, signal: AbortSignal) => {
    const aftermath = await waitForTaken({ source, deadLetters }, ids, signal);
    if (!aftermath) return;
    sent.back = aftermathWords(aftermath);
    audit({ action: 'came_back', ...aftermath });
  };

  /** Sends what was chosen of what was seen, or counts it. */
  const start = async (choice: Choice, set: Repair, rate: string, isDry: boolean): Promise<void> => {
    if (run?.isRunning) return;
    const ids = new Set(chosenOf(seen, choice).map(({ messageId }) => messageId));
    const what = isDry ? 'Dry run' : 'Replay';
    const { begun, signal } = begin({ what, choice, set, rate, isDry, expected: seen.letters.length });
    const result = await replay(
      {
        all: true,
        ...(Object.keys(set).length > 0 && { set }),
        ...(rate && { rate_per_second: Number(rate) }),
        dry_run: isDry,
      },
      {
        signal,
        only: ({ messageId }) => ids.has(messageId),
        onProgress: counts => Object.assign(begun.counts, counts),
        onRefused: (_, reason) => begun.refused.set(reason, (begun.refused.get(reason) ?? 0) + 1),
      },
    ).catch((error: Error) => ({ counts: begun.counts, trouble: error.message, sentIds: new Set<string>() }));
    Object.assign(begun.counts, result.counts);
    begun.trouble = result.trouble;
    begun.gone = begun.counts.stopped === 'done' ? ids.size - begun.counts.matched : 0;
    begun.isRunning = false;
    const { scanned, matched, guarded, replayed, failed, duplicated, stopped } = begun.counts;
    audit({
      action: isDry ? 'dry_run' : 'replay',
      what: wordsOf(choice, set),
      chosen: ids.size,
      ...{ scanned, matched, guarded, replayed, failed, duplicated, stopped },
      ...(begun.trouble && { trouble: begun.trouble }),
    });
    if (result.sentIds.size > 0 && !signal.aborted) await tellWhatCameBack(begun, result.sentIds, signal);
    begun.isOver = true;
  };

  return {
    /** Resolves when nothing is hidden by it any more. */
    ended: async () => {
      while (run?.isRunning) await delay(50);
    },
    look,
    start,
    seen: () => seen,
    run: () => run,
  };
};

export type Runs = ReturnType<typeof createRuns>;
