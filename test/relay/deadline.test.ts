// The function's own deadline: it answers before its end, with what is done acknowledged and the rest reported.
import { type Environment, fabricated, receipt, startEnvironment, useEnvironment } from '../environment.ts';

useEnvironment();

const receipts = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => fabricated(receipt(`${prefix}-${i}`)));
const idsOf = (response: { batchItemFailures: { itemIdentifier: string }[] }) =>
  response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);

/** The first dead letter loads the SQS client, which takes its time on a busy machine. */
const warmUp = async (environment: Environment) => {
  await environment.invoke([fabricated('?')]);
  environment.clear();
};

/** For a machine that is busy with other tests; a deadline that is not kept misses it by seconds. */
const GRACE_MS = 500;

const timed = async <T>(work: Promise<T>) => {
  const start = performance.now();
  return { result: await work, tookMs: performance.now() - start };
};

test('a call gets half of the time for calls: what hangs is a timeout with its back-off, the others are marked', async () => {
  const environment = await startEnvironment();
  await warmUp(environment);
  environment.huawei.faults.add({
    does: 'hang',
    match: ({ caseId }) => caseId?.startsWith('hangs') ?? false,
  });
  const { failed, tookMs } = await environment.deliver(
    [receipt('hangs-1'), receipt('1'), '?', receipt('hangs-2'), receipt('2')],
    2000,
  );
  expect(tookMs).toBeLessThan(2000 + GRACE_MS);
  expect(failed).toEqual([0, 3]);
  expect(environment.deadLetters()).toMatchObject([{ failure: { code: 'malformed' } }]);
  expect(environment.counts()).toMatchObject({ marked: 2, timeout: 2, delayed: 2 });
});

test('it stops starting calls in time', async () => {
  const environment = await startEnvironment({ huawei: { latencyMs: 50 }, env: { MAX_IN_FLIGHT: '2' } });
  const records = receipts('c', 200);
  const { result, tookMs } = await timed(environment.invoke(records, 800));
  expect(tookMs).toBeLessThan(800 + GRACE_MS);
  const marked = environment.huawei.osm.marks;
  expect(marked).toBeGreaterThan(4);
  // Two in flight may have been cut when Huawei had marked them already.
  expect(idsOf(result).length).toBeGreaterThanOrEqual(records.length - marked);
  expect(idsOf(result).length).toBeLessThanOrEqual(records.length - marked + 2);
  // What was cut on its way has arrived by then.
  await new Promise(resolve => setTimeout(resolve, 50));
  const calls = environment.marks().length;
  await new Promise(resolve => setTimeout(resolve, 150));
  expect(environment.marks().length).toBe(calls);
});

test.each([
  ['a log-in', { does: 'hang' as const, match: { kind: 'log_in' as const } }],
  ['a trickling answer', { does: 'trickle' as const, msPerByte: 2000, match: { kind: 'mark' as const } }],
])('%s that takes too long holds nothing up', async (_, fault) => {
  const environment = await startEnvironment();
  await warmUp(environment);
  if (fault.match.kind === 'log_in') environment.huawei.iam.revokeTokens();
  environment.huawei.faults.add(fault);
  const records = [...receipts('c', 3), fabricated('?')];
  const { result, tookMs } = await timed(environment.invoke(records, 2000));
  expect(tookMs).toBeLessThan(2000 + GRACE_MS);
  expect(idsOf(result)).toEqual(records.slice(0, 3).map(({ messageId }) => messageId));
});

test('time that is short already: nothing is called, everything is reported, no throw', async () => {
  const environment = await startEnvironment();
  const records = receipts('c', 3);
  for (const remainingMs of [1, 0, -5]) {
    expect(idsOf(await environment.invoke(records, remainingMs))).toEqual(
      records.map(each => each.messageId),
    );
  }
  expect(environment.marks()).toEqual([]);
  expect(environment.proxy.calls).toEqual([]);
});

test('a rate that is too slow for the batch leaves the rest to the queue', async () => {
  const environment = await startEnvironment({ env: { MAX_REQUESTS_PER_SECOND: '5' } });
  const { result, tookMs } = await timed(environment.invoke(receipts('c', 20), 700));
  expect(tookMs).toBeLessThan(700 + GRACE_MS);
  expect(idsOf(result)).toHaveLength(15);
});

test('calls that were never started take nothing from the next invocation', async () => {
  const environment = await startEnvironment({ env: { MAX_REQUESTS_PER_SECOND: '5' } });
  await environment.invoke(receipts('a', 60), 900);
  expect(environment.marks()).toHaveLength(5);
  const { result, tookMs } = await timed(environment.invoke(receipts('b', 5), 4000));
  expect(idsOf(result)).toEqual([]);
  expect(tookMs).toBeLessThan(2500);
});

test('calls that timed out do not spoil the next invocation', async () => {
  const environment = await startEnvironment({
    huawei: { faults: [{ does: 'hang', times: 60, match: { kind: 'mark' } }] },
  });
  const first = receipts('a', 60);
  expect(idsOf(await environment.invoke(first, 400))).toHaveLength(60);
  environment.huawei.faults.clear();
  const { result, tookMs } = await timed(environment.invoke(first, 4000));
  expect(idsOf(result)).toEqual([]);
  expect(tookMs).toBeLessThan(2500);
});

test('no call starts that could not get its time: it is reported failed, without a back-off', async () => {
  const environment = await startEnvironment({
    huawei: { latencyMs: 400 },
    env: { MAX_IN_FLIGHT: '2', REQUEST_TIMEOUT_MS: '60000' },
  });
  await warmUp(environment);
  // 1.5 s for calls, so 750 ms for each: a third pair would start too late.
  const { failed, ids } = await environment.deliver(
    ['1', '2', '3', '4', '5', '6'].map(each => receipt(each)),
    2000,
  );
  expect(failed.length).toBeGreaterThanOrEqual(2);
  expect(environment.counts()).toMatchObject({ left: failed.length, delayed: 0 });
  expect(environment.counts()).not.toHaveProperty('timeout');
  for (const index of failed) expect(environment.hiddenSeconds(ids[index] as string)).toBeGreaterThan(60);
  expect(environment.marks()).toHaveLength(6 - failed.length);
});

test('the answer to a call that timed out changes nothing any more', async () => {
  const environment = await startEnvironment({
    huawei: { faults: [{ does: 'slow', ms: 450, match: { caseId: 'slow' } }] },
  });
  const { failed } = await environment.deliver([receipt('slow'), receipt('1')], 500);
  expect(failed).toEqual([0]);
  await new Promise(resolve => setTimeout(resolve, 150));
  const lines = environment.lines().filter(({ message }) => String(message).startsWith('receipt.'));
  expect(lines.map(({ message, case_id }) => [message, case_id])).toEqual([
    ['receipt.delayed', 'slow'],
    ['receipt.marked', '1'],
  ]);
});

test('function time that is long is used: the deadline does not cut what has time', async () => {
  const environment = await startEnvironment({ huawei: { latencyMs: 600 } });
  const { result } = await timed(environment.invoke(receipts('c', 3), 6000));
  expect(idsOf(result)).toEqual([]);
});
