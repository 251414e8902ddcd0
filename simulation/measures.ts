import { NOBODY_WAITS, type Oracle } from './oracle/oracle.ts';
import type { SeasonSpec } from './spec.ts';
import type { Fault } from './world/faults.ts';
import type { Case } from './world/huawei.ts';
import { createWorld, FEW_BAD, START_MS, type World, type WorldOptions } from './world/world.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Poison cases are those whose number is 7 beyond a multiple of this. */
const STRIDE = 25;

const percentile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0;

/** So many receipts a second, of cases that take turns, or each of one of its own. */
const arrive = (
  { clock, people }: World,
  perSecond: number,
  fromMs: number,
  toMs: number,
  cases: Case[] = [],
) => {
  let turn = 0;
  for (let at = fromMs; at < toMs; at += SECOND_MS / perSecond) {
    clock.at(clock.world, at, () => {
      const of = cases[turn++ % cases.length] ?? people.openCase();
      people.write(of, false);
      people.readNow(of);
    });
  }
};

type Fail = Oracle['fail'];
interface Run {
  spec: SeasonSpec;
  world: (options?: Partial<WorldOptions>) => World;
  fail: Fail;
  measures: Record<string, number>;
}

/** Healthy receipts' p99 wait, with ten poison cases among 250 and with none, on the same seed. */
const poison = async (
  { world, fail, measures, spec }: Run,
  perSecond: number,
  hours: number,
  name: string,
) => {
  const waits: Record<'marked' | 'acknowledged', number>[] = [];
  for (const isPoisoned of [false, true]) {
    const one = world();
    const endMs = START_MS + hours * HOUR_MS;
    const cases = Array.from({ length: 10 * STRIDE }, () => one.people.openCase());
    if (isPoisoned) one.fault('poison', START_MS, endMs);
    arrive(one, perSecond, START_MS + MINUTE_MS, endMs, cases);
    // Now and then all of them within a second.
    for (let at = START_MS + 2 * MINUTE_MS; at < endMs; at += 30 * MINUTE_MS)
      one.clock.at(one.clock.world, at, () => {
        for (const of of cases.filter(one.huawei.isOdd)) one.people.readNow(of);
      });
    await one.run(endMs + MINUTE_MS, spec.everyTurn);
    const healthy = [...one.oracle.receipts.values()].filter(({ isPrompt }) => isPrompt);
    const p99 = (of: 'markedAt' | 'settledAt') =>
      percentile(
        healthy.map(receipt => (receipt[of] ?? endMs) - receipt.sentAt),
        0.99,
      );
    waits.push({ marked: p99('markedAt'), acknowledged: p99('settledAt') });
  }
  for (const until of ['marked', 'acknowledged'] as const) {
    const [without = 1, withPoison = 0] = waits.map(each => each[until]);
    measures[`p99 until ${until}, ${name}`] = withPoison / without;
    if (withPoison > 2 * without)
      fail(
        'poison at most doubles the wait',
        `p99 ${Math.round(withPoison)} ms, ${Math.round(without)} ms without (until ${until}, ${name})`,
      );
  }
};

/** Calls that pass in windows of ten seconds, while there is more to do than may pass. */
const usedShare = async (
  one: World,
  perSecond: number,
  fromMs: number,
  untilMs: number,
  everyTurn?: boolean,
) => {
  const shares: number[] = [];
  const look = (before: number) => {
    const { passed } = one.huawei;
    if (one.source.visible > 1000 && one.clock.now() > fromMs + 10 * SECOND_MS)
      shares.push((passed - before) / (10 * perSecond));
    one.clock.after(one.clock.world, 10 * SECOND_MS, () => look(passed));
  };
  one.clock.at(one.clock.world, fromMs, () => look(one.huawei.passed));
  await one.run(untilMs, everyTurn);
  return shares;
};

/** A gateway that allows less than we may send, for a time. */
const pace = async ({ world, fail, measures, spec }: Run, limit: number) => {
  const one = world();
  const { maxRequestsPerSecond } = one.config;
  const endMs = START_MS + 4 * MINUTE_MS;
  one.fault('rate_limit', START_MS, endMs);
  one.clock.at(one.clock.world, START_MS + SECOND_MS, () => one.huawei.setLimit(limit));
  arrive(one, 200, START_MS + MINUTE_MS, START_MS + 1.7 * MINUTE_MS);
  let settled = { passed: 0, refused: 0 };
  one.clock.at(one.clock.world, START_MS + MINUTE_MS + 15 * SECOND_MS, () => {
    settled = { passed: one.huawei.passed, refused: one.huawei.refused };
  });
  const shares = await usedShare(one, limit, START_MS + MINUTE_MS, endMs, spec.everyTurn);
  const least = Math.min(...shares);
  measures[`pace at ${limit}`] = least;
  if (!(least >= 0.6))
    fail('0.6 of what the gateway allows is used', `${least.toFixed(2)} of ${limit} a second`);
  const passed = one.huawei.passed - settled.passed;
  const refused = one.huawei.refused - settled.refused;
  if (refused > passed)
    fail('a 429 lowers the pace', `${refused} calls were refused, and ${passed} passed at ${limit}`);
  // Half a minute after the limit is gone, the full pace is back: it grows with the answers.
  arrive(one, 20, endMs, endMs + 25 * SECOND_MS);
  arrive(one, 300, endMs + 25 * SECOND_MS, endMs + 45 * SECOND_MS);
  const [again = 0] = await usedShare(
    one,
    2 * maxRequestsPerSecond,
    endMs + 20 * SECOND_MS,
    endMs + 45 * SECOND_MS,
    spec.everyTurn,
  );
  measures[`pace after ${limit}`] = again;
  if (!(again >= 0.6))
    fail('the full pace comes back', `${again.toFixed(2)} of it, half a minute after ${limit} a second`);
};

/** A backlog of late receipts: marks and looks together keep up the pace of two instances. */
const backlog = async ({ world, fail, measures, spec }: Run) => {
  const one = world();
  const { maxRequestsPerSecond } = one.config;
  one.fault('paused', START_MS, START_MS + 20 * MINUTE_MS);
  arrive(one, 10, START_MS, START_MS + 15 * MINUTE_MS);
  const fromMs = START_MS + 20 * MINUTE_MS;
  const shares = await usedShare(
    one,
    2 * maxRequestsPerSecond,
    fromMs,
    fromMs + 3 * MINUTE_MS,
    spec.everyTurn,
  );
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  measures.backlog = mean;
  if (!(mean >= 0.8))
    fail('a backlog keeps up the pace', `${mean.toFixed(2)} of ${2 * maxRequestsPerSecond} a second`);
};

/** After ten minutes of outage, with arrivals at 0.6 of the capacity, nothing is left over. */
const drain = async ({ world, fail, measures, spec }: Run, fault: Fault) => {
  // A quarter of what is usual: a batch is worked off in the same number of invocations.
  const perSecond = 20;
  const one = world({ variables: { MAX_REQUESTS_PER_SECOND: String(perSecond) } });
  const endMs = START_MS + 80 * MINUTE_MS;
  one.fault(fault, START_MS + 2 * MINUTE_MS, START_MS + 12 * MINUTE_MS);
  arrive(one, 2 * perSecond * 0.6, START_MS, endMs);
  await one.run(endMs, spec.everyTurn);
  const old = [...one.source.messages()].filter(({ sentAt }) => sentAt < endMs - 5 * MINUTE_MS).length;
  measures[`left over after ${fault}`] = old;
  if (old > 0) fail('an outage drains', `${old} receipts wait for more than five minutes after ${fault}`);
};

/** Between two calls nothing outside can differ: a sandbox dies at every call of a batch, before and after it leaves. */
const killPoints = async ({ world, fail, measures, spec }: Run) => {
  let points = 0;
  for (const sends of [false, true]) {
    for (let calls = 1, died = true; died; calls++) {
      const one = world();
      died = false;
      const onDeath = () => {
        died = true;
      };
      one.lambda.doomNext({ calls, sends, onDeath });
      const cases = Array.from({ length: 2 * STRIDE }, () => one.people.openCase());
      one.fault('poison', START_MS, START_MS + 20 * MINUTE_MS);
      one.clock.at(one.clock.world, START_MS + SECOND_MS, () => {
        for (const of of [...cases.slice(5, 9), ...cases.slice(30, 34)]) one.people.readNow(of);
        for (let i = 0; i < 8; i++) one.people.bad();
      });
      await one.run(START_MS + 2 * HOUR_MS, spec.everyTurn);
      const left = [...one.source.messages()].length;
      if (left > 0)
        fail('a kill at any call loses nothing', `${left} receipts are not settled after call ${calls}`);
      if (died) points++;
    }
  }
  measures['points to be killed at'] = points;
};

/** What is promised in figures. */
export const runMeasure = async (spec: SeasonSpec, seed: number, fail: Fail) => {
  const measures: Record<string, number> = {};
  let receipts = 0;
  const worlds: { created: World; isQuiet: boolean }[] = [];
  let isQuiet = false;
  const world = (options: Partial<WorldOptions> = {}) => {
    const created = createWorld({
      seed,
      perDay: spec.perDay,
      credentials: 'password',
      life: 'long',
      ...options,
    });
    worlds.push({ created, isQuiet });
    return created;
  };
  const run: Run = { spec, world, fail, measures };
  const all: Record<string, () => Promise<void>> = {
    busy: () => poison(run, 2, 1, 'busy'),
    quiet: () => poison(run, 1 / 300, 12, 'quiet'),
    pace: async () => {
      for (const limit of [5, 20, 40, 100]) await pace(run, limit);
    },
    kills: () => killPoints(run),
    backlog: () => backlog(run),
    drain: () => drain(run, seed % 2 ? 'osm_unavailable' : 'osm_hangs'),
  };
  for (const [name, measure] of Object.entries(all)) {
    if (spec.measure === undefined || spec.measure === name) {
      isQuiet = name === 'quiet';
      await measure();
    }
  }
  for (const { created, isQuiet } of worlds) {
    receipts += created.people.receipts;
    for (const { promise, detail } of created.oracle.broken) {
      // More arrives here than can be marked at once; and on a quiet queue five bad marks are all there is.
      if (promise === NOBODY_WAITS || (promise === FEW_BAD && isQuiet)) continue;
      fail(promise, detail);
    }
  }
  return { measures, receipts, traces: worlds.map(({ created }) => created.clock.digest()) };
};
