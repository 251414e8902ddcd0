import { loadConfig } from '../../lib/config.ts';
import { compose } from '../../lib/relay/compose.ts';
import { queueOver } from '../../lib/sqs/queue.ts';
import { createTelemetry } from '../../lib/telemetry.ts';
import { createClock } from '../engine/clock.ts';
import { useClock } from '../engine/globals.ts';
import { createRandom } from '../engine/random.ts';
import { createAlarms } from '../oracle/alarms.ts';
import { createOracle } from '../oracle/oracle.ts';
import { type CredentialsKind, createAccounts, SECRET_MARK } from './accounts.ts';
import { createFaults, type Fault } from './faults.ts';
import { createHuawei } from './huawei.ts';
import { createLambda } from './lambda.ts';
import { createOperator } from './operator.ts';
import { createPeople } from './people.ts';
import { createQueueModel } from './sqs.ts';
import { createLightTelemetry, readPrinted } from './telemetry.ts';
import { createWire } from './wire.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
export const FEW_BAD = 'a few bad cases, or looks, never stop the others';
export const START_MS = Date.UTC(2026, 0, 5);
const SOURCE = 'https://sqs.ap-southeast-1.amazonaws.com/123456789012/receipts';
const DEAD_LETTERS = 'https://sqs.ap-southeast-1.amazonaws.com/123456789012/dead-letters';

export interface WorldOptions {
  seed: number;
  perDay: number;
  credentials?: CredentialsKind;
  /** Receipts become old within hours, or the queue keeps them for hours only. */
  life?: 'long' | 'aged' | 'brief' | undefined;
  /** Variables of the function beside the usual ones. */
  variables?: Record<string, string>;
  realTelemetry?: boolean | undefined;
  /** Tells what happens to this case. */
  story?: string | undefined;
}

/** A world of its own: the service with its real code, and models of everything around it. */
export const createWorld = ({ seed, perDay, variables, realTelemetry, story, ...options }: WorldOptions) => {
  const random = (purpose: string) => createRandom(seed, purpose);
  const clock = createClock(START_MS, random);
  useClock(clock);
  const faults = createFaults(clock.now);
  const choose = random('world');
  const life = options.life ?? choose.pick(['long', 'long', 'long', 'aged', 'brief']);
  const config = loadConfig({
    OSM_ENDPOINT: 'https://osm.example.com',
    IAM_ENDPOINT: 'https://iam.example.com',
    CREDENTIALS_FROM: 'secretsmanager:relay',
    REFUSALS_IN: 'ssm:refusals',
    QUEUE_URL: SOURCE,
    DEAD_LETTER_QUEUE_URL: DEAD_LETTERS,
    AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: `${SECRET_MARK}-of-aws-0123456789`,
    // Some worlds are short-lived, so that ages are reached that others reach in days.
    ...(life === 'aged' && { MAX_AGE_SECONDS: '7200' }),
    ...(life === 'brief' && { QUEUE_RETENTION_SECONDS: '7200' }),
    ...variables,
  });
  const oracle = createOracle(clock, faults, story, {
    maxAttempts: config.maxAttempts,
    maxAgeMs: config.maxAgeSeconds * 1000,
    retentionMs: config.queueRetentionSeconds * 1000,
    lateAfterMs: config.lateAfterSeconds * 1000,
    timeoutMs: config.requestTimeoutMs,
    perSecond: config.maxRequestsPerSecond,
    lateReceipts: config.lateReceipts,
  });
  const alarms = createAlarms(clock.now);
  const publish = (name: string, values: number[]) => {
    for (const value of values) alarms.record(name, value);
    if (name === 'BreakerOpened' && faults.isCalm(HOUR_MS)) oracle.fail(FEW_BAD, 'the breaker opened');
  };

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
  const kind = options.credentials ?? choose.pick(['password', 'password', 'aksk', 'token', 'oidc']);
  const accounts = createAccounts(clock, random('accounts'), faults, kind, {
    onRefused: oracle.refused,
    onLocked: oracle.locked,
    onUsed: oracle.used,
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
    onCalled: (owner, host) => {
      if (host.startsWith('osm')) oracle.called(owner);
    },
    onSent: (owner, queue, message) => {
      if (queue === dead) oracle.deadLettered(owner, message);
    },
  });
  const createQueue = (url: string) => queueOver(url, wire.callsOf(url === SOURCE ? source : dead));
  const lambda = createLambda({
    clock,
    random: random('lambda'),
    faults,
    queue: source,
    start: () => {
      const telemetry = realTelemetry ? createTelemetry() : createLightTelemetry(oracle.printed, publish);
      return compose(config, { createClient: wire.createClient, createQueue, telemetry });
    },
    onInvoked: oracle.invoked,
    onAcknowledged: oracle.acknowledged,
    onEnded: how => {
      if (how !== 'answered') alarms.record('Errors', 1);
      if (how === 'threw' || how === 'timed_out') oracle.fail('the function answers in time', `it ${how}`);
    },
  });
  const people = createPeople({
    clock,
    random: random('people'),
    faults,
    huawei,
    queue: source,
    oracle,
    perDay,
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
    rotation: accounts.beginRotation,
    wrong_secret: accounts.saveWrong,
    deploys: lambda.deploy,
    burst: people.burst,
  };
  const ends: Partial<Record<Fault, () => void>> = {
    rotation: accounts.endRotation,
    wrong_secret: accounts.saveRight,
    paused: lambda.wake,
    deploys: lambda.deploy,
    tokens_die: accounts.dieTokens,
  };
  const depths = new Map<Fault, number>();
  const change = (fault: Fault, by: number) => {
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

  return {
    clock,
    choose,
    config,
    faults,
    oracle,
    alarms,
    source,
    dead,
    huawei,
    lambda,
    people,
    operator,
    /** A fault lasts from then to then; of two that overlap the end is the later one. */
    fault(fault: Fault, fromMs: number, toMs: number) {
      clock.at(clock.world, fromMs, () => change(fault, 1));
      clock.at(clock.world, toMs, () => change(fault, -1));
    },
    /** What CloudWatch knows of the queues, minute by minute. */
    watchQueues(untilMs: number) {
      alarms.record('dead ApproximateNumberOfMessagesVisible', dead.visible);
      alarms.record('dead ApproximateNumberOfMessagesNotVisible', dead.hidden);
      let oldest = clock.now();
      for (const { sentAt, receives } of source.messages())
        if (receives < 3 && sentAt < oldest) oldest = sentAt;
      alarms.record('ApproximateAgeOfOldestMessage', (clock.now() - oldest) / 1000);
      if (clock.now() < untilMs) clock.after(clock.world, MINUTE_MS, () => this.watchQueues(untilMs));
    },
    async run(untilMs: number, everyTurn = false) {
      const { write } = process.stdout;
      if (realTelemetry) {
        process.stdout.write = text => {
          readPrinted(String(text), oracle.printed, publish);
          return true;
        };
      }
      await clock.run(untilMs, everyTurn);
      process.stdout.write = write;
    },
  };
};

export type World = ReturnType<typeof createWorld>;
