import { runMeasure } from './measures.ts';
import { expected } from './oracle/alarms.ts';
import type { Broken, HiddenKind } from './oracle/oracle.ts';
import type { SeasonSpec } from './spec.ts';
import { type Fault, faultNames, pairs, windowsOf } from './world/faults.ts';
import { createWorld, START_MS } from './world/world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Long enough after the last fault for every back-off, cool-down and stale hold to end. */
const TAIL_MS = 8 * HOUR_MS;

export interface SeasonResult {
  index: number;
  days: number;
  receipts: number;
  ends: Record<string, number>;
  hidden: Record<HiddenKind, number>;
  /** What was measured, against its goal. */
  measures: Record<string, number>;
  brokenCount: number;
  broken: Broken[];
  pairs: string[];
  events: number;
  trace: string;
  story: string[];
}

/** And these do not look at what is late. */
const LATE_RECEIPTS: Partial<Record<number, string>> = { 8: 'shadow', 16: 'mark' };

type Kind = 'pairs' | 'quiet' | 'single' | 'measures';
/** Of twenty seasons, these do not bring pairs of faults. */
const OTHERS: Partial<Record<number, Kind>> = { 1: 'quiet', 2: 'single', 3: 'measures', 12: 'single' };

/** What each day of a season brings: nothing, one fault, or two at once. */
const planOf = ({ index, days, faults, measure }: SeasonSpec): { kind: Kind; days: Fault[][] } => {
  const pool = faults ?? [...faultNames];
  const kind = faults ? 'pairs' : measure ? 'measures' : (OTHERS[index % 20] ?? 'pairs');
  const list = <T>(make: (day: number) => T) => Array.from({ length: days }, (_, day) => make(day));
  if (kind === 'quiet' || kind === 'measures' || pool.length === 0) return { kind, days: list(() => []) };
  const twenty = Math.floor(index / 20);
  const singles = twenty * 2 + (index % 20 === 12 ? 1 : 0);
  if (kind === 'single')
    return { kind, days: list(day => [pool[(singles * days + day) % pool.length] as Fault]) };
  if (faults && faults.length <= 3) return { kind, days: list(() => faults) };
  const wanted = faults ? pairs.filter(pair => pair.every(fault => faults.includes(fault))) : pairs;
  const others = Object.keys(OTHERS).map(Number);
  const before = others.filter(other => other < index % 20).length;
  const first = (twenty * (20 - others.length) + (index % 20) - before) * days;
  // 397 has no factor in common with the number of pairs: neighbours differ, and each has its turn.
  return { kind, days: list(day => wanted[((first + day) * 397) % wanted.length] ?? pool) };
};

/** A world of its own, from its first receipt until nothing waits any more. */
export const runSeason = async (spec: SeasonSpec): Promise<SeasonResult> => {
  const seed = (spec.seed * 1_000_003 + spec.index) >>> 0;
  const plan = planOf(spec);
  const lateReceipts = spec.lateReceipts ?? (spec.faults ? undefined : LATE_RECEIPTS[spec.index % 20]);
  const world = createWorld({
    ...spec,
    seed,
    ...(lateReceipts && { variables: { LATE_RECEIPTS: lateReceipts } }),
  });
  const { clock, oracle, alarms, people } = world;
  const endMs = START_MS + spec.days * DAY_MS;
  const windows = plan.days.flatMap((day, index) => windowsOf(day, START_MS + index * DAY_MS, world.choose));
  for (const { fault, fromMs, toMs } of windows) world.fault(fault, fromMs, toMs);
  world.watchQueues(endMs + TAIL_MS);
  people.start(endMs);
  world.operator.start(START_MS, endMs);
  await world.run(endMs + TAIL_MS, spec.everyTurn);

  for (const queue of [world.source, world.dead]) queue.expireAll();
  oracle.settled(world.source.messages());
  if (plan.kind === 'quiet') {
    for (const name of alarms.rang(START_MS, endMs)) oracle.fail('quiet days ring no alarm', `${name} rang`);
    const slow = oracle.waits.filter(wait => wait > MINUTE_MS).length;
    if (slow > 0) oracle.fail('a quiet day marks at once', `${slow} waited for more than a minute`);
  }
  for (const { fault, fromMs, toMs } of plan.kind === 'single' ? windows : []) {
    const wanted = expected[fault];
    if (!wanted || toMs - fromMs < 2 * HOUR_MS) continue;
    const rang = alarms.rang(fromMs, toMs + 30 * MINUTE_MS);
    if (wanted.some(name => rang.includes(name))) continue;
    oracle.fail('each fault rings its own alarm', `${fault} rang ${rang.join(', ') || 'none'}`);
  }
  const none = { measures: {}, receipts: 0, traces: [] };
  const { measures, receipts, traces } =
    plan.kind === 'measures' ? await runMeasure(spec, seed, oracle.fail) : none;
  return {
    index: spec.index,
    days: spec.days,
    receipts: people.receipts + receipts,
    ends: oracle.ends,
    hidden: oracle.hidden,
    measures,
    brokenCount: oracle.brokenCount,
    broken: oracle.broken,
    pairs: plan.kind === 'pairs' ? plan.days.map(day => day.join('+')) : [],
    events: clock.events(),
    trace: [clock.digest(), ...traces].join(),
    story: oracle.story.filter(({ at }) => at <= (spec.storyEndMs ?? at)).map(({ text }) => text),
  };
};
