import type { Config } from '../../lib/config.ts';
import { type Clock, HOUR_MS, type Owner } from '../engine/clock.ts';
import type { Faults } from '../faults.ts';
import type { Answered, Case, Held, LookKind, Message, Sendable, Tracked } from '../model.ts';
import { SECRET_MARK, SECRET_TAIL } from '../model.ts';
import { codeOf, numberIn, RECEIPT_CODES, type Reading, read } from './contract.ts';

export interface Broken {
  promise: string;
  atMs: number;
  detail: string;
  caseId?: string | undefined;
  /** The end of what happened to the case until then. */
  story: string[];
}

/** A batch in a sandbox. */
interface Invocation {
  batch: Held[];
  beganMs: number;
  /** Its first call has arrived. */
  isCalled: boolean;
  /** Last answer to each mark, by the contract's table. */
  answers: Map<string, string>;
  /** When a mark was made, by its key. */
  marked: Map<string, number>;
  looks: Map<string, { at: number; newest: number; kind: LookKind }[]>;
  letters: Set<number>;
  byKey?: Map<string, { held: Held; reading: Reading }[]>;
}

/** Why a message was cleared that nobody had read: what the contract excuses, and all else. */
const HIDDEN = { race: 0, fresh: 0, unchecked: 0, sender: 0, asked: 0, broken: 0 };

export const NOBODY_WAITS = 'no healthy receipt waits for the trouble of others';
/** Of clocks: a sandbox's may be a second off, and a time in whole seconds may mean any part of it. */
const SLACK_MS = 2_000;
/** From a decision to its arrival at the other side. */
const TURN_MS = 5_000;
/** Of a receipt that is in hand: what Retry-After asks for at most, and the margin before the queue drops it. */
const ENDING_MS = HOUR_MS + 300_000 + SLACK_MS;
/** After trouble that stops all, what waits longest comes back within the longest back-off. */
const RECOVERY_MS = 20 * 60_000;
/** By then each receipt has had its chance, whatever was asked to wait for. */
const COMES_BACK_MS = 2.5 * HOUR_MS;
/** An outage gets one call a second of each instance, and what new instances need to notice it. */
const MOST_OUTAGE_CALLS = 2 * 60 + 100;
const MOST_KEPT = 50;
/** Of a story, the end tells most. */
const MOST_LINES = 25;
/** What keeps the function from moving a receipt whose time runs out. */
const BLIND = ['kills', 'paused', 'sqs_outage', 'sqs_partial', 'sqs_throttled', 'sqs_misses'] as const;
/** While a token is good, these stop nobody. */
const OF_CREDENTIALS = ['iam_down', 'store_down', 'refusals_down', 'rotation', 'wrong_secret'] as const;
const OURS = ['failure', 'failure_code', 'replays', 'sent_at'];

const iso = (ms: number) => new Date(ms).toISOString();

/** Holds the service to the contract, with its own plain logic, as things happen. */
export const createOracle = (clock: Clock, faults: Faults, config: Config) => {
  const { maxAttempts, lateReceipts, requestTimeoutMs, maxRequestsPerSecond } = config;
  const receipts = new Map<number, Tracked>();
  const invocations = new Map<Owner, Invocation>();
  /** When each sandbox began its last calls. */
  const calls = new Map<Owner, number[]>();
  const lastToken = new Map<Owner, string>();
  const refusedAt = new Map<number, number[]>();
  const ends: Record<string, number> = {};
  const hidden = { ...HIDDEN };
  const broken: Broken[] = [];
  /** What happened to each case; under no name, to the world. */
  const stories = new Map<string, { at: number; text: string }[]>();
  let brokenCount = 0;
  let outage = { minute: 0, calls: 0 };

  /** What happens to a case, or to the world where none is named. */
  const tell = (text: string, caseId = '') => {
    const line = { at: clock.now(), text: `${clock.owner().name}: ${text}` };
    const told = stories.get(caseId);
    if (told) told.push(line);
    else stories.set(caseId, [line]);
  };
  const storyOf = (caseId: string): string[] =>
    [...(stories.get('') ?? []), ...(stories.get(caseId) ?? [])]
      .sort((a, b) => a.at - b.at)
      .map(({ at, text }) => `${iso(at)} ${text}`);
  const fail = (promise: string, detail: string, { caseId }: { caseId?: string } = {}) => {
    if (++brokenCount > MOST_KEPT) return;
    const story = caseId ? storyOf(caseId).slice(-MOST_LINES) : [];
    broken.push({ promise, atMs: clock.now(), detail, caseId, story });
  };
  const ended = (how: string) => {
    ends[how] = (ends[how] ?? 0) + 1;
  };
  const trackedOf = ({ body }: Sendable) => receipts.get(numberIn(body));
  const isBlind = () => BLIND.some(fault => faults.lately(fault, HOUR_MS));

  const ofKey = (invocation: Invocation, key: string) => {
    invocation.byKey ??= Map.groupBy(
      invocation.batch.flatMap(held => {
        const reading = read(held);
        return reading ? [{ held, reading }] : [];
      }),
      ({ reading }) => reading.key,
    );
    return invocation.byKey.get(key) ?? [];
  };

  /** What those who ask for a mark have read up to, by the contract, from what their world knows. */
  const newestBound = (invocation: Invocation | undefined, key: string): number => {
    const bounds = invocation ? ofKey(invocation, key) : [];
    return Math.max(
      0,
      ...bounds.map(({ held, reading }) => {
        const tracked = receipts.get(reading.n);
        const sentAt = tracked?.isUndated ? Number.POSITIVE_INFINITY : (tracked?.sentAt ?? 0);
        return Math.min(reading.namedAt, held.sentAt, sentAt);
      }),
    );
  };

  const hiddenKind = (invocation: Invocation | undefined, key: string, of: Case, writtenAt: number) => {
    const now = clock.now();
    const bound = newestBound(invocation, key);
    const looks = invocation?.looks.get(of.id) ?? [];
    // Nobody truly read so late, but the receipt says so: its sender's clock, or a late one without read_at.
    if (writtenAt <= bound + SLACK_MS) return 'sender';
    if (now - bound <= config.lateAfterSeconds * 1000 + SLACK_MS + TURN_MS + requestTimeoutMs) return 'fresh';
    if (lateReceipts !== 'check') return 'asked';
    if (looks.some(({ kind }) => kind === 'odd')) return 'unchecked';
    const isRace = ({ at }: { at: number }) =>
      writtenAt >= at - SLACK_MS && now - at <= TURN_MS + requestTimeoutMs;
    return looks.some(isRace) ? 'race' : 'broken';
  };

  const settle = (how: string, tracked: Tracked, held: Held) => {
    ended(how);
    const now = clock.now();
    const waitMs = now - tracked.sentAt;
    const { n, isPrompt, settledAt } = tracked;
    if (!settledAt && isPrompt && waitMs > 90_000 && faults.isCalm(waitMs + RECOVERY_MS))
      fail(NOBODY_WAITS, `receipt ${n} waited for ${waitMs} ms`, tracked);
    if (isPrompt && now - held.sentAt > COMES_BACK_MS && faults.isCalm(COMES_BACK_MS))
      fail('what waits comes back in time', `receipt ${n}, long after the trouble`, tracked);
    tracked.settledAt ??= now;
  };

  return {
    receipts,
    broken,
    hidden,
    ends,
    fail,
    storyOf,
    tell,
    brokenCount: () => brokenCount,

    added(held: Held) {
      const tracked = trackedOf(held);
      if (!tracked) return;
      tracked.copies++;
      tell(`${held.id} is in the queue: ${held.body}`, tracked.caseId);
    },
    gone(held: Held, why: 'deleted' | 'expired' | 'moved', isSource: boolean) {
      const tracked = trackedOf(held);
      if (!tracked) return;
      tracked.copies--;
      tell(`${held.id} is ${why}`, tracked.caseId);
      if (tracked.copies > 0 || tracked.settledAt !== undefined || tracked.isArchived) return;
      if (why === 'expired' && isSource && held.receives === 0) return ended('expired unreceived');
      if (why === 'expired' && !isSource) return ended('expired as a dead letter');
      // Its last batch never ended, or was the last that was taken: nobody could have kept it.
      if (why === 'expired' && isBlind()) return ended('expired amid trouble');
      fail('no receipt is lost', `receipt ${tracked.n} is ${why}, neither marked nor kept`, tracked);
    },

    invoked(owner: Owner, batch: Held[]) {
      for (const held of batch) {
        const where = `received ${held.receives} times, in a batch of ${batch.length}`;
        tell(`takes ${held.id}, ${where}`, trackedOf(held)?.caseId);
      }
      invocations.set(owner, {
        batch,
        beganMs: clock.now(),
        isCalled: false,
        answers: new Map(),
        marked: new Map(),
        looks: new Map(),
        letters: new Set(),
      });
    },
    /** A call to OSM leaves a sandbox. */
    called(owner: Owner) {
      const times = calls.get(owner) ?? [];
      calls.set(owner, times);
      times.push(clock.now());
      if (times.length <= maxRequestsPerSecond) return;
      const windowMs = clock.now() - (times.shift() as number);
      if (windowMs < 1000) fail('the pace is kept', `${maxRequestsPerSecond + 1} calls in ${windowMs} ms`);
    },
    /** A call to OSM came with a token that is good. */
    used(owner: Owner, token: string) {
      const invocation = invocations.get(owner);
      if (!invocation || invocation.isCalled) return;
      invocation.isCalled = true;
      const isOld = lastToken.get(owner) === token;
      lastToken.set(owner, token);
      const waitMs = clock.now() - invocation.beganMs;
      if (isOld && waitMs > SLACK_MS && faults.isCalm(RECOVERY_MS, OF_CREDENTIALS))
        fail('nothing waits for a renewal', `${waitMs} ms, though its token was good`);
    },
    answered(owner: Owner, key: string, answered: Answered) {
      const { outageSince = Number.POSITIVE_INFINITY } = faults;
      const minute = Math.floor(clock.now() / 60_000);
      if (minute !== outage.minute) outage = { minute, calls: 0 };
      if (clock.now() - outageSince > 120_000 && ++outage.calls === MOST_OUTAGE_CALLS)
        fail('an outage is not called all the time', `${outage.calls} marks in a minute`);
      const { status, errorCode = '' } = answered;
      tell(`its mark is answered: ${status} ${errorCode}`, key.slice(0, key.indexOf('|')));
      const invocation = invocations.get(owner);
      const code = codeOf(answered);
      invocation?.answers.set(key, code);
      if (!invocation || code !== 'failed') return;
      for (const { held, reading } of ofKey(invocation, key)) {
        const tracked = receipts.get(reading.n);
        if (!tracked || held.receives < maxAttempts) continue;
        // Its last chance has passed, again and again.
        tracked.hopeless = (tracked.hopeless ?? 0) + 1;
        if (tracked.hopeless === 10 && !isBlind())
          fail('what cannot be marked is given up', `receipt ${tracked.n}: ${held.receives} times`, tracked);
      }
    },
    /** @param isShifted its times were of another zone: any message may seem to be newer */
    looked(owner: Owner, of: Case, kind: LookKind, isShifted: boolean) {
      tell(`it is looked at: ${kind}`, of.id);
      if (lateReceipts === 'mark') fail('no look that nobody asked for', `at case ${of.id}`);
      const looks = invocations.get(owner)?.looks;
      const newest = isShifted ? clock.now() : (of.messages.findLast(({ isOwn }) => !isOwn)?.at ?? 0);
      looks?.set(of.id, [...(looks.get(of.id) ?? []), { at: clock.now(), newest, kind }]);
    },
    marked(owner: Owner, key: string, of: Case, cleared: Message[]) {
      const invocation = invocations.get(owner);
      invocation?.marked.set(key, clock.now());
      const lastRead = of.reads.at(-1) ?? 0;
      tell(`a mark clears messages of ${cleared.map(({ at }) => iso(at))}`, of.id);
      for (const { at, isOwn } of cleared) {
        if (isOwn || at <= lastRead) continue;
        const kind = hiddenKind(invocation, key, of, at);
        hidden[kind]++;
        const ago = Math.round((clock.now() - at) / 1000);
        const detail = `a message of ${ago} s ago in case ${of.id} was cleared unread`;
        if (kind === 'broken') fail('no message is hidden', detail, { caseId: of.id });
      }
    },

    acknowledged(owner: Owner, held: Held) {
      const invocation = invocations.get(owner);
      const tracked = trackedOf(held);
      if (!invocation || !tracked) return;
      tell(`${held.id} is acknowledged`, tracked.caseId);
      if (invocation.letters.has(tracked.n)) return ended('dead letter');
      const { key = '', caseId = '' } = read(held) ?? {};
      const markedAt = invocation.marked.get(key);
      if (markedAt !== undefined && markedAt >= tracked.readAt) {
        tracked.markedAt ??= markedAt;
        return settle('marked', tracked, held);
      }
      const bound = newestBound(invocation, key);
      const looks = lateReceipts === 'check' ? (invocation.looks.get(caseId) ?? []) : [];
      if (looks.some(({ newest, kind }) => kind !== 'trouble' && newest + SLACK_MS > bound))
        return settle('superseded', tracked, held);
      const detail = `receipt ${tracked.n} was neither marked, superseded nor kept`;
      fail('acknowledged only when settled', detail, tracked);
    },

    /** A dead letter by the function. */
    deadLettered(owner: Owner, letter: Sendable) {
      const invocation = invocations.get(owner);
      const tracked = trackedOf(letter);
      const failure = letter.attributes.failure?.StringValue ?? '{}';
      const { code = 'none', attempts, sent_at } = JSON.parse(failure);
      const same = invocation?.batch.filter(({ body }) => body === letter.body) ?? [];
      const held = same.find(({ receives }) => receives === attempts) ?? same[0];
      if (!invocation || !tracked || !held)
        return fail('a dead letter is the original', `the body "${letter.body}" is of no receipt in hand`);
      invocation.letters.add(tracked.n);
      tell(`a dead letter: ${failure}`, tracked.caseId);
      const wrong = (detail: string, promise = 'a dead letter for the right reason') =>
        fail(promise, `${detail} (receipt ${tracked.n})`, tracked);
      const now = clock.now();
      const ageMs = now - (held.firstReceivedAt ?? now);
      const isEnding = held.sentAt + config.queueRetentionSeconds * 1000 - now <= ENDING_MS;
      const reading = read(held);
      const answer = reading ? invocation.answers.get(reading.key) : tracked.kind;
      if (RECEIPT_CODES.has(code)) {
        const expected = answer === 'refused' ? 'failed' : (answer ?? 'no answer');
        if (code !== expected) wrong(`${code}, where the answer was ${expected}`);
        if (code === 'failed' && held.receives < maxAttempts && !isEnding)
          wrong(`failed after ${held.receives} receives of ${maxAttempts}`);
      } else {
        if (answer && RECEIPT_CODES.has(answer) && answer !== 'failed')
          wrong(`${code}, where the answer was ${answer}`);
        if (ageMs < config.maxAgeSeconds * 1000 - SLACK_MS && !isEnding)
          wrong(`${code} after ${Math.round(ageMs / 1000)} s`, 'no dead letter by an outage under a day');
      }
      if (attempts !== held.receives) wrong(`attempts are ${attempts}, and receives ${held.receives}`);
      const sentAt = tracked.isUndated ? held.sentAt : Math.min(held.sentAt, tracked.sentAt);
      if (!(Math.abs(Date.parse(sent_at) - Math.floor(sentAt)) <= 1))
        wrong(`sent_at is ${sent_at}, and it was sent at ${sentAt}`);
      if (letter.groupId !== held.groupId || letter.traceHeader !== held.traceHeader)
        wrong("its group or its trace is not the original's");
      for (const [name, { StringValue }] of Object.entries(held.attributes))
        if (!OURS.includes(name) && letter.attributes[name]?.StringValue !== StringValue)
          wrong(`the attribute ${name} is not the original's`);
    },

    /** A log-in with this version of the secret was refused. */
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
        if (!tracked || clock.now() - held.sentAt < COMES_BACK_MS) continue;
        const detail = `receipt ${tracked.n} waits, received ${held.receives} times`;
        fail('what can be settled is settled', detail, tracked);
      }
      for (const { copies } of receipts.values()) if (copies > 0) ended('still there');
    },
  };
};

export type Oracle = ReturnType<typeof createOracle>;
