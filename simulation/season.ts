import { DAY_MS, HOUR_MS } from './engine/clock.ts';
import { type Fault, faultNames, pairs, windowsOf } from './faults.ts';
import { runMeasures } from './measures.ts';
import { expected } from './oracle/alarms.ts';
import { SEASON_DAYS, type Spec } from './spec.ts';
import { createWorld, START_MS, type World } from './world/world.ts';

/** Long enough after the last fault for every back-off, cool-down and stale hold to end. */
const TAIL_MS = 8 * HOUR_MS;

/** Of twenty seasons this one measures what is promised in figures, too. */
const MEASURED = 3;
/** And these do not look at what is late. */
const LATE_RECEIPTS: Partial<Record<number, string>> = { 8: 'shadow', 16: 'mark' };

/** What a day of a season brings: the first nothing, the second one fault, all others a pair, each in its turn. */
const faultsOf = ({ index, faults, measure }: Spec, day: number): Fault[] => {
  if (measure) return [];
  if (faults && faults.length <= 3) return faults;
  const wanted = pairs.filter(pair => !faults || pair.every(fault => faults.includes(fault)));
  const turn = index * (SEASON_DAYS - 2) + day - 2;
  if (!faults && day === 0) return [];
  if (!faults && day === 1) return faultNames.filter((_, each) => each === index % faultNames.length);
  // 397 has no factor in common with the number of pairs: neighbours differ, and each has its turn.
  return wanted[((turn + pairs.length) * 397) % wanted.length] ?? [];
};

/** Quiet days ring no alarm, and a fault that lasts rings its own. */
const checkAlarms = (days: ReturnType<typeof windowsOf>[], { alarms, oracle }: World) => {
  for (const [index, windows] of days.entries()) {
    const dayMs = START_MS + index * DAY_MS;
    const [first, second] = windows;
    // No other fault was before.
    const isQuiet = !first && index === 0;
    for (const name of isQuiet ? alarms.rang(dayMs, dayMs + DAY_MS - HOUR_MS) : [])
      oracle.fail('quiet days ring no alarm', `${name} rang`);
    if (!first || second || first.toMs - first.fromMs < 2 * HOUR_MS) continue;
    const wanted = expected[first.fault];
    const rang = alarms.rang(first.fromMs, first.toMs + HOUR_MS / 2);
    if (wanted && !rang.includes(wanted))
      oracle.fail('each fault rings its own alarm', `${first.fault} rang ${rang}`);
  }
};

/** A world of its own, from its first receipt until nothing waits any more. */
export const runSeason = async (spec: Spec) => {
  const LATE = spec.faults ? undefined : LATE_RECEIPTS[spec.index % 20];
  const world = createWorld(LATE ? { ...spec, variables: { LATE_RECEIPTS: LATE } } : spec);
  const { oracle, people } = world;
  const endMs = START_MS + spec.days * DAY_MS;
  const days = Array.from({ length: spec.days }, (_, day) => faultsOf(spec, day));
  const windows = days.map((day, index) => windowsOf(day, START_MS + index * DAY_MS, world.choose));
  for (const { fault, fromMs, toMs } of windows.flat()) world.fault(fault, fromMs, toMs);
  world.watchQueues(endMs + TAIL_MS);
  people.start(endMs);
  world.operator.start(START_MS, endMs);
  await world.run(endMs + TAIL_MS);
  for (const queue of [world.source, world.dead]) queue.expireAll();
  oracle.settled(world.source.messages());
  checkAlarms(windows, world);

  const isMeasured = spec.measure !== undefined || (!spec.faults && spec.index % 20 === MEASURED);
  const { measures, worlds } = isMeasured
    ? await runMeasures(spec, oracle.fail)
    : { measures: {}, worlds: [] };
  const all = [world, ...worlds];
  const { ends, broken } = oracle;
  const hidden: Record<string, number> = oracle.hidden;
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
    pairs: days.filter(day => day.length === 2).map(day => day.join('+')),
    trace: all.map(({ clock }) => clock.trace()).join(),
    story: spec.story ? oracle.storyOf(spec.story) : [],
  };
};

export type SeasonResult = Awaited<ReturnType<typeof runSeason>>;
