import { targets } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { loadOf, type Service, startAws, startFunction, startHuawei } from '../processes.ts';
import { createQueues } from '../queue.ts';
import { type Bench, type Goal, type Scenario, titleOf } from '../scenario.ts';
import { digits } from '../stats.ts';
import { receivesOf } from './malformed.ts';

const BATCHES = 10;
const RECEIPTS = 100;
/** A tenth of what the stack sets (5 s a request, 30 s the function), so that the bench ends today. */
const SCALE = 10;
const REQUEST_TIMEOUT_MS = 5000 / SCALE;
const FUNCTION_MS = 30_000 / SCALE;

const outages = {
  hang: { does: 'hang', match: { kind: 'mark' } },
  refuse: { does: 'reset', match: { kind: 'mark' } },
  '503': { does: 'answer', status: 503, body: 'Service Unavailable', match: { kind: 'mark' } },
} as const;

export const outage: Scenario = async (bench: Bench) => {
  await using aws = await startAws();
  const rows: string[][] = [];
  const goals: Goal[] = [];
  for (const [kind, fault] of Object.entries(outages)) {
    for (const { name, file, title } of targets) {
      bench.progress(`${kind}, ${title}`);
      await using huawei: Service = await startHuawei({ faults: [fault] });
      const queues = await createQueues(aws.sqs, `outage-${kind}-${name}`, receivesOf(name));
      await queues.send(Array.from({ length: RECEIPTS }, (_, i) => JSON.stringify(receiptOf(`outage-${i}`))));
      const calls = async () => {
        const { requests, logIns } = await loadOf(huawei);
        return requests - logIns;
      };
      let billedMs = 0;
      let batches = 0;
      {
        await using running = await startFunction(file, {
          huawei: huawei.url,
          secrets: bench.secrets.url,
          sqs: aws.sqs,
          requestTimeoutMs: REQUEST_TIMEOUT_MS,
          functionMs: FUNCTION_MS,
          ...queues,
        });
        for (; batches < BATCHES; batches++) {
          const delivered = await queues.deliver(running);
          if (!delivered) break;
          billedMs += delivered.run.ms;
        }
      }
      const dead = (await queues.receiveDeadLetters()).length;
      queues.close();
      const made = await calls();
      rows.push([kind, titleOf(name), ...[made, billedMs, dead, batches].map(digits)]);
      if (name === 'relay') goals.push({ name: `wrongly dead-lettered, ${kind}`, value: dead, atMost: 0 });
    }
  }
  return {
    title: `An outage: 100 receipts, delivered up to ${BATCHES} times`,
    columns: ['outage', '', 'calls made', 'function time, ms', 'wrongly dead-lettered', 'deliveries'],
    rows,
    goals,
    notes: [
      `Hang: no answer comes; refuse: the connection is reset; 503: an answer at once. All times are a tenth of the stack’s (${REQUEST_TIMEOUT_MS} ms a request, ${FUNCTION_MS} ms the function), and the deliveries follow each other at once, where in truth a back-off (ours) or a visibility timeout (theirs) lies between them; the same redrive as above. What the peers could not mark in ${receivesOf('middy')} receives is dead, though nothing was wrong with it.`,
    ],
  };
};
