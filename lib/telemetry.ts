import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Outcome } from './failure.ts';

/**
 * The metrics, with their units: what an alarm or a widget reads, and nothing else, as each costs $0.30 a month for
 * every stage. Alarms and dashboard are held to these names by a test.
 */
export const metricUnits = {
  Marked: MetricUnit.Count,
  Superseded: MetricUnit.Count,
  /** Marked or superseded. Every batch says it, 0 too: no number means no receipts. */
  Settled: MetricUnit.Count,
  /**
   * Superseded less marked, below 0 on a good day: more than half were superseded where the sum is above 0. What
   * LATE_RECEIPTS=shadow marks although it is superseded counts as superseded.
   */
  SupersededExcess: MetricUnit.Count,
  LateUnchecked: MetricUnit.Count,
  DeadLettered: MetricUnit.Count,
  Calls: MetricUnit.Count,
  Unauthorized: MetricUnit.Count,
  Misconfigured: MetricUnit.Count,
  BreakerOpened: MetricUnit.Count,
  ReadLag: MetricUnit.Milliseconds,
  OldestUnsettledAge: MetricUnit.Seconds,
} as const;
export type MetricName = keyof typeof metricUnits;

/** What is counted beside them: it stands in the log line `batch.settled` alone. */
type Logged =
  | 'Malformed'
  | 'Invalid'
  | 'Rejected'
  | 'Forbidden'
  | 'Failed'
  | 'RateLimited'
  | 'Unavailable'
  | 'Unreachable'
  | 'Timeout'
  | 'Unfinished'
  | 'Coalesced'
  | 'Throttles'
  | 'LogIns'
  | 'LogInsRefused';
type Facts = Record<string, number> & { marked: number; superseded: number };
type Distribution = 'ReadLag' | 'OldestUnsettledAge';
export type CountName = Exclude<MetricName, Distribution | 'Settled' | 'SupersededExcess'> | Logged;

const isMetric = (name: string): name is MetricName => name in metricUnits;

/** The name under which receipts of an outcome are counted: `rate_limited` is RateLimited. */
export const metricOf = (code: Outcome['code']): CountName =>
  code.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase()) as CountName;

/** And in the log line: LogIns is `log_ins`. */
const fieldOf = (name: CountName): string =>
  name.replace(/(?<=.)[A-Z]/g, letter => `_${letter}`).toLowerCase();

/** EMF takes a hundred values a metric and document, and Powertools ends a document with the hundredth. */
const MOST_VALUES = 99;

const sampleOf = (values: number[]): number[] => {
  if (values.length <= MOST_VALUES) return values;
  const sorted = values.toSorted((a, b) => a - b);
  const step = (sorted.length - 1) / (MOST_VALUES - 1);
  return Array.from({ length: MOST_VALUES }, (_, i) => sorted[Math.round(i * step)] as number);
};

/** The two metrics that are computed; exported for the simulation, which has its own telemetry. */
export const settledOf = (facts: Facts, counts: ReadonlyMap<CountName, number>) => {
  const Settled = facts.marked + facts.superseded;
  return { Settled, SupersededExcess: 2 * (counts.get('Superseded') ?? 0) - Settled };
};

/**
 * Log lines (JSON) and metrics (EMF) on standard output. Cardinality is bounded: the service name is the only
 * dimension.
 */
export const createTelemetry = () => {
  const log = new Logger();
  const metrics = new Metrics({ namespace: 'ReadReceiptRelay' });
  const counts = new Map<CountName, number>();
  const count = (name: CountName, by = 1) => {
    counts.set(name, (counts.get(name) ?? 0) + by);
  };
  return {
    log,
    /** Adds to what the next `settled` tells. */
    count,
    /**
     * Ends a batch: one line `batch.settled` with every count, and the metrics.
     *
     * @param facts what else the line holds; what was settled is marked or superseded there
     * @param values of distributions, of which it publishes an even sample
     */
    settled(facts: Facts, values: Record<Distribution, number[]>) {
      const all = Object.fromEntries(Array.from(counts, ([name, count]) => [fieldOf(name), count]));
      log.info('batch.settled', { ...facts, ...all });
      const both = settledOf(facts, counts);
      for (const name of ['Settled', 'SupersededExcess'] as const)
        metrics.addMetric(name, metricUnits[name], both[name]);
      for (const [name, count] of counts) {
        if (isMetric(name)) metrics.addMetric(name, metricUnits[name], count);
      }
      for (const name of ['ReadLag', 'OldestUnsettledAge'] as const) {
        for (const value of sampleOf(values[name])) metrics.addMetric(name, metricUnits[name], value);
      }
      counts.clear();
      metrics.publishStoredMetrics();
    },
  };
};

export type Telemetry = ReturnType<typeof createTelemetry>;
