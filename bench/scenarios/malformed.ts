import { type TargetName, targets } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { loadOf, startAws, startFunction, startHuawei } from '../processes.ts';
import { createQueues } from '../queue.ts';
import { type Bench, type Scenario, titleOf } from '../scenario.ts';
import { digits } from '../stats.ts';

const RECEIPTS = 100;
/** What AWS asks for at least with a function as the consumer. */
export const PEERS_RECEIVES = 5;
/** resources/queues.yml: our function dead-letters by itself, redrive is the net. */
export const OUR_RECEIVES = 500;

export const receivesOf = (name: TargetName): number => (name === 'relay' ? OUR_RECEIVES : PEERS_RECEIVES);

const MALFORMED = [
  'not json',
  '{"case_id":',
  '[]',
  'null',
  '{"case":"42"}',
  '{"case_id":42}',
  '{"case_id":""}',
  '{"case_id":"x","read_at":"yesterday"}',
  '',
  '"text"',
];
/** SQS takes no empty body. */
const bodyOf = (index: number): string => MALFORMED[(index / 10) % MALFORMED.length] || ' ';

export const malformed: Scenario = async (bench: Bench) => {
  await using aws = await startAws();
  const bodies = Array.from({ length: RECEIPTS }, (_, index) =>
    index % 10 === 0 ? bodyOf(index) : JSON.stringify(receiptOf(`malformed-${index}`)),
  );
  const healthy = bodies.length * 0.9;
  const rows: string[][] = [];
  let ours = { lost: Number.NaN, others: Number.NaN, unexplained: Number.NaN };
  for (const { name, file } of targets) {
    bench.progress(titleOf(name));
    await using huawei = await startHuawei();
    const queues = await createQueues(aws.sqs, `malformed-${name}`, receivesOf(name));
    await queues.send(bodies);
    await using running = await startFunction(file, {
      huawei: huawei.url,
      secrets: bench.secrets.url,
      sqs: aws.sqs,
      ...queues,
    });
    let invocations = 0;
    let others = 0;
    for (;;) {
      const delivered = await queues.deliver(running);
      if (!delivered) break;
      invocations++;
      others += delivered.left.filter(({ body }) => body.includes('malformed-')).length;
    }
    const letters = await queues.receiveDeadLetters();
    queues.close();
    const { marks } = await loadOf(huawei);
    const explained = letters.filter(({ messageAttributes }) => messageAttributes.failure).length;
    const lost = bodies.length - healthy - letters.length + (healthy - marks);
    if (name === 'relay') ours = { lost, others, unexplained: letters.length - explained };
    rows.push([titleOf(name), ...[lost, others, letters.length, explained, invocations].map(digits)]);
  }
  return {
    title: 'A batch of 100 in which 1 in 10 is malformed',
    columns: [
      '',
      'lost',
      'healthy ones failed',
      'dead letters',
      'of them with a reason',
      'invocations until all was settled',
    ],
    rows,
    goals: [
      { name: 'messages lost', value: ours.lost, atMost: 0 },
      { name: 'failed for others’ fault', value: ours.others, atMost: 0 },
      { name: 'dead letters without a reason', value: ours.unexplained, atMost: 0 },
    ],
    notes: [
      `Real queues with redrive after ${PEERS_RECEIVES} receives for the peers (AWS’s advice) and ${OUR_RECEIVES} for ours, which writes its dead letters itself. With the usual visibility timeout of six times 30 s the peers’ dead letters come after ${((PEERS_RECEIVES - 1) * 180) / 60} minutes and more.`,
    ],
  };
};
