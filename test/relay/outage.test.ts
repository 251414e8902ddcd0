// A Huawei that is down, slow or refuses connections: the breaker, and connections that died in their sleep.
import { pass, useClock } from '../clock.ts';
import { aged, fabricated, receipt, startEnvironment, useEnvironment } from '../environment.ts';

useEnvironment();
useClock();

const down = { does: 'answer' as const, status: 503, match: { kind: 'mark' as const } };
const receipts = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => fabricated(receipt(`${prefix}-${i}`)));
const oneByOne = { MAX_IN_FLIGHT: '1' };
const failuresOf = async (response: Promise<{ batchItemFailures: object[] }>) =>
  (await response).batchItemFailures.length;

describe('the breaker', () => {
  test('stops calling after a few failures of distinct marks in a row; the rest goes back to the queue', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] }, env: oneByOne });
    const { failed, ids } = await environment.deliver(
      Array.from({ length: 30 }, (_, i) => receipt(`c-${i}`)),
    );
    expect(failed).toHaveLength(30);
    expect(environment.marks().length).toBeGreaterThanOrEqual(3);
    expect(environment.marks().length).toBeLessThanOrEqual(10);
    for (const id of ids) expect(environment.hiddenSeconds(id)).toBeLessThanOrEqual(5);
    expect(environment.deadLetters()).toEqual([]);
    expect(environment.counts()).toMatchObject({ breaker_opened: 1, unavailable: 30 });
  });

  test('while it is open, the next batches make no call, and what is past its age dies of what opened it', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] }, env: oneByOne });
    await environment.invoke(receipts('a', 10));
    environment.huawei.requests.length = 0;
    const { failed } = await environment.deliver([
      receipt('young'),
      { body: receipt('old'), system: aged(86_401) },
      '?',
    ]);
    expect(environment.marks()).toEqual([]);
    expect(failed).toEqual([0]);
    expect(
      environment
        .deadLetters()
        .map(({ failure }) => failure.code)
        .sort(),
    ).toEqual(['malformed', 'unavailable']);
  });

  test('lets one probe through from time to time, however many wait', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] } });
    await environment.invoke(receipts('a', 60));
    environment.huawei.requests.length = 0;
    pass({ minutes: 1 });
    expect(await failuresOf(environment.invoke(receipts('b', 60)))).toBe(60);
    expect(environment.marks()).toHaveLength(1);
    pass({ minutes: 1 });
    expect(await failuresOf(environment.invoke(receipts('c', 60)))).toBe(60);
    expect(environment.marks()).toHaveLength(2);
  });

  test('closes when a probe succeeds: all that waited is marked', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] } });
    await environment.invoke(receipts('a', 60));
    environment.huawei.faults.clear();
    pass({ minutes: 1 });
    expect(await failuresOf(environment.invoke(receipts('b', 60)))).toBe(0);
    expect(environment.huawei.osm.marks).toBe(60);
  });

  test('closes when a probe meets a receipt at fault: the service has answered', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] } });
    await environment.invoke(receipts('a', 60));
    environment.huawei.faults.clear();
    environment.huawei.faults.add({ does: 'error_code', code: 'OSM.01010015', match: { caseId: 'gone' } });
    pass({ minutes: 1 });
    expect(await failuresOf(environment.invoke([fabricated(receipt('gone')), ...receipts('b', 5)]))).toBe(0);
  });

  test('needs as many failures as before to open again', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] }, env: oneByOne });
    await environment.invoke(receipts('a', 10));
    environment.huawei.faults.clear();
    pass({ minutes: 1 });
    await environment.invoke(receipts('b', 1));
    environment.huawei.faults.add({ ...down, match: { caseId: 'bad' } });
    await environment.invoke([fabricated(receipt('bad'))]);
    expect(await failuresOf(environment.invoke(receipts('c', 3)))).toBe(0);
  });

  test('one mark that fails on and on opens nothing: the others go on', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ ...down, match: { caseId: 'bad' } }] },
      env: oneByOne,
    });
    for (let i = 0; i < 12; i++) await environment.invoke([fabricated(receipt('bad'))]);
    expect(environment.marks()).toHaveLength(12);
    expect(await failuresOf(environment.invoke([fabricated(receipt('bad')), ...receipts('b', 3)]))).toBe(1);
    expect(environment.marks()).toHaveLength(16);
  });

  test('a success in between starts the count anew', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ ...down, match: ({ caseId }) => caseId?.startsWith('bad') ?? false }] },
      env: oneByOne,
    });
    const records = Array.from({ length: 12 }, (_, i) => [
      fabricated(receipt(`bad-${i}`)),
      fabricated(receipt(`good-${i}`)),
    ]);
    expect(await failuresOf(environment.invoke(records.flat()))).toBe(12);
    expect(environment.marks()).toHaveLength(24);
  });

  test('receipts at fault open nothing, however many', async () => {
    const environment = await startEnvironment({ huawei: { openCases: false }, env: oneByOne });
    expect(await failuresOf(environment.invoke(receipts('gone', 20)))).toBe(0);
    expect(environment.marks()).toHaveLength(20);
    expect(environment.deadLetters()).toHaveLength(20);
  });

  test.each([
    ['a refused connection', undefined],
    ['a hang', { does: 'hang' as const, match: { kind: 'mark' as const } }],
    ['a rate limit', { does: 'retry_after' as const, after: 30, match: { kind: 'mark' as const } }],
    ['a 494', { does: 'answer' as const, status: 494, match: { kind: 'mark' as const } }],
    ['a 401 that no token cures', { does: 'answer' as const, status: 401, match: { kind: 'mark' as const } }],
  ])('opens at %s too', async (_, fault) => {
    const environment = await startEnvironment({
      huawei: { faults: fault ? [fault] : [] },
      env: { ...oneByOne, REQUEST_TIMEOUT_MS: '100' },
    });
    if (!fault) {
      await environment.invoke(receipts('before', 1));
      await environment.huawei.down();
    }
    expect(await failuresOf(environment.invoke(receipts('c', 40)))).toBe(40);
    expect(environment.metrics().Calls).toBeLessThan(20);
    expect(environment.metrics().BreakerOpened).toBe(1);
  });

  test('calls that the deadline cut say nothing about the service', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'hang', times: 20, match: { kind: 'mark' } }] },
    });
    await environment.invoke(receipts('a', 20), 300);
    expect(await failuresOf(environment.invoke(receipts('b', 20)))).toBe(0);
  });

  test('a probe that the deadline cut does not keep it open for good', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] }, env: oneByOne });
    await environment.invoke(receipts('a', 10));
    environment.huawei.faults.clear();
    environment.huawei.faults.add({ does: 'hang', times: 1, match: { kind: 'mark' } });
    pass({ minutes: 1 });
    expect(await failuresOf(environment.invoke(receipts('b', 3), 300))).toBe(3);
    pass({ minutes: 2 });
    expect(await failuresOf(environment.invoke(receipts('c', 3)))).toBe(0);
  });
});

describe('connections', () => {
  test('are kept from one invocation to the next', async () => {
    const environment = await startEnvironment();
    await environment.invoke(receipts('a', 1));
    const { connections } = environment.huawei.state();
    for (let i = 0; i < 5; i++) await environment.invoke(receipts(`b${i}`, 1));
    expect(environment.huawei.state().connections).toBe(connections);
  });

  test('that died while the function was frozen cost nothing: every receipt is marked', async () => {
    const environment = await startEnvironment();
    await environment.invoke(receipts('a', 20));
    environment.huawei.dropConnections('idle');
    expect(await failuresOf(environment.invoke(receipts('b', 20)))).toBe(0);
  });

  test('kept ones that break before any answer: each mark is repeated once, on a fresh one', async () => {
    const environment = await startEnvironment();
    await environment.invoke(receipts('a', 20));
    environment.huawei.requests.length = 0;
    environment.huawei.faults.add({ does: 'reset', times: 20, match: { kind: 'mark' } });
    expect(await failuresOf(environment.invoke(receipts('b', 20)))).toBe(0);
    expect(environment.marks()).toHaveLength(40);
  });

  test('a fresh one that breaks is not repeated', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'reset', match: { kind: 'mark' } }] },
    });
    expect(await failuresOf(environment.invoke(receipts('a', 1)))).toBe(1);
    expect(environment.marks()).toHaveLength(1);
  });

  test('a kept one that breaks, then a fresh one that breaks: no third try', async () => {
    const environment = await startEnvironment();
    await environment.invoke(receipts('a', 1));
    environment.huawei.requests.length = 0;
    environment.huawei.faults.add({ does: 'reset', match: { kind: 'mark' } });
    expect(await failuresOf(environment.invoke(receipts('b', 1)))).toBe(1);
    expect(environment.marks()).toHaveLength(2);
  });

  test('a kept one that breaks after the answer began is not repeated', async () => {
    const environment = await startEnvironment();
    await environment.invoke(receipts('a', 1));
    environment.huawei.requests.length = 0;
    environment.huawei.faults.add({ does: 'half', match: { kind: 'mark' } });
    expect(await failuresOf(environment.invoke(receipts('b', 1)))).toBe(1);
    expect(environment.marks()).toHaveLength(1);
  });

  test('a timeout on a kept one is not repeated', async () => {
    const environment = await startEnvironment({ env: { REQUEST_TIMEOUT_MS: '150' } });
    await environment.invoke(receipts('a', 1));
    environment.huawei.requests.length = 0;
    environment.huawei.faults.add({ does: 'hang', match: { kind: 'mark' } });
    expect(await failuresOf(environment.invoke(receipts('b', 1)))).toBe(1);
    expect(environment.marks()).toHaveLength(1);
  });

  test('both repeats may be needed by one mark: a dead connection, then a dead token', async () => {
    const environment = await startEnvironment();
    await environment.invoke(receipts('a', 1));
    environment.huawei.requests.length = 0;
    environment.huawei.iam.revokeTokens();
    environment.huawei.faults.add({ does: 'reset', times: 1, match: { kind: 'mark' } });
    expect(await failuresOf(environment.invoke(receipts('b', 1)))).toBe(0);
    expect(environment.marks().map(({ status }) => status)).toEqual([undefined, 401, 200]);
  });
});
