import type { Clock, Owner } from '../engine/clock.ts';
import { SECRET_MARK, SECRET_TAIL } from '../world/accounts.ts';
import type { Faults } from '../world/faults.ts';
import type { Answered, Case, Look, Message } from '../world/huawei.ts';
import type { Held, Sendable } from '../world/sqs.ts';
import { codeOf, numberIn, RECEIPT_CODES, type Reading, read } from './contract.ts';

/** What is known of a receipt from its first sending on. */
export interface Tracked {
  n: number;
  caseId: string;
  kind: 'good' | 'malformed' | 'invalid';
  /** When the person truly read, and when SQS first took it. */
  readAt: number;
  sentAt: number;
  /** Messages that carry it now, in either queue. */
  copies: number;
  /** When its mark was made, and when it was acknowledged. */
  markedAt?: number;
  settledAt?: number;
  /** Sent when it was read, of a case that nothing is wrong with. */
  isPrompt: boolean;
  isArchived?: boolean;
  /** How often it failed after its most receives. */
  hopeless?: number;
  /** Its first sending time was lost on a way that the contract does not cover. */
  isUndated?: boolean;
}

export interface Broken {
  promise: string;
  atMs: number;
  detail: string;
  receipt?: number;
  caseId?: string;
}

interface Invocation {
  batch: Held[];
  /** Last answer to each mark, by the contract's table. */
  answers: Map<string, string>;
  /** When a mark was made, by its key. */
  marked: Map<string, number>;
  looks: Map<string, { at: number; newest: number; kind: Look['kind'] }[]>;
  letters: Set<number>;
  began: number;
  isCalled?: boolean;
  byKey?: Map<string, { held: Held; reading: Reading }[]>;
}

interface Limits {
  maxAttempts: number;
  maxAgeMs: number;
  retentionMs: number;
  lateAfterMs: number;
  timeoutMs: number;
  perSecond: number;
  lateReceipts: 'check' | 'shadow' | 'mark';
}

export type HiddenKind = 'race' | 'fresh' | 'unchecked' | 'sender' | 'asked' | 'broken';

export const NOBODY_WAITS = 'no healthy receipt waits for the trouble of others';
const HOUR_MS = 3_600_000;
/** Of clocks: a sandbox's may be a second off, and a time in whole seconds may mean any part of it. */
const SLACK_MS = 2_000;
/** From a decision to its arrival at the other side. */
const TURN_MS = 5_000;
const MOST_BACKOFF_MS = HOUR_MS;
/** After trouble that stops all, what waits longest comes back within the longest back-off. */
const RECOVERY_MS = 20 * 60_000;
/** An outage gets one call a second of each instance, and what new instances need to notice it. */
const MOST_OUTAGE_CALLS = 2 * 60 + 100;
const MOST_KEPT = 50;
/** What keeps the function from moving a receipt whose time runs out. */
const BLIND = ['kills', 'paused', 'sqs_outage', 'sqs_partial', 'sqs_throttled', 'sqs_misses'] as const;

/** While a token is good, these stop nobody. */
const OF_CREDENTIALS = ['iam_down', 'store_down', 'refusals_down', 'rotation', 'wrong_secret'] as const;

/** Holds the service to the contract, with its own plain logic, as things happen. */
export const createOracle = (clock: Clock, faults: Faults, about: string | undefined, limits: Limits) => {
  const receipts = new Map<number, Tracked>();
  const invocations = new Map<Owner, Invocation>();
  /** When each sandbox began its last calls. */
  const calls = new Map<Owner, number[]>();
  const broken: Broken[] = [];
  let brokenCount = 0;
  let outage = { minute: 0, calls: 0 };
  const hidden: Record<HiddenKind, number> = {
    race: 0,
    fresh: 0,
    unchecked: 0,
    sender: 0,
    asked: 0,
    broken: 0,
  };
  const refusedAt = new Map<number, number[]>();
  const waits: number[] = [];
  const ends: Record<string, number> = {};

  const story: { at: number; text: string }[] = [];
  /** Only where a story is told: what happened to one case, or to the world. */
  const tell = (caseId: string | undefined, text: string) => {
    if (about === undefined || (caseId !== undefined && caseId !== about)) return;
    story.push({
      at: clock.now(),
      text: `${new Date(clock.now()).toISOString()} ${clock.owner().name}: ${text}`,
    });
  };

  const fail = (promise: string, detail: string, about: { receipt?: number; caseId?: string } = {}) => {
    brokenCount++;
    if (broken.length < MOST_KEPT) broken.push({ promise, atMs: clock.now(), detail, ...about });
  };
  const ended = (how: string) => {
    ends[how] = (ends[how] ?? 0) + 1;
  };
  const trackedOf = ({ body }: Pick<Held, 'body'>) => receipts.get(numberIn(body));

  const keysOf = (invocation: Invocation) => {
    invocation.byKey ??= Map.groupBy(
      invocation.batch.flatMap(held => {
        const reading = read(held);
        return reading ? [{ held, reading }] : [];
      }),
      ({ reading }) => reading.key,
    );
    return invocation.byKey;
  };

  /** Its last chance has passed, again and again. */
  const giveUp = (held: Held) => {
    const tracked = trackedOf(held);
    if (!tracked || held.receives < limits.maxAttempts) return;
    tracked.hopeless = (tracked.hopeless ?? 0) + 1;
    if (tracked.hopeless === 10 && !BLIND.some(fault => faults.lately(fault, HOUR_MS)))
      fail('what cannot be marked is given up', `receipt ${tracked.n}, received ${held.receives} times`, {
        receipt: tracked.n,
        caseId: tracked.caseId,
      });
  };

  /** What a receipt reaches up to, by the contract, from what its world knows. */
  const boundOf = ({ held, reading }: { held: Held; reading: Reading }): number => {
    const tracked = receipts.get(reading.n);
    return Math.min(
      reading.namedAt,
      held.sentAt,
      tracked?.isUndated ? Number.POSITIVE_INFINITY : (tracked?.sentAt ?? 0),
    );
  };
  const newestBound = (invocation: Invocation | undefined, key: string) =>
    Math.max(...(invocation ? (keysOf(invocation).get(key) ?? []).map(boundOf) : []), 0);

  const hiddenKind = (
    invocation: Invocation | undefined,
    key: string,
    caseId: string,
    at: number,
  ): HiddenKind => {
    const now = clock.now();
    const bound = newestBound(invocation, key);
    const looks = invocation?.looks.get(caseId) ?? [];
    // Nobody truly read so late, but the receipt says so: its sender's clock, or a late one without read_at.
    if (at <= bound + SLACK_MS) return 'sender';
    if (now - bound <= limits.lateAfterMs + SLACK_MS + TURN_MS + limits.timeoutMs) return 'fresh';
    if (limits.lateReceipts !== 'check') return 'asked';
    if (looks.some(({ kind }) => kind === 'odd')) return 'unchecked';
    if (looks.some(look => at >= look.at - SLACK_MS && now - look.at <= TURN_MS + limits.timeoutMs))
      return 'race';
    return 'broken';
  };

  return {
    receipts,
    broken,
    hidden,
    waits,
    ends,
    fail,
    story,
    tell,
    get brokenCount() {
      return brokenCount;
    },

    added(held: Held) {
      const tracked = trackedOf(held);
      if (!tracked) return;
      tracked.copies++;
      tell(tracked.caseId, `${held.id} is in the queue: ${held.body}`);
    },
    gone(held: Held, why: 'deleted' | 'expired' | 'moved', isSource: boolean) {
      const tracked = trackedOf(held);
      if (!tracked) return;
      tracked.copies--;
      tell(tracked.caseId, `${held.id} is ${why}`);
      if (tracked.copies > 0 || tracked.settledAt !== undefined || tracked.isArchived) return;
      if (why === 'expired' && isSource && held.receives === 0) return ended('expired unreceived');
      if (why === 'expired' && !isSource) return ended('expired as a dead letter');
      // Its last batch never ended, or was the last that was taken: nobody could have kept it.
      if (why === 'expired' && BLIND.some(fault => faults.lately(fault, HOUR_MS)))
        return ended('expired amid trouble');
      fail('no receipt is lost', `receipt ${tracked.n} is ${why}, and was neither marked nor kept`, {
        receipt: tracked.n,
        caseId: tracked.caseId,
      });
    },

    invoked(owner: Owner, batch: Held[]) {
      if (about !== undefined) {
        for (const held of batch)
          tell(
            trackedOf(held)?.caseId,
            `takes ${held.id}, received ${held.receives} times, in a batch of ${batch.length}`,
          );
      }
      invocations.set(owner, {
        batch,
        answers: new Map(),
        marked: new Map(),
        looks: new Map(),
        letters: new Set(),
        began: clock.now(),
      });
    },
    /** A call to OSM leaves a sandbox. */
    called(owner: Owner) {
      const times = calls.get(owner) ?? [];
      calls.set(owner, times);
      times.push(clock.now());
      if (times.length <= limits.perSecond) return;
      const windowMs = clock.now() - (times.shift() as number);
      if (windowMs < 1000) fail('the pace is kept', `${limits.perSecond + 1} calls in ${windowMs} ms`);
    },
    /** A call came with a token that is good since then. */
    used(owner: Owner, sinceMs: number) {
      const invocation = invocations.get(owner);
      if (!invocation || invocation.isCalled) return;
      invocation.isCalled = true;
      const waitMs = clock.now() - invocation.began;
      if (sinceMs < invocation.began && waitMs > SLACK_MS && faults.isCalm(RECOVERY_MS, OF_CREDENTIALS))
        fail('nothing waits for a renewal', `${waitMs} ms, though its token was good`);
    },
    answered(owner: Owner, key: string, answered: Answered) {
      const { outageSince } = faults;
      const minute = Math.floor(clock.now() / 60_000);
      if (minute !== outage.minute) outage = { minute, calls: 0 };
      const isLong = outageSince !== undefined && clock.now() - outageSince > 120_000;
      if (isLong && ++outage.calls === MOST_OUTAGE_CALLS)
        fail('an outage is not called all the time', `${outage.calls} marks in a minute`);
      const invocation = invocations.get(owner);
      const code = codeOf(answered);
      invocation?.answers.set(key, code);
      if (invocation && code === 'failed')
        for (const { held } of keysOf(invocation).get(key) ?? []) giveUp(held);
      tell(
        key.slice(0, key.indexOf('|')),
        `its mark is answered: ${answered.status} ${answered.errorCode ?? ''}`,
      );
    },
    looked(owner: Owner, { case: of, kind, isShifted }: Look) {
      const looks = invocations.get(owner)?.looks;
      tell(of.id, `it is looked at: ${kind}`);
      if (limits.lateReceipts === 'mark')
        fail('no look that nobody asked for', `at case ${of.id}`, { caseId: of.id });
      // Where all times are shifted, any message may seem to be newer.
      const newest = isShifted ? clock.now() : (of.messages.findLast(({ isOwn }) => !isOwn)?.at ?? 0);
      looks?.set(of.id, [...(looks.get(of.id) ?? []), { at: clock.now(), newest, kind }]);
    },
    marked(owner: Owner, key: string, of: Case, cleared: Message[]) {
      const invocation = invocations.get(owner);
      invocation?.marked.set(key, clock.now());
      const lastRead = of.reads.at(-1) ?? 0;
      tell(
        of.id,
        `a mark clears messages of ${cleared.map(({ at }) => new Date(at).toISOString()).join(', ') || 'no time'}`,
      );
      for (const { at, isOwn } of cleared) {
        if (isOwn || at <= lastRead) continue;
        const kind = hiddenKind(invocation, key, of.id, at);
        hidden[kind]++;
        if (kind !== 'broken') continue;
        const ago = Math.round((clock.now() - at) / 1000);
        fail('no message is hidden', `a message of ${ago} s ago in case ${of.id} was cleared unread`, {
          caseId: of.id,
        });
      }
    },

    acknowledged(owner: Owner, held: Held) {
      const invocation = invocations.get(owner);
      const tracked = trackedOf(held);
      if (!invocation || !tracked) return;
      const of = { receipt: tracked.n, caseId: tracked.caseId };
      const reading = read(held);
      tell(tracked.caseId, `${held.id} is acknowledged`);
      if (invocation.letters.has(tracked.n)) return ended('dead letter');
      const settle = (how: string) => {
        ended(how);
        if (tracked.settledAt === undefined) waits.push(clock.now() - tracked.sentAt);
        const wait = clock.now() - tracked.sentAt;
        if (
          tracked.settledAt === undefined &&
          tracked.isPrompt &&
          wait > 90_000 &&
          faults.isCalm(wait + RECOVERY_MS)
        )
          fail(NOBODY_WAITS, `receipt ${tracked.n} waited for ${wait} ms`, of);
        tracked.settledAt ??= clock.now();
        if (tracked.isPrompt && clock.now() - held.sentAt > 2.5 * HOUR_MS && faults.isCalm(2.5 * HOUR_MS))
          fail('what waits comes back in time', `receipt ${tracked.n}, long after the trouble`, of);
      };
      const markedAt = reading && invocation.marked.get(reading.key);
      if (markedAt !== undefined && markedAt >= tracked.readAt) {
        tracked.markedAt ??= markedAt;
        return settle('marked');
      }
      const looks = (reading && invocation.looks.get(reading.caseId)) ?? [];
      const bound = newestBound(invocation, reading?.key ?? '');
      if (
        limits.lateReceipts === 'check' &&
        looks.some(({ newest, kind }) => kind !== 'trouble' && newest + SLACK_MS > bound)
      )
        return settle('superseded');
      fail(
        'acknowledged only when settled',
        `receipt ${tracked.n} was neither marked, superseded nor kept`,
        of,
      );
    },

    /** A dead letter by the function. */
    deadLettered(owner: Owner, letter: Sendable) {
      const invocation = invocations.get(owner);
      const tracked = trackedOf(letter);
      const { code = 'none', attempts, sent_at } = JSON.parse(letter.attributes.failure?.StringValue ?? '{}');
      const same = invocation?.batch.filter(({ body }) => body === letter.body) ?? [];
      const held = same.find(({ receives }) => receives === attempts) ?? same[0];
      if (!invocation || !tracked || !held) {
        fail(
          'a dead letter is the original',
          `the body "${letter.body.slice(0, 80)}" is of no receipt in hand`,
        );
        return;
      }
      invocation.letters.add(tracked.n);
      const of = { receipt: tracked.n, caseId: tracked.caseId };
      tell(tracked.caseId, `a dead letter: ${letter.attributes.failure?.StringValue}`);
      const now = clock.now();
      const ageMs = now - (held.firstReceivedAt ?? now);
      const leftMs = held.sentAt + limits.retentionMs - now;
      const isEnding = leftMs <= MOST_BACKOFF_MS + 300_000 + SLACK_MS;
      const reading = read(held);
      const answer = reading ? invocation.answers.get(reading.key) : tracked.kind;
      const wrong = (detail: string) =>
        fail('a dead letter for the right reason', `${detail} (receipt ${tracked.n})`, of);
      if (RECEIPT_CODES.has(code)) {
        const expected = answer === 'refused' ? 'failed' : (answer ?? 'no answer');
        if (code !== expected) wrong(`${code}, where the answer was ${expected}`);
        if (code === 'failed' && held.receives < limits.maxAttempts && !isEnding)
          wrong(`failed after ${held.receives} receives of ${limits.maxAttempts}`);
      } else {
        if (answer && RECEIPT_CODES.has(answer) && answer !== 'failed')
          wrong(`${code}, where the answer was ${answer}`);
        if (ageMs < limits.maxAgeMs - SLACK_MS && !isEnding)
          fail(
            'no dead letter by an outage under a day',
            `${code} after ${Math.round(ageMs / 1000)} s (receipt ${tracked.n})`,
            of,
          );
      }
      if (attempts !== held.receives)
        wrong(`attempts are ${attempts}, and it was received ${held.receives} times`);
      if (!(Math.abs(Date.parse(sent_at) - boundSent(held, tracked)) <= 1))
        wrong(`sent_at is ${sent_at}, and it was sent at ${boundSent(held, tracked)}`);
      for (const [name, { StringValue }] of Object.entries(held.attributes))
        if (
          !['failure', 'failure_code', 'replays', 'sent_at'].includes(name) &&
          letter.attributes[name]?.StringValue !== StringValue
        )
          wrong(`the attribute ${name} is not the original's`);
    },

    refused(version: number) {
      const now = clock.now();
      const within = [...(refusedAt.get(version) ?? []), now].filter(at => at > now - HOUR_MS);
      refusedAt.set(version, within);
      if (within.length > 2 && !faults.lately('refusals_down', HOUR_MS + 120_000))
        fail('at most two refused log-ins an hour', `${within.length} with version ${version} of the secret`);
    },
    locked(what: 'account' | 'key') {
      if (!faults.lately('refusals_down', HOUR_MS + 120_000))
        fail('nothing is locked', `the ${what} is locked`);
    },
    printed(line: string) {
      if (line.includes(SECRET_MARK) || line.includes(SECRET_TAIL))
        fail('no secret is printed', line.slice(0, 300));
    },

    /** Long after all trouble is over, nothing waits any more. */
    settled(waiting: Iterable<Held>) {
      for (const held of waiting) {
        const tracked = trackedOf(held);
        if (!tracked || clock.now() - held.sentAt < 2.5 * HOUR_MS) continue;
        fail(
          'what can be settled is settled',
          `receipt ${tracked.n} waits, received ${held.receives} times`,
          {
            receipt: tracked.n,
            caseId: tracked.caseId,
          },
        );
      }
      for (const tracked of receipts.values()) if (tracked.copies > 0) ended('still there');
    },
  };

  function boundSent(held: Held, tracked: Tracked) {
    return Math.floor(Math.min(held.sentAt, tracked.isUndated ? held.sentAt : tracked.sentAt));
  }
};

export type Oracle = ReturnType<typeof createOracle>;
