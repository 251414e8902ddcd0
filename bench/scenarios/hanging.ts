import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { openPlace, startFunction } from '../processes.ts';
import { type Bench, interleaved, medianFor, rowsOf, type Scenario } from '../scenario.ts';
import { digits, medianOf, spread, spreadOf } from '../stats.ts';

/** A tenth of what the stack sets: 5 s a request, 30 s the function, 185 s of visibility, a window of 5 s. */
const LIMITS = { requestTimeoutMs: 500, functionMs: 3000 };
const VISIBILITY_SECONDS = 18;
const WINDOW_MS = 500;
/** As the stack allows. */
const INSTANCES = 2;

const HEALTHY = 500;
const PER_SECOND = 50;
const HANGING = 6;
/** So often each of those cases is read anew. */
const HANGING_EVERY_MS = 2500;
const WAIT_FOR_LAST_MS = 10_000;

const now = () => performance.timeOrigin + performance.now();

/** The wait of the healthy receipts from sending to mark, its 99th percentile; infinite where one never was. */
const p99 = async ({ world }: Bench, { file }: Target, hanging: number) => {
  await using place = await openPlace(world, {
    keepsRequests: true,
    faults: [{ does: 'hang', match: ({ caseId }) => caseId?.startsWith('hanging') ?? false }],
  });
  const { receipts, deadLetters, consumer, huawei } = place;
  const isOver = new AbortController();
  const poll = async () => {
    await using running = await startFunction(file, place, LIMITS);
    while (!isOver.signal.aborted) {
      await sleep(WINDOW_MS);
      const records = await consumer.receiveAll({ most: 1000, visibilitySeconds: VISIBILITY_SECONDS });
      if (records.length === 0) continue;
      const failed = new Set((await running.invoke({ records })).failed);
      await consumer.remove(records.filter(({ messageId }) => !failed.has(messageId)));
    }
  };
  const polls = Array.from({ length: INSTANCES }, poll);
  const sentAt = new Map<string, number>();
  const start = now();
  for (let index = 0, rounds = 0; index < HEALTHY; index++) {
    await sleep(Math.max(0, start + (index * 1000) / PER_SECOND - now()));
    if (now() - start >= rounds * HANGING_EVERY_MS) {
      rounds++;
      for (let each = 0; each < hanging; each++) receipts.put(JSON.stringify(receiptOf(`hanging-${each}`)));
    }
    sentAt.set(`healthy-${index}`, now());
    receipts.put(JSON.stringify(receiptOf(`healthy-${index}`)));
  }
  const end = now() + WAIT_FOR_LAST_MS;
  while (huawei.osm.marks < HEALTHY && now() < end) await sleep(100);
  isOver.abort();
  await Promise.all(polls);
  const markedAt = new Map(
    huawei.requests.filter(({ marked }) => marked).map(({ caseId, at }) => [caseId, at]),
  );
  const waits = [...sentAt].map(([id, at]) => (markedAt.get(id) ?? Number.POSITIVE_INFINITY) - at);
  const waitMs = waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? Number.NaN;
  return { waitMs, dead: deadLetters.all().length };
};

export const hanging: Scenario = async bench => {
  const rounds = Math.ceil(bench.rounds / 5);
  const all = await interleaved({ ...bench, rounds }, async target => ({
    without: await p99(bench, target, 0),
    with: await p99(bench, target, HANGING),
  }));
  const times = (run: (typeof all)[number]['runs'][number]) => run.with.waitMs / run.without.waitMs;
  return {
    title: `${HANGING} cases that always hang, among healthy ones`,
    columns: ['', 'p99 wait of the healthy ones without, ms', 'with, ms', 'with ÷ without', 'dead letters'],
    rows: rowsOf(
      all,
      runs => spread(spreadOf(runs.map(run => run.without.waitMs))),
      runs => spread(spreadOf(runs.map(run => run.with.waitMs))),
      runs => spread(spreadOf(runs.map(times))),
      runs => digits(medianOf(runs.map(run => run.with.dead))),
    ),
    goals: [
      {
        name: 'p99 wait of healthy receipts, with ÷ without',
        value: medianFor(all, 'relay', times),
        atMost: 2,
      },
      { name: 'wrongly dead-lettered', value: medianFor(all, 'relay', run => run.with.dead), atMost: 0 },
    ],
    notes: [
      `${PER_SECOND} healthy receipts a second for ${HEALTHY / PER_SECOND} s, and every ${HANGING_EVERY_MS / 1000} s one for each of the ${HANGING} cases, on ${INSTANCES} instances. Time limits, visibility and batching window are a tenth of the stack’s. The wait ends when the mark arrives at Huawei.`,
    ],
  };
};
