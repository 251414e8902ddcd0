// A Huawei that is down, slow or odd for a few cases: the breaker, and connections that ended while the function was frozen.
import type { Fault } from '../../local/huawei/faults.ts';
import { pass, useClock } from '../clock.ts';
import { aged, batchOf, receipt, startEnvironment, useEnvironment } from '../environment.ts';

useEnvironment();
useClock();

const down = { does: 'answer' as const, status: 503, match: { kind: 'mark' as const } };
const hang = { does: 'hang' as const, match: { kind: 'mark' as const } };
const oneByOne = { MAX_IN_FLIGHT: '1' };
/** A few cases that never work, whatever becomes of the others. */
const odd = (fault: typeof down | typeof hang): Fault => ({
  ...fault,
  match: ({ kind, caseId }) => kind === 'mark' && caseId?.startsWith('odd') === true,
});

// What counts, and when it tries again: breaker.test.ts.
describe('the breaker', () => {
  test.each([
    ['answers 503', down, 50],
    ['hangs', hang, 20],
  ])(
    'where everything %s it opens: a few calls more than were in flight, the rest waits',
    async (_, fault, most) => {
      const environment = await startEnvironment({
        huawei: { faults: [fault] },
        env: { MAX_IN_FLIGHT: String(most), REQUEST_TIMEOUT_MS: '2000' },
      });
      const { failed, ids } = await environment.deliver(
        Array.from({ length: 90 }, (_, i) => receipt(`c-${i}`)),
      );
      expect(failed).toHaveLength(90);
      expect(environment.marks().length).toBeLessThanOrEqual(most + 5);
      for (const id of ids) expect(environment.hiddenSeconds(id)).toBeLessThanOrEqual(5);
      expect(environment.deadLetters()).toEqual([]);
      expect(environment.metrics()).toMatchObject({ BreakerOpened: 1 });
    },
  );

  test('it stays closed at a log-in that fails', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [{ does: 'html502', match: { kind: 'log_in' } }] },
    });
    expect(await environment.failures(batchOf('c', 12))).toBe(12);
    expect(environment.marks()).toEqual([]);
    expect(environment.metrics()).not.toHaveProperty('BreakerOpened');
  });

  test('a few cases that hang, alone on a quiet queue, stop no healthy one: the next batch is marked whole, and so are all after it', async () => {
    const environment = await startEnvironment({
      huawei: { faults: [odd(hang)] },
      env: { REQUEST_TIMEOUT_MS: '2000' },
    });
    for (const prefix of ['a', 'b']) {
      expect(await environment.failures(batchOf('odd', 6))).toBe(6);
      expect(await environment.failures(batchOf(prefix, 30))).toBe(0);
      pass({ minutes: 10 });
    }
    expect(environment.metrics().BreakerOpened).toBe(1);
  });

  test('it goes to others before what failed lately', async () => {
    const environment = await startEnvironment({ huawei: { faults: [odd(down)] }, env: oneByOne });
    await environment.invoke([...batchOf('odd', 3), ...batchOf('a', 1)]);
    environment.huawei.requests.length = 0;
    await environment.invoke([...batchOf('odd', 3), ...batchOf('b', 2)]);
    expect(environment.marks().map(({ caseId }) => caseId)).toEqual([
      'b-0',
      'b-1',
      'odd-0',
      'odd-1',
      'odd-2',
    ]);
  });

  test('while it is open, what was not called and is past its age is given up only when that has lasted 15 minutes', async () => {
    const environment = await startEnvironment({ huawei: { faults: [down] } });
    await environment.invoke(batchOf('a', 60));
    const old = (name: string) => batchOf(`old-${name}`, 9, aged(86_401));
    expect(await environment.failures([...batchOf('b', 3), ...old('b')])).toBe(12);
    pass({ minutes: 15 });
    expect(await environment.failures([...batchOf('c', 3), ...old('c')])).toBe(3);
    expect(environment.deadLetters()).toHaveLength(9);
    expect(environment.deadLetters()[0]).toMatchObject({
      failure: { code: 'unavailable', status: 503, detail: expect.stringContaining('not called') },
    });
  });
});

test('a 429 lowers the pace of the instance', async () => {
  const environment = await startEnvironment({
    huawei: { faults: [{ does: 'retry_after', after: 1, times: 1, match: { kind: 'mark' } }] },
    env: { MAX_REQUESTS_PER_SECOND: '8' },
  });
  const began = performance.now();
  expect(await environment.failures(batchOf('a', 1))).toBe(1);
  expect(await environment.failures(batchOf('b', 23))).toBe(0);
  expect(environment.counts()).toMatchObject({ throttles: 1, rate_limited: 1 });
  // From 8 a second to 6: the last start in the fourth window; in the third, had the pace stayed. More: huawei/pace.test.ts.
  expect(performance.now() - began).toBeGreaterThan(3000);
});

describe('a connection that was kept from one invocation to the next', () => {
  test('and times out is not repeated on another', async () => {
    const environment = await startEnvironment({ env: { REQUEST_TIMEOUT_MS: '1000' } });
    await environment.invoke(batchOf('a', 1));
    environment.huawei.requests.length = 0;
    environment.huawei.faults.add({ does: 'hang', match: { kind: 'mark' } });
    expect(await environment.failures(batchOf('b', 1))).toBe(1);
    expect(environment.marks()).toHaveLength(1);
  });
});
