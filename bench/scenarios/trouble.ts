// Trouble at Huawei's end: an outage, and a gateway that allows less than we send.
import { SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Fault } from '../../local/huawei/faults.ts';
import type { HuaweiOptions } from '../../local/huawei/options.ts';
import type { Target } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { type Limits, openPlace, startFunction } from '../processes.ts';
import type { Bench, Goal, Scenario } from '../scenario.ts';
import { digits } from '../stats.ts';

/** What AWS asks for at least with a function as the consumer; ours dead-letters by itself. */
const PEERS_RECEIVES = 5;
const REDRIVE = `The peers’ queue has a redrive policy of ${PEERS_RECEIVES} receives, AWS’s advice; ours writes its dead letters itself. What failed is delivered again at once, where in truth a back-off (ours) or a visibility timeout (theirs) lies between.`;
/** Longer than any scenario: nothing comes back by itself. */
const VisibilityTimeout = '3600';

interface Course {
  receipts: number;
  /** At most so many; what is left then stays. */
  deliveries: number;
  huawei: HuaweiOptions;
  limits: Limits;
}

const deliverAll = async ({ world }: Bench, target: Target, course: Course) => {
  const options = { ...course.huawei, keepsRequests: true };
  await using place = await openPlace(world, options, { VisibilityTimeout });
  const { consumer, deadLetters, huawei, receipts, variables } = place;
  if (target.name === 'middy' || target.name === 'powertools') {
    const policy = { deadLetterTargetArn: deadLetters.arn, maxReceiveCount: PEERS_RECEIVES };
    const Attributes = { RedrivePolicy: JSON.stringify(policy) };
    await world.client.send(new SetQueueAttributesCommand({ QueueUrl: variables.QUEUE_URL, Attributes }));
  }
  for (let index = 0; index < course.receipts; index++)
    receipts.put(JSON.stringify(receiptOf(`case-${index}`)));
  await using running = await startFunction(target.file, place, course.limits);
  let [billedMs, deliveries] = [0, 0];
  const start = performance.now();
  for (; deliveries < course.deliveries; deliveries++) {
    const records = await consumer.receive();
    if (records.length === 0) break;
    const run = await running.invoke({ event: { Records: records } });
    billedMs += run.ms;
    const failed = new Set(run.failed);
    await consumer.remove(records.filter(({ messageId }) => !failed.has(messageId)));
    await consumer.show(records.filter(({ messageId }) => failed.has(messageId)));
  }
  const seconds = (performance.now() - start) / 1000;
  const calls = huawei.requests.filter(({ kind }) => kind === 'mark').length;
  const { marks } = huawei.osm;
  return { calls, marks, perSecond: marks / seconds, billedMs, deliveries, dead: deadLetters.all().length };
};

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
        receipts: 100,
        deliveries: 10,
        huawei: { faults: [fault] },
        limits: SHORT,
      });
      rows.push([kind, target.title, ...[calls, billedMs, dead, deliveries].map(digits)]);
      if (target.name === 'relay') goals.push([`wrongly dead-lettered, ${kind}`, dead, '≤', 0]);
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
    const { marks, perSecond, calls, dead } = await deliverAll(bench, target, {
      receipts: 600,
      deliveries: Number.POSITIVE_INFINITY,
      huawei: { requestsPerSecond: ALLOWED },
      limits: OURS,
    });
    rows.push([target.title, ...[perSecond, marks, calls / marks, dead].map(digits)]);
    if (target.name !== 'relay') continue;
    goals.push(['marks a second against what is allowed', perSecond / ALLOWED, '≥', 0.6]);
    goals.push(['wrongly dead-lettered', dead, '≤', 0]);
  }
  return {
    title: `A gateway that allows ${ALLOWED} a second: 600 receipts`,
    columns: ['', 'marks a second', 'marked', 'calls per mark', 'wrongly dead-lettered'],
    rows,
    goals,
    notes: [`One instance, which would send ${OURS.requestsPerSecond} a second. ${REDRIVE}`],
  };
};
