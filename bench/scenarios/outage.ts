// An outage at Huawei's end: what is called meanwhile, and what is dead afterwards.
import { SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Fault } from '../../local/huawei/faults.ts';
import type { Target } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { openPlace, startFunction } from '../processes.ts';
import type { Bench, Goal, Scenario } from '../scenario.ts';
import { digits } from '../stats.ts';

const RECEIPTS = 100;
/** At most so many; what is left then stays. */
const DELIVERIES = 10;
/** A tenth of what the stack sets, so that the bench ends today. */
const LIMITS = { requestTimeoutMs: 500, functionMs: 3000 };
/** What AWS asks for at least with a function as the consumer; ours dead-letters by itself. */
const PEERS_RECEIVES = 5;
/** Longer than the scenario: nothing comes back by itself. */
const VisibilityTimeout = '3600';

const match = { kind: 'mark' } as const;
const outages: Record<string, Fault> = {
  hang: { does: 'hang', match },
  refuse: { does: 'reset', match },
  '503': { does: 'answer', status: 503, body: 'Service Unavailable', match },
};

const deliverAll = async ({ world }: Bench, target: Target, fault: Fault) => {
  const options = { faults: [fault], keepsRequests: true };
  await using place = await openPlace(world, options, { VisibilityTimeout });
  const { consumer, deadLetters, huawei, receipts, variables } = place;
  if (target.name !== 'relay') {
    const policy = { deadLetterTargetArn: deadLetters.arn, maxReceiveCount: PEERS_RECEIVES };
    const Attributes = { RedrivePolicy: JSON.stringify(policy) };
    await world.client.send(new SetQueueAttributesCommand({ QueueUrl: variables.QUEUE_URL, Attributes }));
  }
  for (let index = 0; index < RECEIPTS; index++) receipts.put(JSON.stringify(receiptOf(`case-${index}`)));
  await using running = await startFunction(target.file, place, LIMITS);
  let [billedMs, deliveries] = [0, 0];
  for (; deliveries < DELIVERIES; deliveries++) {
    const records = await consumer.receive();
    if (records.length === 0) break;
    const run = await running.invoke({ event: { Records: records } });
    billedMs += run.ms;
    const failed = new Set(run.failed);
    await consumer.remove(records.filter(({ messageId }) => !failed.has(messageId)));
    await consumer.show(records.filter(({ messageId }) => failed.has(messageId)));
  }
  const calls = huawei.requests.filter(({ kind }) => kind === 'mark').length;
  return { calls, billedMs, dead: deadLetters.all().length, deliveries };
};

export const outage: Scenario = async bench => {
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [kind, fault] of Object.entries(outages))
    for (const target of bench.targets) {
      const { calls, billedMs, dead, deliveries } = await deliverAll(bench, target, fault);
      rows.push([kind, target.title, ...[calls, billedMs, dead, deliveries].map(digits)]);
      if (target.name === 'relay') goals.push([`wrongly dead-lettered, ${kind}`, dead, '≤', 0]);
    }
  return {
    title: `An outage: ${RECEIPTS} receipts, delivered up to ${DELIVERIES} times`,
    columns: ['outage', '', 'calls made', 'function time, ms', 'wrongly dead-lettered', 'deliveries'],
    rows,
    goals,
    notes: [
      `Hang: no answer comes; refuse: the connection is reset; 503: an answer at once. All times are a tenth of the stack’s (${LIMITS.requestTimeoutMs} ms a request, ${LIMITS.functionMs} ms the function). The peers’ queue has a redrive policy of ${PEERS_RECEIVES} receives, AWS’s advice; ours writes its dead letters itself. What failed is delivered again at once, where in truth a back-off (ours) or a visibility timeout (theirs) lies between. What the peers could not mark by then is dead, though nothing was wrong with it.`,
    ],
  };
};
