import { HOUR_MS, MINUTE_MS, SECOND_MS } from './engine/clock.ts';
import type { Fault } from './faults.ts';
import type { Case } from './model.ts';
import { NOBODY_WAITS, type Oracle } from './oracle/oracle.ts';
import type { Spec } from './spec.ts';
import { STRIDE } from './world/huawei.ts';
import { createWorld, FEW_BAD, START_MS, type World } from './world/world.ts';

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
  const next = (at: number, turn: number) => {
    if (at >= toMs) return;
    clock.at(clock.world, at, () => {
      const of = cases[turn % cases.length] ?? people.openCase();
      people.write(of, false);
      people.readNow(of);
      next(at + SECOND_MS / perSecond, turn + 1);
    });
  };
  next(fromMs, 0);
};

interface Run {
  world: (variables?: Record<string, string>) => World;
  /** A figure, and whether it keeps its promise. */
  check: (promise: string, name: string, value: number, isKept: boolean) => void;
}

/**
 * Healthy receipts' p99 wait, with ten poison cases among 250 and with none, on the same seed: until they are marked;
 * and until their batch is answered, which a case that hangs makes as long as a window and a timeout together.
 */
const poison = async ({ world, check }: Run, name: string, perSecond: number, hours: number) => {
  const measure = async (isPoisoned: boolean) => {
    const one = world();
    const { clock, people, huawei, oracle } = one;
    const endMs = START_MS + hours * HOUR_MS;
    const cases = Array.from({ length: 10 * STRIDE }, people.openCase);
    if (isPoisoned) one.fault('poison', START_MS, endMs);
    arrive(one, perSecond, START_MS + MINUTE_MS, endMs, cases);
    // Now and then all of them within a second.
    for (let at = START_MS + MINUTE_MS + 3 * SECOND_MS; at < endMs; at += 30 * MINUTE_MS)
      clock.at(clock.world, at, () => {
        for (const of of cases.filter(huawei.isOdd)) people.readNow(of);
      });
    await one.run(endMs + MINUTE_MS);
    const healthy = [...oracle.receipts.values()].filter(({ isPrompt }) => isPrompt);
    const p99 = (until: 'markedAt' | 'settledAt') =>
      percentile(
        healthy.map(receipt => (receipt[until] ?? endMs) - receipt.sentAt),
        0.99,
      );
    return { marked: p99('markedAt'), answered: p99('settledAt') };
  };
  const [without, poisoned] = [await measure(false), await measure(true)];
  for (const until of ['marked', 'answered'] as const) {
    const ratio = poisoned[until] / without[until];
    check('poison at most doubles the wait', `p99 until ${until}, ${name}`, ratio, ratio <= 2);
  }
};

/** Calls that pass in windows of ten seconds, as a share of what may, while there is more to do. */
const usedShares = async (one: World, perSecond: number, fromMs: number, untilMs: number) => {
  const { clock, huawei, source } = one;
  const shares: number[] = [];
  const look = (before: number) => {
    const { passed } = huawei.calls;
    if (source.visible() > 1000 && clock.now() > fromMs + 10 * SECOND_MS)
      shares.push((passed - before) / (10 * perSecond));
    clock.after(clock.world, 10 * SECOND_MS, () => look(passed));
  };
  clock.at(clock.world, fromMs, () => look(huawei.calls.passed));
  await one.run(untilMs);
  return shares;
};

/** A gateway that allows less than we may send, for a time. */
const pace = async ({ world, check }: Run, limit: number) => {
  const one = world();
  const { clock, huawei, config } = one;
  const beginMs = START_MS + MINUTE_MS;
  const endMs = START_MS + 4 * MINUTE_MS;
  one.fault('rate_limit', START_MS, endMs);
  clock.at(clock.world, START_MS + SECOND_MS, () => huawei.setLimit(limit));
  arrive(one, 200, beginMs, START_MS + 1.7 * MINUTE_MS);
  let settled = huawei.calls;
  clock.at(clock.world, beginMs + 15 * SECOND_MS, () => {
    settled = { ...huawei.calls };
  });
  const least = Math.min(...(await usedShares(one, limit, beginMs, endMs)));
  check('0.6 of what the gateway allows is used', `pace at ${limit}`, least, least >= 0.6);
  const refused = (huawei.calls.refused - settled.refused) / (huawei.calls.passed - settled.passed);
  check('a 429 lowers the pace', `refused for each that passed at ${limit}`, refused, refused <= 1);
  // Half a minute after the limit is gone, the full pace is back: it grows with the answers.
  arrive(one, 20, endMs, endMs + 25 * SECOND_MS);
  arrive(one, 300, endMs + 25 * SECOND_MS, endMs + 45 * SECOND_MS);
  const whole = 2 * config.maxRequestsPerSecond;
  const [again = 0] = await usedShares(one, whole, endMs + 20 * SECOND_MS, endMs + 45 * SECOND_MS);
  check('the full pace comes back', `pace after ${limit}`, again, again >= 0.6);
};

/** A backlog of late receipts: marks and looks together keep up the pace of two instances. */
const backlog = async ({ world, check }: Run) => {
  const one = world();
  const fromMs = START_MS + 20 * MINUTE_MS;
  one.fault('paused', START_MS, fromMs);
  arrive(one, 10, START_MS, START_MS + 15 * MINUTE_MS);
  const whole = 2 * one.config.maxRequestsPerSecond;
  const shares = await usedShares(one, whole, fromMs, fromMs + 3 * MINUTE_MS);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  check('a backlog keeps up the pace', 'backlog', mean, mean >= 0.8);
};

/** After ten minutes of outage, with arrivals at 0.6 of the capacity, nothing is left over. */
const drain = async ({ world, check }: Run, fault: Fault) => {
  // A quarter of what is usual: a batch is worked off in the same number of invocations.
  const perSecond = 20;
  const one = world({ MAX_REQUESTS_PER_SECOND: String(perSecond) });
  const endMs = START_MS + 80 * MINUTE_MS;
  one.fault(fault, START_MS + 2 * MINUTE_MS, START_MS + 12 * MINUTE_MS);
  arrive(one, 2 * perSecond * 0.6, START_MS, endMs);
  await one.run(endMs);
  const old = [...one.source.messages()].filter(({ sentAt }) => sentAt < endMs - 5 * MINUTE_MS);
  check('an outage drains', `left over after ${fault}`, old.length, old.length === 0);
};

/** Between two calls nothing outside can differ: a sandbox dies at every call of a batch, before and after it leaves. */
const killPoints = async ({ world, check }: Run) => {
  let points = 0;
  let left = 0;
  for (const sends of [false, true]) {
    for (let calls = 1, isDead = true; isDead; calls++) {
      const { clock, people, lambda, source, ...one } = world();
      const doom = { calls, sends };
      lambda.doomNext(doom);
      const cases = Array.from({ length: 2 * STRIDE }, people.openCase);
      one.fault('poison', START_MS, START_MS + 20 * MINUTE_MS);
      clock.at(clock.world, START_MS + SECOND_MS, () => {
        for (const of of [...cases.slice(5, 9), ...cases.slice(30, 34)]) people.readNow(of);
        for (let i = 0; i < 8; i++) people.bad();
      });
      await one.run(START_MS + 2 * HOUR_MS);
      left += [...source.messages()].length;
      isDead = doom.calls === 0;
      if (isDead) points++;
    }
  }
  check('a kill at any call loses nothing', 'points to be killed at', points, points > 0 && left === 0);
};

/** What is promised in figures. */
export const runMeasures = async (spec: Spec, fail: Oracle['fail']) => {
  const measures: Record<string, number> = {};
  const worlds: World[] = [];
  const run: Run = {
    world(variables = {}) {
      const created = createWorld({ ...spec, credentials: 'password', life: 'long', variables });
      worlds.push(created);
      return created;
    },
    check(promise, name, value, isKept) {
      measures[name] = value;
      if (!isKept) fail(promise, `${name}: ${value.toFixed(2)}`);
    },
  };
  const all: Record<string, () => Promise<void>> = {
    busy: () => poison(run, 'busy', 2, 1),
    quiet: () => poison(run, 'quiet', 1 / 300, 12),
    pace: async () => {
      for (const limit of [5, 20, 40, 100]) await pace(run, limit);
    },
    kills: () => killPoints(run),
    backlog: () => backlog(run),
    drain: () => drain(run, spec.index % 40 < 20 ? 'osm_unavailable' : 'osm_hangs'),
  };
  for (const [name, measure] of Object.entries(all)) {
    if ((spec.measure ?? name) !== name) continue;
    const before = worlds.length;
    await measure();
    for (const { promise, detail } of worlds.slice(before).flatMap(({ oracle }) => oracle.broken)) {
      // More arrives here than can be marked at once; and on a quiet queue five bad marks are all there is.
      if (promise !== NOBODY_WAITS && !(promise === FEW_BAD && name === 'quiet')) fail(promise, detail);
    }
  }
  return { measures, worlds };
};
