import { setTimeout as delay } from 'node:timers/promises';
import { cameBack } from '../../dead-letters/replay.ts';
import type { Queue } from '../../sqs/queue.ts';
import { count, number, plain } from '../screen/text.ts';
import { entryOf, groupsOf } from './entry.ts';

const EVERY_MS = 2_000;
/** SQS's counts are approximate: one zero may be an old one. */
const ZEROS = 3;
/** What was taken is settled, or in its back-off, after the function's timeout and some. */
const SETTLE_MS = 45_000;
const MOST_WAIT_MS = 15 * 60_000;

interface Aftermath {
  /** All that was sent was given to the function, as far as SQS's counts tell; false where the time was up first. */
  taken: boolean;
  /** What the queue of receipts holds still, from whoever: in flight, or in its back-off. */
  waiting: number;
  /** What came back dead, by code. */
  dead: Record<string, number>;
}

/** Waits until the function has taken what was sent, then looks for what came back dead; undefined where interrupted. */
export const waitForTaken = async (
  { source, deadLetters }: { source: Queue; deadLetters: Queue },
  sentIds: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Aftermath | undefined> => {
  const start = performance.now();
  let zeros = 0;
  let takenAt: number | undefined;
  let waiting = sentIds.size;
  while (!signal.aborted && performance.now() - start < MOST_WAIT_MS) {
    const depth = await source.depth();
    if (!('error' in depth)) {
      const visible = depth.visible + depth.delayed;
      zeros = visible === 0 ? zeros + 1 : 0;
      waiting = visible + depth.hidden;
      if (zeros >= ZEROS) takenAt ??= performance.now();
      if (takenAt !== undefined && (waiting === 0 || performance.now() - takenAt > SETTLE_MS)) break;
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => {});
  }
  const { letters } = await cameBack(deadLetters, sentIds, { signal });
  if (signal.aborted) return undefined;
  const dead = Object.fromEntries(groupsOf(letters.map(entryOf)).map(({ code, count }) => [code, count]));
  return { taken: takenAt !== undefined, waiting, dead };
};

/** The same for people. */
export const aftermathWords = ({ taken, waiting, dead }: Aftermath): string => {
  const codes = Object.entries(dead);
  const total = codes.reduce((sum, [, each]) => sum + each, 0);
  return [
    taken ? 'The function has taken what was sent.' : 'The function has not taken all of it yet.',
    total === 0
      ? 'Nothing came back dead.'
      : `${count(total, 'letter')} came back dead: ${codes.map(([code, each]) => `${number(each)} ${plain(code)}`).join(', ')}.`,
    waiting > 0 ? `The queue of receipts holds ${number(waiting)}, in flight or in their back-off.` : '',
  ]
    .join(' ')
    .trim();
};
