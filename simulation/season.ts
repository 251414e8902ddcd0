import { DAY_MS, HOUR_MS, MINUTE_MS } from './engine/clock.ts';
import { type Fault, faultNames, pairs, windowsOf } from './faults.ts';
import { runMeasures } from './measures.ts';
import { expected } from './oracle/alarms.ts';
import type { Spec } from './spec.ts';
import { createWorld, START_MS, type World } from './world/world.ts';

/** Long enough after the last fault for every back-off, cool-down and stale hold to end. */
const TAIL_MS = 8 * HOUR_MS;

type Kind = 'pairs' | 'quiet' | 'single' | 'measures';
/** Twenty seasons begin with these; all others bring pairs of faults. */
const KINDS: Kind[] = ['pairs', 'quiet', 'single', 'measures', 'single'];
/** And of twenty, these do not look at what is late. */
const LATE_RECEIPTS: Partial<Record<number, string>> = { 8: 'shadow', 16: 'mark' };

/** What each day of a season brings: nothing, one fault, or two at once. */
const planOf = ({ index, days, faults, measure }: Spec): { kind: Kind; days: Fault[][] } => {
  const [twenty, rest] = [Math.floor(index / 20), index % 20];
  const kind = faults ? 'pairs' : measure ? 'measures' : (KINDS[rest] ?? 'pairs');
  const wanted = faults ? pairs.filter(pair => pair.every(fault => faults.includes(fault))) : pairs;
  const faultsOf = (day: number): Fault[] | undefined => {
    if (kind === 'quiet' || kind === 'measures') return [];
    if (kind === 'single')
      return faultNames.filter(
        (_, each) => each === ((twenty * 2 + (rest - 2) / 2) * days + day) % faultNames.length,
      );
    if (faults && faults.length <= 3) return faults;
    const before = twenty * (21 - KINDS.length) + Math.max(0, rest - KINDS.length + 1);
    // 397 has no factor in common with the number of pairs: neighbours differ, and each has its turn.
    return wanted[((before * days + day) * 397) % wanted.length];
  };
  return { kind, days: Array.from({ length: days }, (_, day) => faultsOf(day) ?? []) };
};

type Windows = ReturnType<typeof windowsOf>;

/** Quiet days ring no alarm, and each fault that lasts rings its own. */
const checkAlarms = (kind: Kind, windows: Windows, endMs: number, { alarms, oracle }: World) => {
  for (const name of kind === 'quiet' ? alarms.rang(START_MS, endMs) : [])
    oracle.fail('quiet days ring no alarm', `${name} rang`);
  for (const { fault, fromMs, toMs } of kind === 'single' ? windows : []) {
    const wanted = expected[fault];
    if (!wanted || toMs - fromMs < 2 * HOUR_MS) continue;
    const rang = alarms.rang(fromMs, toMs + 30 * MINUTE_MS);
    if (!rang.includes(wanted)) oracle.fail('each fault rings its own alarm', `${fault} rang ${rang}`);
  }
};

/** A world of its own, from its first receipt until nothing waits any more. */
export const runSeason = async (spec: Spec) => {
  const { kind, days } = planOf(spec);
  const LATE = spec.faults ? undefined : LATE_RECEIPTS[spec.index % 20];
  const world = createWorld(LATE ? { ...spec, variables: { LATE_RECEIPTS: LATE } } : spec);
  const { oracle, people } = world;
  const endMs = START_MS + spec.days * DAY_MS;
  const windows = days.flatMap((day, index) => windowsOf(day, START_MS + index * DAY_MS, world.choose));
  for (const { fault, fromMs, toMs } of windows) world.fault(fault, fromMs, toMs);
  world.watchQueues(endMs + TAIL_MS);
  people.start(endMs);
  world.operator.start(START_MS, endMs);
  await world.run(endMs + TAIL_MS);
  for (const queue of [world.source, world.dead]) queue.expireAll();
  oracle.settled(world.source.messages());
  checkAlarms(kind, windows, endMs, world);

  const { measures, worlds } =
    kind === 'measures' ? await runMeasures(spec, oracle.fail) : { measures: {}, worlds: [] };
  const all = [world, ...worlds];
  const { ends, hidden, broken, story } = oracle;
  return {
    index: spec.index,
    days: spec.days,
    receipts: all.reduce((sum, { people }) => sum + people.receipts(), 0),
    events: all.reduce((sum, { clock }) => sum + clock.events(), 0),
    ends,
    hidden,
    measures,
    broken,
    brokenCount: oracle.brokenCount(),
    pairs: kind === 'pairs' ? days.map(day => day.join('+')) : [],
    trace: all.map(({ clock }) => clock.trace()).join(),
    story: story.filter(({ at }) => at <= (spec.storyEndMs ?? at)).map(({ text }) => text),
  };
};

export type SeasonResult = Awaited<ReturnType<typeof runSeason>>;
