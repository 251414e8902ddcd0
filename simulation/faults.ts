import { HOUR_MS } from './engine/clock.ts';
import type { Random } from './engine/random.ts';

/** What can go wrong, and what it is for the world. */
export const faultNames = [
  // Huawei
  'osm_unavailable', // 503 to every call
  'osm_hangs', // no answer; half of the marks happen all the same
  'osm_resets', // connections break
  'osm_refuses', // the gateway refuses us: HTML 400, 402, 403 and 421 without an OSM code, 494
  'osm_errors_in_200', // 200 with OSM.01010014, or HTML
  'osm_flaky', // half of the calls get 500
  'osm_slow', // answers of three seconds
  'rate_limit', // the gateway allows 5 to 100 a second
  'tokens_die', // tokens end early, again and again
  'spell_401', // 401 to everything
  'case_401', // single cases always get 401
  'poison', // single cases hang, get 500 or an error that nobody knows
  'list_down', // ListMessages gets 503, 429, 401 or no answer
  'list_odd', // ListMessages gets 403, 404, HTML, or times that cannot be read
  'iam_down', // log-ins get 503, HTML or no answer
  'rotation', // the password or key is replaced, on either side first
  'wrong_secret', // someone saves a wrong one
  // AWS
  'store_down',
  'refusals_down',
  'sqs_duplicates',
  'sqs_misses',
  'sqs_partial', // batch answers that fail in part, or do not name an entry
  'sqs_throttled',
  'sqs_outage', // calls fail; half of them were carried out
  'kills', // sandboxes die at any call
  'deploys',
  'cold', // no sandbox lives longer than a batch
  'paused', // nothing is taken from the queue
  // People
  'clocks_off', // readers' clocks are minutes ahead or behind
  'late_apps', // receipts arrive hours later, some without read_at
  'second_reader', // a colleague without the group's id
  'bad_receipts', // malformed, invalid, of cases that do not exist
  'burst', // a thousand at once
  'operator_killed', // the run of a replay or discard dies midway
  'redrive', // the console's own, instead of a replay
] as const;
export type Fault = (typeof faultNames)[number];

/** Every pair of faults, in a fixed order. */
export const pairs: Fault[][] = faultNames.flatMap((one, index) =>
  faultNames.slice(index + 1).map(other => [one, other]),
);

/** These may last for most of a day, so that what waits grows old. */
const LONG: ReadonlySet<Fault> = new Set(['paused', 'osm_unavailable', 'wrong_secret', 'iam_down']);

/** When the faults of a day begin and end: they overlap, and most last minutes to hours. */
export const windowsOf = (day: readonly Fault[], dayMs: number, random: Random) => {
  const middle = dayMs + random.between(9, 15) * HOUR_MS;
  return day.map(fault => {
    const most = LONG.has(fault) && random.chance(0.15) ? 14 : 3;
    const before = random.between(0.1, most) * HOUR_MS;
    const after = random.between(0.1, most) * HOUR_MS;
    return { fault, fromMs: Math.max(dayMs, middle - before), toMs: middle + after };
  });
};

/** Trouble of single receipts, or of looks: who reads meanwhile and is prompt must not wait for it. */
const HARMLESS: ReadonlySet<Fault> = new Set([
  'case_401',
  'poison',
  'list_down',
  'list_odd',
  'refusals_down',
  'bad_receipts',
  'late_apps',
  'clocks_off',
  'second_reader',
  'burst',
  'operator_killed',
]);
/** Everything fails: nobody should keep calling. */
const OUTAGES: readonly Fault[] = ['osm_unavailable', 'osm_hangs', 'osm_resets'];

/** What is wrong now, and since when. */
export const createFaults = (now: () => number) => {
  const active = new Map<Fault, number>();
  const ended = new Map<Fault, number>();
  const counts = new Map<Fault, number>();
  return {
    on: (fault: Fault): boolean => active.size > 0 && active.has(fault),
    /** It is on, or was until so many milliseconds ago. */
    lately: (fault: Fault, ms: number): boolean =>
      active.has(fault) || now() - (ended.get(fault) ?? Number.NEGATIVE_INFINITY) <= ms,
    /** No trouble that stops others, for so long; but for those that are named. */
    isCalm: (ms: number, but: readonly Fault[] = []): boolean => {
      const isHarmless = (fault: Fault) => HARMLESS.has(fault) || but.includes(fault);
      return (
        [...active.keys()].every(isHarmless) &&
        [...ended].every(([fault, at]) => isHarmless(fault) || now() - at >= ms)
      );
    },
    /** Since when everything fails; undefined where it does not. */
    get outageSince() {
      const since = OUTAGES.flatMap(fault => active.get(fault) ?? []);
      return since.length > 0 ? Math.min(...since) : undefined;
    },
    /** One more of a kind begins, or one ends. True where the fault itself does: they may overlap. */
    change(fault: Fault, by: 1 | -1): boolean {
      const count = (counts.get(fault) ?? 0) + by;
      counts.set(fault, count);
      if (count !== (by > 0 ? 1 : 0)) return false;
      if (by > 0) active.set(fault, now());
      else if (active.delete(fault)) ended.set(fault, now());
      return true;
    },
  };
};

export type Faults = ReturnType<typeof createFaults>;
