import { readLines, sendLines } from '../../lib/cli/verbs/send-lines.ts';
import { createArchive } from '../../lib/dead-letters/archive.ts';
import { discard } from '../../lib/dead-letters/discard.ts';
import { createReplay } from '../../lib/dead-letters/replay.ts';
import type { ReplayRequest } from '../../lib/dead-letters/request.ts';
import type { Queue as RealQueue } from '../../lib/sqs/queue.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, type Owner } from '../engine/clock.ts';
import { disk } from '../engine/disk.ts';
import { numberIn } from '../oracle/contract.ts';
import type { Parts } from './parts.ts';
import { groupOf } from './people.ts';
import type { Queue } from './sqs.ts';

const MOST_SKEW_MS = 1_000;
/** The function that replays has a quarter of an hour. */
const WITHIN = { remainingMs: 800_000 };
const MOST_REPLAYS = 3;

type Code = NonNullable<NonNullable<ReplayRequest['filter']>['failure_code']>[number];
const HOPELESS: Code[] = ['malformed', 'invalid', 'rejected', 'forbidden'];
const HOPEFUL: Code[] = [
  'failed',
  'unauthorized',
  'misconfigured',
  'rate_limited',
  'unavailable',
  'unreachable',
  'timeout',
  'unknown',
];

/**
 * Someone on call: looks at the dead letters each evening, repairs, replays, discards, sends back.
 *
 * @param behind the queues themselves, for the console's redrive
 */
export const createOperator = (
  { clock, random: randomFor, faults, oracle }: Parts,
  { source, deadLetters }: { source: RealQueue; deadLetters: RealQueue },
  behind: { source: Queue; deadLetters: Queue },
) => {
  const random = randomFor('operator');
  const replay = createReplay({ source, deadLetters });
  /** Files that a process that is killed leaves behind. */
  const archives: string[] = [];
  let shifts = 0;
  disk.files.clear();
  disk.onLine = line => {
    const tracked = oracle.receipts.get(numberIn(JSON.parse(line).body));
    if (tracked) tracked.isArchived = true;
  };

  /** A colleague's receipt lacks the group that its case belongs to: one of each group is repaired. */
  const repairSome = async () => {
    const known = new Map<string, string>();
    for (const { body, attributes } of behind.deadLetters.messages()) {
      const [caseId, index] = /case-(\d+)/.exec(body) ?? [];
      const group = groupOf(Number(index));
      if (attributes.failure_code?.StringValue === 'forbidden' && caseId && group && !known.has(group))
        known.set(group, caseId);
    }
    for (const [group_id, case_id] of [...known].sort())
      await replay({ filter: { failure_code: ['forbidden'], case_id }, set: { group_id } }, WITHIN);
  };

  const replayAll = async () => {
    const rate = random.chance(0.3) ? { rate_per_second: 20 } : {};
    const beganMs = clock.now();
    const { counts } = await replay({ filter: { failure_code: HOPEFUL }, ...rate }, WITHIN);
    if (counts.stopped !== 'done' || !faults.isCalm(0)) return;
    for (const { sentAt, attributes, state } of behind.deadLetters.messages()) {
      if (state === 'hidden') oracle.fail('what a replay leaves is visible again', 'a dead letter is hidden');
      const code = attributes.failure_code?.StringValue ?? 'unknown';
      const isGuarded = Number(attributes.replays?.StringValue) >= MOST_REPLAYS;
      if (sentAt < beganMs - MINUTE_MS && HOPEFUL.some(one => one === code) && !isGuarded)
        oracle.fail('a replay that is done leaves nothing behind', `a dead letter is left: ${code}`);
    }
  };

  const discardHopeless = async () => {
    const file = `dead-letters-${shifts}.jsonl`;
    archives.push(file);
    const isFull = faults.on('operator_killed') && random.chance(0.7);
    disk.freeBytes = isFull ? random.int(0, 3_000) : Number.POSITIVE_INFINITY;
    const archive = createArchive(file);
    await discard(deadLetters, { filter: { failure_code: HOPELESS } }, archive.write);
    await archive.close();
    if (disk.files.get(file)?.bytes.toString().endsWith('\n') === false)
      oracle.fail('an archive ends in a whole line', file);
  };

  /** Discarded too much: the archives go back, as they were. */
  const sendBack = async () => {
    for (const file of archives.splice(0)) {
      const { lines, bad } = await readLines(file);
      for (const { reason } of bad) oracle.fail('an archive can be sent back', reason);
      await sendLines(source, lines);
      disk.files.delete(file);
    }
  };

  /** StartMessageMoveTask: all of them, as they are, with new ids and times. */
  const redrive = () => {
    for (const held of [...behind.deadLetters.messages()]) {
      const tracked = oracle.receipts.get(numberIn(held.body));
      if (tracked && !held.attributes.failure) tracked.isUndated = true;
      behind.source.add(held);
      behind.deadLetters.delete(held.handle || `${held.id}#0`);
    }
  };

  /** Works on until all is done, or the process dies. */
  const work = async (owner: Owner) => {
    if (faults.on('redrive') && random.chance(0.7)) {
      clock.after(clock.world, 0, redrive);
      return;
    }
    if (faults.on('operator_killed') && random.chance(0.5))
      owner.doom = { calls: random.int(1, 40), sends: random.chance(0.5) };
    await repairSome();
    await replayAll();
    await discardHopeless();
    if (random.chance(0.1)) await sendBack();
  };
  const shift = () => {
    const owner = clock.createOwner(`operator ${++shifts}`, random.between(-MOST_SKEW_MS, MOST_SKEW_MS));
    clock.after(owner, 0, () => {
      work(owner).catch(error => oracle.fail('a run never throws', String(error)));
    });
  };

  return {
    /** Every evening, and now and then by day. */
    start(fromMs: number, untilMs: number) {
      for (let at = fromMs; at < untilMs; at += DAY_MS) {
        clock.at(clock.world, at + 20 * HOUR_MS, shift);
        clock.at(clock.world, at + random.between(11, 16) * HOUR_MS, () => random.chance(0.8) && shift());
      }
    },
  };
};
