import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { openPlace, startFunction } from '../processes.ts';
import { type Bench, interleaved, medianFor, type Scenario, tableOf } from '../scenario.ts';

/** A tenth of what the stack sets: 5 s a request, 30 s the function, 185 s of visibility, a window of 5 s. */
const LIMITS = { requestTimeoutMs: 500, functionMs: 3000 };
const VisibilityTimeout = '18';
const WINDOW_MS = 500;
/** As the stack allows. */
const INSTANCES = 2;
const BATCH_SIZE = 1000;

const HEALTHY = 500;
const PER_SECOND = 50;
const HANGING = 6;
/** So often each of those cases is read anew. */
const HANGING_EVERY_MS = 2500;
const WAIT_FOR_LAST_MS = 10_000;

/** The wait of the healthy receipts from sending to mark, its 99th percentile; infinite where one never was. */
const p99 = async ({ world }: Bench, { file }: Target, hanging: number) => {
  const sentAt = new Map<string, number>();
  const arrivedAt = new Map<string, number>();
  // What decides on a fault sees every mark as it arrives.
  const hangs = ({ caseId = '' }: { caseId?: string | undefined }) => {
    if (sentAt.has(caseId)) arrivedAt.set(caseId, arrivedAt.get(caseId) ?? performance.now());
    return caseId.startsWith('hanging');
  };
  const options = { faults: [{ does: 'hang' as const, match: hangs }] };
  await using place = await openPlace(world, options, { VisibilityTimeout });
  const { receipts, deadLetters, consumer } = place;
  const isOver = new AbortController();
  const poll = async () => {
    await using running = await startFunction(file, place, LIMITS);
    while (!isOver.signal.aborted) {
      await sleep(WINDOW_MS);
      const records = await consumer.receive(BATCH_SIZE);
      if (records.length === 0) continue;
      const failed = new Set((await running.invoke({ event: { Records: records } })).failed);
      await consumer.remove(records.filter(({ messageId }) => !failed.has(messageId)));
    }
  };
  const polls = Array.from({ length: INSTANCES }, poll);
  const start = performance.now();
  for (let index = 0, rounds = 0; index < HEALTHY; index++) {
    await sleep(Math.max(0, start + (index * 1000) / PER_SECOND - performance.now()));
    if (performance.now() - start >= rounds * HANGING_EVERY_MS) {
      rounds++;
      for (let each = 0; each < hanging; each++) receipts.put(JSON.stringify(receiptOf(`hanging-${each}`)));
    }
    sentAt.set(`healthy-${index}`, performance.now());
    receipts.put(JSON.stringify(receiptOf(`healthy-${index}`)));
  }
  const end = performance.now() + WAIT_FOR_LAST_MS;
  while (arrivedAt.size < HEALTHY && performance.now() < end) await sleep(100);
  isOver.abort();
  await Promise.all(polls);
  const waits = [...sentAt].map(([id, at]) => (arrivedAt.get(id) ?? Number.POSITIVE_INFINITY) - at);
  const waitMs = waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? Number.NaN;
  return { waitMs, dead: deadLetters.all().length };
};

export const hanging: Scenario = async bench => {
  const rounds = Math.ceil(bench.rounds / 5);
  const all = await interleaved({ ...bench, rounds }, async target => ({
    without: await p99(bench, target, 0),
    with: await p99(bench, target, HANGING),
  }));
  type Measured = (typeof all)[number]['runs'][number];
  const times = (run: Measured) => run.with.waitMs / run.without.waitMs;
  const dead = (run: Measured) => run.with.dead;
  return {
    title: `${HANGING} cases that always hang, among healthy ones`,
    ...tableOf(all, {
      'p99 wait of the healthy ones without, ms': run => run.without.waitMs,
      'with, ms': run => run.with.waitMs,
      'with ÷ without': times,
      'dead letters': dead,
    }),
    goals: [
      ['p99 wait of healthy receipts, with ÷ without', medianFor(all, 'relay', times), '≤', 2],
      ['wrongly dead-lettered', medianFor(all, 'relay', dead), '≤', 0],
    ],
    notes: [
      `${PER_SECOND} healthy receipts a second for ${HEALTHY / PER_SECOND} s, and every ${HANGING_EVERY_MS / 1000} s one for each of the ${HANGING} cases, on ${INSTANCES} instances. Time limits, visibility and batching window are a tenth of the stack’s. The wait ends when the mark arrives at Huawei.`,
    ],
  };
};
