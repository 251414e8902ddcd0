import { createReplay, NO_COUNTS, type ReplayCounts, type Replayed } from '../../dead-letters/replay.ts';
import { createPreview } from '../letters/preview.ts';
import { replayWarnings } from '../letters/replay-words.ts';
import { aftermathWords, waitForTaken } from '../letters/wait.ts';
import { number } from '../screen/text.ts';
import { lateSettingsOf, type Place } from '../stage.ts';
import type { Asked } from './form.ts';
import { chosenOf, lookInto, type Seen } from './look.ts';

/** A look, a dry run or a replay that is under way. */
export interface Work {
  what: 'Looking' | 'Dry run' | 'Replay';
  startedAt: number;
  scanned: number;
  /** Letters to look at, about. */
  expected: number;
  sent: number;
}

/** How the last dry run or replay ended. */
export interface Run {
  asked: Asked;
  isDry: boolean;
  /** So many letters were chosen of what was seen. */
  chosen: number;
  /** What a person should know before they are sent, in sentences. */
  warnings: string[];
  result: Pick<Replayed, 'counts' | 'notes' | 'trouble'>;
  /** What came back dead, in words. */
  back?: string;
  /** Nothing more will be told of it. */
  isOver: boolean;
}

/** How far it is, for who watches. */
export const progressWords = ({ scanned, sent, startedAt }: Work): string => {
  const rate = scanned / Math.max(1, (Date.now() - startedAt) / 1000);
  return `${number(scanned)} looked at, ${number(sent)} sent, ${number(Math.round(rate))} a second`;
};

/** One thing at a time: a look, a dry run or a replay. `audit` is told of each run when it ends. */
export const createRuns = (place: Place, audit: (entry: object) => void) => {
  let seen: Seen = { letters: [], at: Date.now(), about: 0 };
  let work: Work | undefined;
  let run: Run | undefined;
  let stopping = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  let isClosing = false;

  const begin = (what: Work['what'], expected: number) => {
    // Whoever begins anew has no use for what came back of the last one.
    stopping.abort();
    stopping = new AbortController();
    work = { what, startedAt: Date.now(), scanned: 0, expected, sent: 0 };
    return { now: work, signal: stopping.signal };
  };

  const look = async () => {
    const { now, signal } = begin('Looking', 0);
    seen = await lookInto(place.deadLetters, {
      signal,
      onProgress: (scanned, expected) => Object.assign(now, { scanned, expected }),
    });
    work = undefined;
  };

  /** Sends what was chosen of what was seen, or counts it. */
  const send = async (asked: Asked, isDry: boolean) => {
    const { now, signal } = begin(isDry ? 'Dry run' : 'Replay', seen.letters.length);
    const ids = new Set(chosenOf(seen, asked).map(({ messageId }) => messageId));
    const { lateReceipts, ...late } = isDry ? await lateSettingsOf(place) : {};
    const preview = createPreview(late);
    const { filter: _, ...request } = asked.request;
    let counts: Readonly<ReplayCounts> = NO_COUNTS;
    const result = await createReplay(place)(
      { ...request, all: true, dry_run: isDry },
      {
        signal,
        only: ({ messageId }) => ids.has(messageId),
        onChosen: preview.add,
        onProgress: so => {
          counts = so;
          Object.assign(now, { scanned: so.scanned, sent: so.replayed });
        },
      },
    ).catch(({ message }: Error) => ({ counts, notes: [], trouble: message, sentIds: new Set<string>() }));
    const warnings = isDry ? replayWarnings(preview.summary(), request.set, lateReceipts) : [];
    const ended: Run = { asked, isDry, chosen: ids.size, warnings, result, isOver: false };
    run = ended;
    work = undefined;
    const { fields } = asked;
    audit({
      action: isDry ? 'dry_run' : 'replay',
      ...fields,
      chosen: ids.size,
      ...result.counts,
      trouble: result.trouble,
    });
    if (result.sentIds.size > 0 && !isClosing) {
      // Whoever stopped the sending wants to know all the more what came of what was sent.
      stopping = new AbortController();
      const aftermath = await waitForTaken(place, result.sentIds, stopping.signal);
      if (aftermath) audit({ action: 'came_back', ...aftermath });
      if (aftermath) ended.back = aftermathWords(aftermath);
    }
    ended.isOver = true;
  };

  const alone = (begin: () => Promise<void>) => {
    if (!work) ended = begin();
  };

  return {
    look: () => alone(look),
    start: (asked: Asked, isDry: boolean) => alone(() => send(asked, isDry)),
    stop: () => stopping.abort(),
    /** Stops for good; resolves when nothing is hidden by it any more. */
    close: () => {
      isClosing = true;
      stopping.abort();
      return ended;
    },
    seen: () => seen,
    work: () => work,
    run: () => run,
    /** What the page waits for; it changes when something else is to be shown. */
    state: () => work?.what ?? (run && !run.isOver ? 'waiting' : 'over'),
  };
};

export type Runs = ReturnType<typeof createRuns>;
