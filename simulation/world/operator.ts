import { readLines, sendLines } from '../../lib/cli/verbs/send-lines.ts';
import { createArchive } from '../../lib/dead-letters/archive.ts';
import { discard } from '../../lib/dead-letters/discard.ts';
import { createReplay } from '../../lib/dead-letters/replay.ts';
import type { Queue as RealQueue } from '../../lib/sqs/queue.ts';
import type { Clock, Owner } from '../engine/clock.ts';
import { disk } from '../engine/disk.ts';
import type { Random } from '../engine/random.ts';
import { numberIn } from '../oracle/contract.ts';
import type { Oracle } from '../oracle/oracle.ts';
import type { Faults } from './faults.ts';
import type { Queue } from './sqs.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

interface Options {
  clock: Clock;
  random: Random;
  faults: Faults;
  oracle: Oracle;
  source: RealQueue;
  deadLetters: RealQueue;
  /** The dead-letter queue itself, for the console's redrive. */
  behind: { source: Queue; deadLetters: Queue };
}

/** Someone on call: looks at the dead letters each evening, repairs, replays, discards, sends back. */
export const createOperator = ({ clock, random, faults, oracle, source, deadLetters, behind }: Options) => {
  const replay = createReplay({ source, deadLetters });
  disk.files.clear();
  disk.onLine = line => {
    const tracked = oracle.receipts.get(numberIn(JSON.parse(line).body));
    if (tracked) tracked.isArchived = true;
  };
  /** Their files: a process that is killed leaves them there. */
  const archives: string[] = [];
  let shifts = 0;

  const replayAll = async () => {
    // A colleague's receipt lacks the group that its case belongs to.
    for (let group = 0; group < 7; group++) {
      const known = [...behind.deadLetters.messages()].find(
        ({ body, attributes }) =>
          attributes.failure_code?.StringValue === 'forbidden' &&
          Number(/case-(\d+)/.exec(body)?.[1]) % 5 === 3 &&
          Number(/case-(\d+)/.exec(body)?.[1]) % 7 === group,
      );
      const caseId = known && /case-\d+/.exec(known.body)?.[0];
      if (!caseId) continue;
      const set = { group_id: `group-${group}` };
      await replay(
        { filter: { failure_code: ['forbidden'], case_id: caseId }, set },
        { remainingMs: 800_000 },
      );
    }
    const rate = random.chance(0.3) ? { rate_per_second: 20 } : {};
    const codes = [
      'failed',
      'unauthorized',
      'misconfigured',
      'rate_limited',
      'unavailable',
      'unreachable',
      'timeout',
      'unknown',
    ];
    const beganMs = clock.now();
    const { counts } = await replay(
      { filter: { failure_code: codes as 'failed'[] }, ...rate },
      { remainingMs: 800_000 },
    );
    if (counts.stopped !== 'done' || !faults.isCalm(0)) return;
    for (const { sentAt, attributes, state } of behind.deadLetters.messages()) {
      if (state === 'hidden') oracle.fail('what a replay leaves is visible again', 'a dead letter is hidden');
      const code = attributes.failure_code?.StringValue ?? 'unknown';
      if (
        sentAt < beganMs - 60_000 &&
        codes.includes(code) &&
        !(Number(attributes.replays?.StringValue) >= 3)
      )
        oracle.fail('a replay that is done leaves nothing behind', `a dead letter is left: ${code}`);
    }
  };

  const discardHopeless = async () => {
    const filter = { failure_code: ['malformed', 'invalid', 'rejected', 'forbidden'] as 'invalid'[] };
    const file = `dead-letters-${archives.length}.jsonl`;
    archives.push(file);
    const isFull = faults.on('operator_killed') && random.chance(0.7);
    disk.freeBytes = isFull ? random.int(0, 3_000) : Number.POSITIVE_INFINITY;
    const archive = createArchive(file);
    await discard(deadLetters, { filter }, archive.write);
    await archive.close();
  };

  /** Discarded too much: the archive goes back, as it was. */
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
      behind.source.add(held, clock.now());
      behind.deadLetters.delete(held.handle || `${held.id}#0`);
    }
  };

  const work = async (owner: Owner) => {
    if (faults.on('redrive') && random.chance(0.7)) {
      clock.at(clock.world, clock.now(), redrive);
      return;
    }
    if (faults.on('operator_killed') && random.chance(0.5))
      owner.doom = { calls: random.int(1, 40), sends: random.chance(0.5) };
    await replayAll();
    await discardHopeless();
    if (random.chance(0.1)) await sendBack();
  };

  return {
    /** Works on until all is done, or the process dies. */
    shift() {
      const owner = clock.createOwner(`operator ${++shifts}`);
      owner.skewMs = random.between(-1000, 1000);
      clock.after(owner, 0, () => {
        work(owner).catch(error => oracle.fail('a run never throws', String(error)));
      });
    },
    /** Every evening, and now and then by day. */
    start(fromMs: number, untilMs: number) {
      for (let at = fromMs; at < untilMs; at += DAY_MS) {
        clock.at(clock.world, at + 20 * HOUR_MS, () => this.shift());
        clock.at(clock.world, at + random.between(9, 18) * HOUR_MS, () => random.chance(0.8) && this.shift());
      }
    },
  };
};

export type Operator = ReturnType<typeof createOperator>;
