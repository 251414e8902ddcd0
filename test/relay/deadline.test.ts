// The function's own deadline: it answers before its end, with what is done acknowledged and the rest reported.
import { jest } from '@jest/globals';
import { useClock } from '../clock.ts';
import { fabricated, receipt, startEnvironment, useEnvironment, VISIBILITY_SECONDS } from '../environment.ts';

useEnvironment();
useClock();

/** Of which 6 s are for calls, half of that for each, so that none starts after the first 2.9 s. */
const REMAINING_MS = 8000;
/** A machine may be busy; what is held up misses this by far. */
const MOST_MS = 3 * REMAINING_MS;
const unlimited = { REQUEST_TIMEOUT_MS: '60000' };
jest.setTimeout(60_000);

const receipts = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => receipt(`${prefix}-${i}`));
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

test('a call gets half of the time for calls: what takes longer is a timeout with its back-off, the others are marked', async () => {
  const environment = await startEnvironment({
    huawei: {
      faults: [
        { does: 'hang', match: { caseId: 'hangs' } },
        { does: 'slow', ms: 4000, match: { caseId: 'slow' } },
      ],
    },
    env: unlimited,
  });
  const { failed, ids, tookMs } = await environment.deliver(
    [receipt('hangs'), receipt('1'), '?', receipt('slow'), receipt('2')],
    REMAINING_MS,
  );
  expect(tookMs).toBeLessThan(MOST_MS);
  expect(failed).toEqual([0, 3]);
  for (const index of failed) expect(environment.hiddenSeconds(ids[index] as string)).toBeLessThanOrEqual(5);
  expect(environment.deadLetters()).toMatchObject([{ failure: { code: 'malformed' } }]);
  expect(environment.counts()).toMatchObject({ marked: 2, timeout: 2, delayed: 2 });
  // The answer to what timed out changes nothing any more.
  const { length } = environment.lines();
  await sleep(1400);
  expect(environment.lines()).toHaveLength(length);
});

test('no call starts that could not get its time: it is reported failed, without a back-off', async () => {
  const environment = await startEnvironment({
    huawei: { latencyMs: 800 },
    env: { ...unlimited, MAX_IN_FLIGHT: '2' },
  });
  const { failed, ids } = await environment.deliver(receipts('c', 12), REMAINING_MS);
  // Four pairs at most: a fifth would start after 3.2 s.
  expect(failed.length).toBeGreaterThanOrEqual(4);
  expect(environment.counts()).toMatchObject({ left: failed.length, delayed: 0, unfinished: failed.length });
  // A deadline is no outage.
  expect(environment.metrics()).not.toHaveProperty('BreakerOpened');
  for (const index of failed)
    expect(environment.hiddenSeconds(ids[index] as string)).toBe(VISIBILITY_SECONDS);
  await sleep(1000);
  expect(environment.marks()).toHaveLength(12 - failed.length);
});

test('a log-in that takes too long holds nothing up', async () => {
  const environment = await startEnvironment({ env: unlimited });
  environment.huawei.iam.revokeTokens();
  environment.huawei.faults.add({ does: 'hang', match: { kind: 'log_in' } });
  const { failed, tookMs } = await environment.deliver([...receipts('c', 3), '?'], 4000);
  expect(tookMs).toBeLessThan(MOST_MS);
  expect(failed).toEqual([0, 1, 2]);
});

test('time that is short already: nothing is called, everything is reported, no throw', async () => {
  const environment = await startEnvironment();
  const records = receipts('c', 3).map(body => fabricated(body));
  for (const remainingMs of [1, 0, -5]) {
    expect((await environment.invoke(records, remainingMs)).batchItemFailures).toEqual(
      records.map(({ messageId }) => ({ itemIdentifier: messageId })),
    );
  }
  expect(environment.marks()).toEqual([]);
  expect(environment.proxy.calls).toEqual([]);
});

test('a rate that is too slow leaves the rest to the queue, and what did not start takes nothing from the next batch', async () => {
  const environment = await startEnvironment({ env: { MAX_REQUESTS_PER_SECOND: '5' } });
  // No call starts after 675 ms.
  expect((await environment.deliver(receipts('a', 100), 2000)).failed).toHaveLength(95);
  expect((await environment.deliver(receipts('b', 5))).failed).toEqual([]);
  expect(environment.marks().map(({ caseId }) => caseId?.[0])).toEqual([...'aaaaabbbbb']);
});
