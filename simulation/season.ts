import { loadConfig } from '../lib/config.ts';
import { compose } from '../lib/relay/compose.ts';
import { queueOver } from '../lib/sqs/queue.ts';
import { createTelemetry } from '../lib/telemetry.ts';
import { createClock, type Owner } from './engine/clock.ts';
import { useClock } from './engine/globals.ts';
import { createRandom } from './engine/random.ts';
import { createAlarms, expected, readAlarms } from './oracle/alarms.ts';
import { type Broken, createOracle, type HiddenKind } from './oracle/oracle.ts';
import { type CredentialsKind, createAccounts, SECRET_MARK } from './world/accounts.ts';
import { createFaults, type Fault, faultNames, pairs, type Window, windowsOf } from './world/faults.ts';
import { createHuawei } from './world/huawei.ts';
import { createLambda } from './world/lambda.ts';
import { createOperator } from './world/operator.ts';
import { createPeople } from './world/people.ts';
import { createQueueModel } from './world/sqs.ts';
import { createLightTelemetry, readPrinted } from './world/telemetry.ts';
import { createWire } from './world/wire.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Long enough after the last fault for every back-off, cool-down and stale hold to end. */
const TAIL_MS = 8 * HOUR_MS;
const START_MS = Date.UTC(2026, 0, 5);
const SOURCE = 'https://sqs.ap-southeast-1.amazonaws.com/123456789012/receipts';
const DEAD_LETTERS = 'https://sqs.ap-southeast-1.amazonaws.com/123456789012/dead-letters';

export interface SeasonSpec {
  seed: number;
  /** Its number within the run. */
  index: number;
  days: number;
  /** Only these faults; all where absent. */
  faults?: Fault[] | undefined;
  perDay: number;
  everyTurn?: boolean;
  realTelemetry?: boolean;
  /** Tells what happens to this case, up to then. */
  story?: string | undefined;
  storyEndMs?: number;
}

export interface SeasonResult {
  index: number;
  days: number;
  receipts: number;
  ends: Record<string, number>;
  hidden: Record<HiddenKind, number>;
  brokenCount: number;
  broken: Broken[];
  pairs: string[];
  events: number;
  trace: string;
  story: string[];
}

/** Of ten seasons, these do not bring pairs of faults. */
const OTHERS: Partial<Record<number, 'quiet' | 'single'>> = { 1: 'quiet', 2: 'single' };

/** What each day of a season brings: nothing, one fault, or two at once. */
const daysOf = ({
  index,
  days,
  faults,
}: SeasonSpec): { kind: 'quiet' | 'single' | 'pairs'; days: Fault[][] } => {
  const pool = faults ?? [...faultNames];
  const kind = faults ? 'pairs' : (OTHERS[index % 10] ?? 'pairs');
  if (kind === 'quiet' || pool.length === 0)
    return { kind: 'quiet', days: Array.from({ length: days }, () => []) };
  if (kind === 'single') {
    const first = Math.floor(index / 10) * days;
    return {
      kind,
      days: Array.from({ length: days }, (_, day) => [pool[(first + day) % pool.length] as Fault]),
    };
  }
  const wanted = faults ? pairs.filter(pair => pair.every(fault => faults.includes(fault))) : pairs;
  const others = Object.keys(OTHERS).map(Number);
  const before = others.filter(other => other < index % 10).length;
  const first = (Math.floor(index / 10) * (10 - others.length) + (index % 10) - before) * days;
  return {
    kind,
    // 397 has no factor in common with the number of pairs: neighbours differ, and each has its turn.
    days: Array.from({ length: days }, (_, day) => wanted[((first + day) * 397) % wanted.length] ?? pool),
  };
};

/** A world of its own, from its first receipt until nothing waits any more. */
export const runSeason = async (spec: SeasonSpec): Promise<SeasonResult> => {
  const seed = (spec.seed * 1_000_003 + spec.index) >>> 0;
  const random = (purpose: string) => createRandom(seed, purpose);
  const clock = createClock(START_MS, random);
  useClock(clock);
  const { world } = clock;
  const faults = createFaults(clock.now);
  const choose = random('season');
  const kindOf: CredentialsKind = choose.chance(0.6) ? 'password' : 'aksk';
  const env = {
    OSM_ENDPOINT: 'https://osm.example.com',
    IAM_ENDPOINT: 'https://iam.example.com',
    CREDENTIALS_FROM: 'secretsmanager:relay',
    REFUSALS_IN: 'ssm:refusals',
    QUEUE_URL: SOURCE,
    DEAD_LETTER_QUEUE_URL: DEAD_LETTERS,
    AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: `${SECRET_MARK}-of-aws-0123456789`,
  };
  const config = loadConfig(env);
  const oracle = createOracle(clock, faults, spec.story, {
    maxAttempts: config.maxAttempts,
    maxAgeMs: config.maxAgeSeconds * 1000,
    retentionMs: config.queueRetentionSeconds * 1000,
    lateAfterMs: config.lateAfterSeconds * 1000,
    timeoutMs: config.requestTimeoutMs,
  });
  const alarms = createAlarms(readAlarms(), clock.now);

  const dead = createQueueModel(clock, random('dead letters'), faults, {
    name: 'dead',
    retentionSeconds: 1_209_600,
    visibilitySeconds: 60,
    onAdded: oracle.added,
    onGone: (held, why) => oracle.gone(held, why, false),
  });
  const source = createQueueModel(clock, random('receipts'), faults, {
    name: 'receipts',
    retentionSeconds: config.queueRetentionSeconds,
    visibilitySeconds: 185,
    redrive: { after: 500, to: dead },
    onAdded: oracle.added,
    onGone: (held, why) => oracle.gone(held, why, true),
  });

  const accounts = createAccounts(clock, random('accounts'), faults, kindOf, {
    onRefused: oracle.refused,
    onLocked: oracle.locked,
    onLogIn: () => {},
  });
  const huawei = createHuawei(clock, random('huawei'), faults, accounts, {
    onAnswered: oracle.answered,
    onMarked: oracle.marked,
    onLooked: oracle.looked,
  });
  const wire = createWire({
    clock,
    random: random('wire'),
    faults,
    serve: request => (request.host.startsWith('osm') ? huawei : accounts).serve(request),
    onKilled: owner => lambda.killed(owner),
    onSent: (owner, queue, message) => {
      if (queue === dead) oracle.deadLettered(owner, message);
    },
  });
  const createQueue = (url: string) => queueOver(url, wire.callsOf(url === SOURCE ? source : dead));
  const publish = (name: string, values: number[]) => {
    for (const value of values) alarms.record(name, value);
  };

  const lambda = createLambda({
    clock,
    random: random('lambda'),
    faults,
    queue: source,
    start: () => {
      const telemetry = spec.realTelemetry
        ? createTelemetry()
        : createLightTelemetry(oracle.printed, publish);
      return compose(config, { createClient: wire.createClient, createQueue, telemetry }).relay;
    },
    onInvoked: oracle.invoked,
    onAcknowledged: oracle.acknowledged,
    onEnded: (_owner: Owner, how) => {
      if (how !== 'answered') alarms.record('Errors', 1);
      if (how === 'threw') oracle.fail('the function never throws', 'it threw');
      if (how === 'timed_out') oracle.fail('the function ends in time', 'it timed out');
    },
  });
  const people = createPeople({
    clock,
    random: random('people'),
    faults,
    huawei,
    queue: source,
    oracle,
    perDay: spec.perDay,
  });
  const operator = createOperator({
    clock,
    random: random('operator'),
    faults,
    oracle,
    source: createQueue(SOURCE),
    deadLetters: createQueue(DEAD_LETTERS),
    behind: { source, deadLetters: dead },
  });

  /** What changes the world once, when a fault begins or ends. */
  const begins: Partial<Record<Fault, () => void>> = {
    rate_limit: () => huawei.setLimit(choose.pick([5, 20, 40, 100])),
    tokens_die: accounts.dieTokens,
    rotation: () => accounts.rotate(choose.between(1, 180) * MINUTE_MS, choose.chance(0.5)),
    wrong_secret: accounts.saveWrong,
    deploys: lambda.deploy,
    burst: people.burst,
  };
  const ends: Partial<Record<Fault, () => void>> = {
    wrong_secret: accounts.saveRight,
    paused: lambda.wake,
    deploys: lambda.deploy,
    tokens_die: accounts.dieTokens,
  };

  const endMs = START_MS + spec.days * DAY_MS;
  const plan = daysOf(spec);
  const windows = plan.days.flatMap((day, index) => windowsOf(day, START_MS + index * DAY_MS, choose));
  const depths = new Map<Fault, number>();
  const change = ({ fault }: Window, by: number) => {
    const depth = (depths.get(fault) ?? 0) + by;
    depths.set(fault, depth);
    oracle.tell(undefined, `${fault} ${by > 0 ? 'begins' : 'ends'}`);
    if (by > 0 && depth === 1) {
      faults.begin(fault);
      begins[fault]?.();
    } else if (by < 0 && depth === 0) {
      faults.end(fault);
      ends[fault]?.();
    }
  };
  for (const window of windows) {
    clock.at(world, window.fromMs, () => change(window, 1));
    clock.at(world, window.toMs, () => change(window, -1));
  }
  const watchDepths = () => {
    alarms.record('ApproximateNumberOfMessagesVisible', dead.visible, 'dead');
    alarms.record('ApproximateNumberOfMessagesNotVisible', dead.hidden, 'dead');
    let oldest = clock.now();
    for (const { sentAt, receives } of source.messages())
      if (receives < 3 && sentAt < oldest) oldest = sentAt;
    alarms.record('ApproximateAgeOfOldestMessage', (clock.now() - oldest) / 1000);
    if (clock.now() < endMs + TAIL_MS) clock.after(world, MINUTE_MS, watchDepths);
  };
  watchDepths();
  people.start(endMs);
  operator.start(START_MS, endMs);

  const { write } = process.stdout;
  if (spec.realTelemetry) {
    process.stdout.write = text => {
      readPrinted(String(text), oracle.printed, publish);
      return true;
    };
  }
  await clock.run(endMs + TAIL_MS, spec.everyTurn ?? false);
  process.stdout.write = write;

  for (const queue of [source, dead]) queue.expireAll();
  oracle.settled(source.messages());
  if (plan.kind === 'quiet') {
    for (const name of alarms.rang(START_MS, endMs)) oracle.fail('quiet days ring no alarm', `${name} rang`);
    const slow = oracle.waits.filter(wait => wait > MINUTE_MS).length;
    if (slow > 0) oracle.fail('a quiet day marks at once', `${slow} waited for more than a minute`);
  }
  if (plan.kind === 'single') {
    for (const { fault, fromMs, toMs } of windows) {
      const wanted = expected[fault];
      if (!wanted || toMs - fromMs < 2 * HOUR_MS) continue;
      const rang = alarms.rang(fromMs, toMs + 30 * MINUTE_MS);
      if (!wanted.some(name => rang.has(name)))
        oracle.fail('each fault rings its own alarm', `${fault} rang ${[...rang].join(', ') || 'none'}`);
    }
  }
  return {
    index: spec.index,
    days: spec.days,
    receipts: people.receipts,
    ends: oracle.ends,
    hidden: oracle.hidden,
    brokenCount: oracle.brokenCount,
    broken: oracle.broken,
    pairs: plan.kind === 'pairs' ? plan.days.map(day => day.join('+')) : [],
    events: clock.events(),
    trace: clock.digest(),
    story: oracle.story.filter(({ at }) => at <= (spec.storyEndMs ?? at)).map(({ text }) => text),
  };
};
