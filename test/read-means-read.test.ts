// Thousands of receipts over hours, with messages that come at any time, outages, and replays of what they left
// dead: no mark ever clears a message that nobody has read. The clock is the test's, everything else is real.

import { jest } from '@jest/globals';
import { createReplay } from '../lib/dead-letters/replay.ts';
import { createQueue } from '../lib/sqs/queue.ts';
import type { Listing } from '../local/huawei/osm/message-list.ts';
import { createRandom } from '../simulation/engine/random.ts';
import { useClock } from './clock.ts';
import { receipt, startEnvironment, useEnvironment } from './environment.ts';

const SEED = 7;
const CASES = 150;
const ROUNDS = 34;
const RECEIPTS_A_ROUND = 60;
const MESSAGES_A_ROUND = 70;
const MINUTE_MS = 60_000;
/** Rounds of three quarters of an hour in which no mark succeeds. */
const OUTAGES = [9, 10, 11, 26, 27, 28];
/** An hour instead of a day, so that outages leave letters dead. */
const MAX_AGE_SECONDS = 3600;

useEnvironment();
useClock();

const listings: Partial<Listing>[] = [
  {},
  { order: 'ascending', offset: 'none' },
  { offset: '+08:00', fraction: 3, separator: ' ' },
  { order: 'ascending', offset: '+0800', fraction: 6 },
];

test('through outages and replays, what nobody has read stays unread, and the rest is marked', async () => {
  const dice = createRandom(SEED, 'test');
  const below = (limit: number) => dice.int(0, limit - 1);
  const ids = Array.from({ length: CASES }, (_, index) => `case-${index}`);
  const environment = await startEnvironment({
    huawei: { cases: Object.fromEntries(ids.map(id => [id, { unread: 0 }])), keepsRequests: false },
    env: {
      // Every receipt is late as soon as any time has passed: nothing is excused.
      LATE_AFTER_SECONDS: '0',
      MAX_AGE_SECONDS: String(MAX_AGE_SECONDS),
      MAX_REQUESTS_PER_SECOND: '100000',
    },
  });
  const { huawei, receipts, consumer } = environment;
  const replay = createReplay({
    source: createQueue(process.env.QUEUE_URL as string, { maxAttempts: 1 }),
    deadLetters: createQueue(process.env.DEAD_LETTER_QUEUE_URL as string),
  });

  /** People read and write, in the order of time; the app may send the receipt a while after the reading. */
  const live = (forMs: number) => {
    const start = Date.now();
    const happenings = [
      ...Array.from({ length: MESSAGES_A_ROUND }, () => () => {
        huawei.osm.write(dice.pick(ids), { own: below(4) === 0 });
      }),
      ...Array.from({ length: RECEIPTS_A_ROUND }, () => () => {
        const id = dice.pick(ids);
        receipts.put(receipt(id, { read_at: huawei.osm.read(id) }));
      }),
    ].map(happens => ({ happens, at: start + below(forMs) }));
    for (const { happens, at } of happenings.sort((a, b) => a.at - b.at)) {
      jest.setSystemTime(at);
      happens();
    }
    jest.setSystemTime(start + forMs);
  };
  const takeBatches = async () => {
    for (;;) {
      const records = await consumer.receive(1000);
      if (records.length === 0) return;
      const { batchItemFailures } = await environment.invoke(records);
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      await consumer.remove(records.filter(({ messageId }) => !failed.has(messageId)));
    }
  };
  let replayed = 0;

  for (let round = 1; round <= ROUNDS; round++) {
    const isDown = OUTAGES.includes(round);
    live(isDown ? 45 * MINUTE_MS : below(20 * MINUTE_MS) + 1000);
    huawei.osm.list(dice.pick(listings));
    huawei.faults.clear();
    const kind = isDown ? 'mark' : dice.pick(['mark', 'messages', undefined] as const);
    const does = isDown ? 'html502' : dice.pick(['html502', 'reset', 'half'] as const);
    const times = isDown ? Number.POSITIVE_INFINITY : below(40);
    if (kind) huawei.faults.add({ does, times, match: { kind } });
    await takeBatches();
    if (round % 16 === 0) replayed += (await replay({ filter: { max_replays: 100 } })).counts.replayed;
  }
  expect(huawei.osm.hidden()).toEqual([]);

  huawei.faults.clear();
  for (const id of ids) receipts.put(receipt(id, { read_at: huawei.osm.read(id) }));
  for (let attempt = 0; receipts.all().length > 0 && attempt < 50; attempt++) {
    await takeBatches();
    jest.setSystemTime(Date.now() + 15 * MINUTE_MS);
  }
  expect(receipts.all()).toEqual([]);
  expect(huawei.osm.hidden()).toEqual([]);
  expect(ids.filter(id => huawei.osm.unread(id) !== 0)).toEqual([]);
  // It went through all that it speaks of.
  expect(replayed).toBeGreaterThan(20);
  const { Superseded = 0, Marked = 0 } = environment.metrics();
  expect(Superseded).toBeGreaterThan(100);
  expect(Marked).toBeGreaterThan(500);
}, 300_000);
