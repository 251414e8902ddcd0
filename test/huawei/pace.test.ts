// The pace against model gateways, in time that the tests move: what is started when, and how much of what a
// gateway allows is used.
import { jest } from '@jest/globals';
import { createPace } from '../../lib/huawei/pace.ts';

const MAXIMUM = 80;

let end: AbortController;
beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
  end = new AbortController();
});
afterEach(async () => {
  end.abort();
  await jest.advanceTimersByTimeAsync(20_000);
  jest.useRealTimers();
});

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const seconds = (count: number) => jest.advanceTimersByTimeAsync(count * 1000);

/** Says whether a call that comes now passes. */
type Gateway = () => boolean;
const open: Gateway = () => true;
const shut: Gateway = () => false;

/** Begins to count anew at each full second. */
const fixedWindow = (perSecond: number, offsetMs = 0): Gateway => {
  let window = -1;
  let used = 0;
  return () => {
    const now = Math.floor((performance.now() + offsetMs) / 1000);
    if (now !== window) used = 0;
    window = now;
    return ++used <= perSecond;
  };
};

/** Looks back a second at each call. @param countsAll what was refused counts too */
const slidingWindow = (perSecond: number, countsAll = false): Gateway => {
  const counted: number[] = [];
  return () => {
    const now = performance.now();
    while (counted.length > 0 && now - (counted[0] as number) >= 1000) counted.shift();
    const passes = counted.length < perSecond;
    if (passes || countsAll) counted.push(now);
    return passes;
  };
};

/** An instance that never runs out of work: so many in flight, all through one pace. */
const runInstance = (gateway: () => Gateway, { latencyMs = 20, inFlight = 50, most = MAXIMUM } = {}) => {
  const pace = createPace(most);
  const starts: number[] = [];
  const passed: number[] = [];
  const worker = async () => {
    while (await pace.turn(end.signal)) {
      const startedAt = performance.now();
      starts.push(startedAt);
      await sleep(latencyMs / 2);
      const passes = gateway()();
      if (passes) passed.push(performance.now());
      await sleep(latencyMs / 2);
      pace.answered(passes ? 200 : 429, startedAt);
    }
  };
  for (let i = 0; i < inFlight; i++) void worker();
  return { starts, passed };
};

const within = (times: number[], fromSecond: number, toSecond: number) =>
  times.filter(at => at >= fromSecond * 1000 && at < toSecond * 1000).length;

const mostInAnySecond = (starts: number[]) =>
  Math.max(...starts.map((from, i) => starts.slice(i).findLastIndex(at => at - from <= 1000) + 1));

const gateways: [string, least: number, (limit: number) => Gateway][] = [
  ['a fixed window', 0.9, limit => fixedWindow(limit)],
  ['a fixed window out of step', 0.9, limit => fixedWindow(limit, 370)],
  ['a sliding window', 0.9, limit => slidingWindow(limit)],
  // The burst of a cold start takes its time to be forgotten.
  ['a sliding window that counts what it refuses', 0.6, limit => slidingWindow(limit, true)],
];
const rows = gateways.flatMap(([name, least, make]) =>
  [5, 20, 40, 60, 100].flatMap(limit =>
    [1, 2].flatMap(instances =>
      [5, 150].map(latencyMs => ({ name, least, make, limit, instances, latencyMs })),
    ),
  ),
);

test.each(rows)(
  'over ten seconds, $least of $limit a second by $name: $instances instances, $latencyMs ms',
  async row => {
    const gateway = row.make(row.limit);
    const running = Array.from({ length: row.instances }, () => runInstance(() => gateway, row));
    await seconds(10);
    const passed = running.reduce((sum, each) => sum + each.passed.length, 0);
    expect(passed).toBeGreaterThanOrEqual(row.least * 10 * Math.min(row.limit, row.instances * MAXIMUM));
    for (const { starts } of running) expect(mostInAnySecond(starts)).toBeLessThanOrEqual(MAXIMUM);
  },
);

test.each([1, 2, 7, 80])('at most %i starts in any second, and nearly so many', async most => {
  const { starts } = runInstance(() => open, { most });
  await seconds(10);
  expect(mostInAnySecond(starts)).toBe(most);
  expect(starts.length).toBeGreaterThanOrEqual(most * 9.9);
});

test('where everything is refused, one call in ten seconds is left', async () => {
  const { starts } = runInstance(() => shut);
  await seconds(120);
  expect(within(starts, 60, 120)).toBe(6);
});

test.each([
  ['of 5 a second', () => fixedWindow(5)],
  ['that lets nothing pass', () => shut],
])('within half a minute after a limit %s is gone, the full pace is back', async (_, limit) => {
  let gateway = limit();
  const { starts } = runInstance(() => gateway);
  await seconds(60);
  gateway = open;
  await seconds(40);
  expect(within(starts, 90, 100)).toBeGreaterThanOrEqual(MAXIMUM * 9.4);
  expect(mostInAnySecond(starts)).toBe(MAXIMUM);
});

test('a 429 takes a quarter, once for all calls that were under way; only answers give back, not rest', async () => {
  const pace = createPace(MAXIMUM);
  const startsIn = async (ms: number) => {
    let count = 0;
    const enough = new AbortController();
    const turns = Array.from({ length: 100 }, async () => (await pace.turn(enough.signal)) && count++);
    await jest.advanceTimersByTimeAsync(ms);
    enough.abort();
    await Promise.all(turns);
    return count;
  };
  pace.answered(429, 0);
  await seconds(30);
  expect(await startsIn(10)).toBe(60);
  // It was under way when the pace was lowered: it takes nothing more, but its second was not calm.
  pace.answered(429, 0);
  await jest.advanceTimersByTimeAsync(900);
  pace.answered(200, performance.now());
  await seconds(1);
  expect(await startsIn(10)).toBe(60);
  pace.answered(200, performance.now());
  await seconds(2);
  expect(await startsIn(10)).toBe(64);
});

test('who waits is let in by order; who gives up takes no place', async () => {
  const pace = createPace(1);
  const order: string[] = [];
  const giveUp = new AbortController();
  const wait = async (name: string, signal: AbortSignal) => {
    if (await pace.turn(signal)) order.push(name);
    else order.push(`not ${name}`);
  };
  const all = [wait('a', end.signal), wait('b', giveUp.signal), wait('c', end.signal)];
  await jest.advanceTimersByTimeAsync(500);
  giveUp.abort();
  await seconds(1);
  expect(order).toEqual(['a', 'not b', 'c']);
  await Promise.all(all);
  expect(await pace.turn(AbortSignal.abort())).toBe(false);
});

test('who is in haste goes before those who wait, and both stay within the pace', async () => {
  const pace = createPace(2);
  const order: string[] = [];
  const wait = async (name: string, inHaste: boolean) => {
    await pace.turn(end.signal, inHaste);
    order.push(`${name} ${Math.floor(performance.now() / 1010)}`);
  };
  for (const name of ['a', 'b', 'c', 'd', 'e']) void wait(name, false);
  await jest.advanceTimersByTimeAsync(500);
  for (const name of ['x', 'y', 'z']) void wait(name, true);
  await seconds(4);
  expect(order).toEqual(['a 0', 'b 0', 'x 1', 'y 1', 'z 2', 'c 2', 'd 3', 'e 3']);
});
