import { loadConfig } from '../../lib/config.ts';
import { compose } from '../../lib/relay/compose.ts';
import { queueOver } from '../../lib/sqs/queue.ts';
import { createTelemetry } from '../../lib/telemetry.ts';
import { createClock, HOUR_MS, MINUTE_MS } from '../engine/clock.ts';
import { useClock } from '../engine/globals.ts';
import { createRandom } from '../engine/random.ts';
import { createFaults, type Fault } from '../faults.ts';
import { SECRET_MARK } from '../model.ts';
import { createAlarms } from '../oracle/alarms.ts';
import { createOracle } from '../oracle/oracle.ts';
import type { Spec } from '../spec.ts';
import { createAccounts } from './accounts.ts';
import { createHuawei } from './huawei.ts';
import { createLambda } from './lambda.ts';
import { createOperator } from './operator.ts';
import { createPeople } from './people.ts';
import { createQueueModel } from './sqs.ts';
import { createWire } from './wire.ts';

export const FEW_BAD = 'a few bad cases, or looks, never stop the others';
export const START_MS = Date.UTC(2026, 0, 5);
const SOURCE = 'https://sqs.ap-southeast-1.amazonaws.com/123456789012/receipts';
const DEAD_LETTERS = 'https://sqs.ap-southeast-1.amazonaws.com/123456789012/dead-letters';

/** A world of its own: the service with its real code, and models of everything around it. */
export const createWorld = (spec: Spec) => {
  const { variables } = spec;
  const seed = (spec.seed * 1_000_003 + spec.index) >>> 0;
  const random = (purpose: string) => createRandom(seed, purpose);
  const clock = createClock(START_MS, random);
  useClock(clock);
  const faults = createFaults(clock.now);
  const choose = random('world');
  const life = spec.life ?? choose.pick(['long', 'long', 'long', 'aged', 'brief']);
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
  const oracle = createOracle(clock, faults, config);
  const alarms = createAlarms(clock.now);
  const parts = { clock, random, faults, oracle, alarms };
  /** CloudWatch: keeps the log, and makes metrics of what is written as such. */
  const print = (line: string) => {
    oracle.printed(line);
    if (!line.startsWith('{"_aws"')) return;
    const document = JSON.parse(line);
    for (const { Name } of document._aws.CloudWatchMetrics[0].Metrics) {
      for (const value of [document[Name]].flat()) alarms.record(Name, value);
      if (Name === 'BreakerOpened' && faults.isCalm(HOUR_MS)) oracle.fail(FEW_BAD, 'the breaker opened');
    }
  };

  const dead = createQueueModel(parts, {
    name: 'dead letters',
    retentionSeconds: 1_209_600,
    visibilitySeconds: 60,
  });
  const source = createQueueModel(parts, {
    name: 'receipts',
    retentionSeconds: config.queueRetentionSeconds,
    visibilitySeconds: 185,
    redrive: { after: 500, to: dead },
  });
  const credentials = spec.credentials ?? choose.pick(['password', 'password', 'aksk', 'token', 'oidc']);
  const accounts = createAccounts(parts, credentials);
  const huawei = createHuawei(parts, accounts);
  const wire = createWire(
    parts,
    request => (request.host.startsWith('osm') ? huawei : accounts).serve(request),
    owner => lambda.killed(owner),
  );
  const createQueue = (url: string) => queueOver(url, wire.callsOf(url === SOURCE ? source : dead));
  const lambda = createLambda(parts, source, () =>
    compose(config, { createClient: wire.createClient, createQueue, telemetry: createTelemetry(print) }),
  );
  const people = createPeople(parts, huawei, source);
  const operator = createOperator(
    parts,
    { source: createQueue(SOURCE), deadLetters: createQueue(DEAD_LETTERS) },
    { source, deadLetters: dead },
  );

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
  const change = (fault: Fault, by: 1 | -1) => {
    oracle.tell(`${fault} ${by > 0 ? 'begins' : 'ends'}`);
    if (faults.change(fault, by)) (by > 0 ? begins : ends)[fault]?.();
  };

  return {
    clock,
    choose,
    config,
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
      alarms.record('dead ApproximateNumberOfMessagesVisible', dead.visible());
      alarms.record('dead ApproximateNumberOfMessagesNotVisible', dead.hidden());
      let oldest = clock.now();
      for (const { sentAt, receives } of source.messages())
        if (receives < 3 && sentAt < oldest) oldest = sentAt;
      alarms.record('ApproximateAgeOfOldestMessage', (clock.now() - oldest) / 1000);
      if (clock.now() < untilMs) clock.after(clock.world, MINUTE_MS, () => this.watchQueues(untilMs));
    },
    run: (untilMs: number) => clock.run(untilMs, spec.everyTurn ?? false),
  };
};

export type World = ReturnType<typeof createWorld>;
