import { failure, type Outcome, unfinished } from '../../lib/failure.ts';
import { createBreaker } from '../../lib/relay/breaker.ts';
import { pass, useClock } from '../clock.ts';

useClock();

const marked: Outcome = { code: 'marked', status: 200 };
const down = failure('unavailable', 'OSM answered 503');

/** What the breaker tells the outside, and calls by what they are to give. */
const start = () => {
  const counted: string[] = [];
  const log = { error: (event: string) => counted.push(event) };
  const breaker = createBreaker({ count: (name: string) => counted.push(name), log } as never);
  let calls = 0;
  const run = (key: string, outcome: Outcome | Promise<Outcome>) =>
    breaker.run(key, async () => {
      calls++;
      return outcome;
    });
  return { run, breaker, counted, calls: () => calls };
};
const open = async (run: ReturnType<typeof start>['run']) => {
  for (let i = 0; i < 5; i++) await run(`k${i}`, down);
};

test('outcomes pass through, whatever they are', async () => {
  const { run } = start();
  for (const outcome of [marked, down, failure('rejected', 'x'), unfinished]) {
    expect(await run('k', outcome)).toBe(outcome);
  }
});

test('a throw passes through and opens nothing', async () => {
  const { run, breaker } = start();
  for (let i = 0; i < 9; i++) {
    await expect(breaker.run(`k${i}`, () => Promise.reject(new Error('bug')))).rejects.toThrow('bug');
  }
  expect(await run('k', marked)).toBe(marked);
});

test('five distinct failing in a row open it, and it says so once', async () => {
  const { run, counted, calls } = start();
  for (let i = 0; i < 4; i++) await run(`k${i}`, down);
  expect(counted).toEqual([]);
  await run('k4', down);
  expect(counted.sort()).toEqual(['BreakerOpened', 'breaker.opened']);
  const outcome = await run('k5', marked);
  expect(outcome).toMatchObject({ code: 'unavailable', detail: expect.stringContaining('OSM answered 503') });
  expect(calls()).toBe(5);
});

test('what opened it is told with what Huawei said: status, codes, and how long to wait', async () => {
  const { run } = start();
  const cause = {
    ...failure('rate_limited', 'slow down'),
    status: 429,
    error_code: 'APIGW.0308',
    retryAfterSeconds: 9,
  };
  for (let i = 0; i < 5; i++) await run(`k${i}`, cause);
  expect(await run('k', marked)).toMatchObject({ ...cause, detail: expect.stringContaining('slow down') });
});

test('one key counts once, and a success or a receipt at fault starts anew', async () => {
  for (const well of [marked, failure('rejected', 'x'), failure('failed', 'x')]) {
    const { run, counted } = start();
    for (let i = 0; i < 9; i++) await run('same', down);
    for (let i = 0; i < 3; i++) await run(`k${i}`, down);
    await run('k', well);
    for (let i = 0; i < 4; i++) await run(`k${i}`, down);
    expect(counted).toEqual([]);
  }
});

test('a call that was cut neither opens it nor starts anew', async () => {
  const { run, counted } = start();
  for (let i = 0; i < 9; i++) await run(`cut${i}`, unfinished);
  for (let i = 0; i < 4; i++) await run(`k${i}`, down);
  await run('cut', unfinished);
  expect(counted).toEqual([]);
  await run('k4', down);
  expect(counted).toContain('BreakerOpened');
});

test('one probe after a while; those who wait share its fate', async () => {
  const { run, calls } = start();
  await open(run);
  pass({ seconds: 4 });
  await run('early', marked);
  expect(calls()).toBe(5);
  pass({ seconds: 2 });
  const probe = Promise.withResolvers<Outcome>();
  const waiting = [run('probe', probe.promise), run('a', marked), run('b', marked)];
  probe.resolve(down);
  expect((await Promise.all(waiting)).map(({ code }) => code)).toEqual([
    'unavailable',
    'unavailable',
    'unavailable',
  ]);
  expect(calls()).toBe(6);
});

test('a probe that succeeds closes it, for those who waited too', async () => {
  const { run, counted } = start();
  await open(run);
  pass({ seconds: 6 });
  expect(await Promise.all([run('a', marked), run('b', marked), run('c', marked)])).toEqual([
    marked,
    marked,
    marked,
  ]);
  for (let i = 0; i < 4; i++) await run(`k${i}`, down);
  expect(counted.filter(each => each === 'BreakerOpened')).toHaveLength(1);
});

test('probes become rarer, to one in half a minute and no rarer', async () => {
  const { run, calls } = start();
  await open(run);
  for (let i = 0; i < 20; i++) {
    pass({ seconds: 31 });
    await run('k', down);
    expect(calls()).toBe(6 + i);
  }
  pass({ seconds: 20 });
  await run('k', down);
  expect(calls()).toBe(25);
});

test('a probe that was cut leaves it open, and another is let through later', async () => {
  const { run, calls } = start();
  await open(run);
  pass({ minutes: 1 });
  await run('cut', unfinished);
  expect(await run('k', marked)).toMatchObject({ code: 'unavailable' });
  expect(calls()).toBe(6);
  pass({ minutes: 1 });
  expect(await run('k', marked)).toBe(marked);
});

test('closed by hand, it starts anew', async () => {
  const { run, breaker, counted } = start();
  await open(run);
  breaker.close();
  expect(await run('k', marked)).toBe(marked);
  for (let i = 0; i < 4; i++) await run(`k${i}`, down);
  expect(counted.filter(each => each === 'BreakerOpened')).toHaveLength(1);
});
