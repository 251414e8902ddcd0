// Trouble at Huawei's end: an outage, a gateway that allows less than we send, receipts that come late.
import { SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Fault } from '../../local/huawei/faults.ts';
import type { HuaweiOptions } from '../../local/huawei/options.ts';
import type { Huawei } from '../../local/huawei/server.ts';
import type { Target } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { type Limits, openPlace, startFunction } from '../processes.ts';
import type { Bench, Goal, Scenario } from '../scenario.ts';
import { digits } from '../stats.ts';

/** What AWS asks for at least with a function as the consumer; ours dead-letters by itself. */
const PEERS_RECEIVES = 5;
/** Longer than any scenario: nothing comes back by itself. */
const HIDDEN_SECONDS = 3600;
const REDRIVE = `The peers’ queue has a redrive policy of ${PEERS_RECEIVES} receives, AWS’s advice; ours writes its dead letters itself. What failed is delivered again at once, where in truth a back-off (ours) or a visibility timeout (theirs) lies between.`;

interface Course {
  options: HuaweiOptions;
  limits: Limits;
  /** Puts the world in its state and gives what is sent. */
  bodies: (huawei: Huawei) => object[];
  deliveries: number;
}

const deliverAll = async ({ world, progress }: Bench, target: Target, course: Course) => {
  progress(target.title);
  await using place = await openPlace(world, { keepsRequests: true, ...course.options });
  const { consumer, deadLetters, huawei, receipts } = place;
  if (target.name === 'middy' || target.name === 'powertools') {
    const policy = { deadLetterTargetArn: deadLetters.arn, maxReceiveCount: PEERS_RECEIVES };
    const Attributes = { RedrivePolicy: JSON.stringify(policy) };
    await world.client.send(
      new SetQueueAttributesCommand({ QueueUrl: place.variables.QUEUE_URL, Attributes }),
    );
  }
  for (const body of course.bodies(huawei)) receipts.put(JSON.stringify(body));
  await using running = await startFunction(target.file, place, course.limits);
  let [billedMs, deliveries, back] = [0, 0, 0];
  const start = performance.now();
  for (; deliveries < course.deliveries; deliveries++) {
    const records = await consumer.receiveAll({ visibilitySeconds: HIDDEN_SECONDS });
    if (records.length === 0) break;
    const run = await running.invoke({ records });
    billedMs += run.ms;
    back = run.failed.length;
    const failed = new Set(run.failed);
    await consumer.remove(records.filter(({ messageId }) => !failed.has(messageId)));
    await consumer.show(records.filter(({ messageId }) => failed.has(messageId)));
  }
  const seconds = (performance.now() - start) / 1000;
  const calls = huawei.requests.filter(({ caseId }) => caseId);
  const ofOne = [...Map.groupBy(calls, ({ caseId }) => caseId).values()].map(({ length }) => length);
  return {
    ...{ billedMs, deliveries, back, seconds, marks: huawei.osm.marks, calls: calls.length },
    ...{ mostCalls: Math.max(...ofOne), dead: deadLetters.all().length, hidden: huawei.osm.hidden().length },
  };
};

const receiptsOf = (count: number) => Array.from({ length: count }, (_, index) => receiptOf(`case-${index}`));
const notDead = (dead: number, of = ''): Goal => ({
  name: `wrongly dead-lettered${of}`,
  value: dead,
  atMost: 0,
});

/** A tenth of what the stack sets, so that the bench ends today. */
const SHORT = { requestTimeoutMs: 500, functionMs: 3000 };
const match = { kind: 'mark' } as const;
const outages: Record<string, Fault> = {
  hang: { does: 'hang', match },
  refuse: { does: 'reset', match },
  '503': { does: 'answer', status: 503, body: 'Service Unavailable', match },
};

export const outage: Scenario = async bench => {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [kind, fault] of Object.entries(outages))
    for (const target of bench.targets) {
      const { calls, billedMs, dead, deliveries } = await deliverAll(bench, target, {
        options: { faults: [fault] },
        limits: SHORT,
        bodies: () => receiptsOf(100),
        deliveries: 10,
      });
      rows.push([kind, target.title, ...[calls, billedMs, dead, deliveries].map(digits)]);
      if (target.name === 'relay') goals.push(notDead(dead, `, ${kind}`));
    }
  return {
    title: 'An outage: 100 receipts, delivered up to 10 times',
    columns: ['outage', '', 'calls made', 'function time, ms', 'wrongly dead-lettered', 'deliveries'],
    rows,
    goals,
    notes: [
      `Hang: no answer comes; refuse: the connection is reset; 503: an answer at once. All times are a tenth of the stack’s (${SHORT.requestTimeoutMs} ms a request, ${SHORT.functionMs} ms the function). ${REDRIVE} What the peers could not mark by then is dead, though nothing was wrong with it.`,
    ],
  };
};

/** As the stack sets them, for one instance. */
const OURS = { requestsPerSecond: 80, functionMs: 30_000 };
const ALLOWED = OURS.requestsPerSecond / 2;

export const limit: Scenario = async bench => {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const target of bench.targets) {
    const { marks, seconds, calls, dead } = await deliverAll(bench, target, {
      options: { requestsPerSecond: ALLOWED },
      limits: OURS,
      bodies: () => receiptsOf(600),
      deliveries: Number.POSITIVE_INFINITY,
    });
    const perSecond = marks / seconds;
    rows.push([target.title, ...[perSecond, marks, calls / marks, dead].map(digits)]);
    if (target.name !== 'relay') continue;
    goals.push({ name: 'marks a second against what is allowed', value: perSecond / ALLOWED, atLeast: 0.6 });
    goals.push(notDead(dead));
  }
  return {
    title: `A gateway that allows ${ALLOWED} a second: 600 receipts`,
    columns: ['', 'marks a second', 'marked', 'calls per mark', 'wrongly dead-lettered'],
    rows,
    goals,
    notes: [`One instance, which would send ${OURS.requestsPerSecond} a second. ${REDRIVE}`],
  };
};

const HOUR_MS = 3_600_000;
/** More than one look shows. */
const LONG_CASE = 150;

/** In every second case the other side has written since the person read. */
const lateReceipts = (huawei: Huawei) => {
  const readAt = Date.now() - HOUR_MS;
  return receiptsOf(1000).map((receipt, index) => {
    const before = index % 10 === 1 ? LONG_CASE : 1;
    for (let each = 0; each < before; each++)
      huawei.osm.write(receipt.case_id, { at: readAt - HOUR_MS + each });
    if (index % 2 === 0) huawei.osm.write(receipt.case_id, { at: readAt + HOUR_MS / 2 });
    return { ...receipt, read_at: huawei.osm.read(receipt.case_id, readAt) };
  });
};

export const late: Scenario = async bench => {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const target of bench.targets) {
    const { hidden, marks, back, mostCalls, billedMs, dead } = await deliverAll(bench, target, {
      options: {},
      limits: OURS,
      bodies: lateReceipts,
      deliveries: 1,
    });
    rows.push([target.title, ...[hidden, marks, 1000 - back, back, mostCalls, billedMs / 1000].map(digits)]);
    if (target.name !== 'relay') continue;
    goals.push(
      { name: 'messages hidden unread', value: hidden, atMost: 0 },
      { name: 'most calls of one late receipt', value: mostCalls, atMost: 3 },
      { name: 'time of the batch, in function timeouts', value: billedMs / OURS.functionMs, atMost: 1 },
      notDead(dead),
    );
  }
  return {
    title: `1,000 receipts that come an hour late, at ${OURS.requestsPerSecond} a second`,
    columns: ['', 'messages hidden unread', 'marked', 'settled', 'gone back', 'most calls of one', 'time, s'],
    rows,
    goals,
    notes: [
      `One batch, one instance. In every second case the other side has written since; every tenth holds ${LONG_CASE} messages, more than one look shows. The peers mark whatever comes and keep no pace.`,
    ],
  };
};
