import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Outcome } from './failure.ts';

const { Count, Milliseconds, Seconds } = MetricUnit;

/** Every metric and its unit; alarms and dashboard are held to these names by a test. */
export const metricUnits = {
  Receipts: Count,
  Marked: Count,
  Superseded: Count,
  LateUnchecked: Count,
  Coalesced: Count,
  Malformed: Count,
  Invalid: Count,
  Rejected: Count,
  Forbidden: Count,
  Failed: Count,
  Unauthorized: Count,
  Misconfigured: Count,
  RateLimited: Count,
  Unavailable: Count,
  Unreachable: Count,
  Timeout: Count,
  Unfinished: Count,
  DeadLettered: Count,
  Calls: Count,
  Throttles: Count,
  LogIns: Count,
  LogInsRefused: Count,
  BreakerOpened: Count,
  ReadLag: Milliseconds,
  OldestUnsettledAge: Seconds,
  BatchDuration: Milliseconds,
} as const;
export type MetricName = keyof typeof metricUnits;

/** The metric that counts receipts of an outcome: `rate_limited` is RateLimited. */
export const metricOf = (code: Outcome['code']): MetricName =>
  code.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase()) as MetricName;

/** EMF takes a hundred values a metric and document; more would be a document each. */
const MOST_VALUES = 100;

const sampleOf = (values: number[]): number[] => {
  if (values.length <= MOST_VALUES) return values;
  const sorted = values.toSorted((a, b) => a - b);
  const step = (sorted.length - 1) / (MOST_VALUES - 1);
  return Array.from({ length: MOST_VALUES }, (_, i) => sorted[Math.round(i * step)] as number);
};

/**
 * Log lines (JSON) and metrics (EMF) on standard output. Cardinality is bounded: the service name is the only
 * dimension. Counts are summed up and published once per batch.
 */
export const createTelemetry = () => {
  const log = new Logger();
  const metrics = new Metrics({ namespace: 'ReadReceiptRelay' });
  const counts = new Map<MetricName, number>();
  return {
    log,
    count(name: MetricName, by = 1) {
      counts.set(name, (counts.get(name) ?? 0) + by);
    },
    /** Publishes what was counted, and the values of distributions, of which it takes an even sample. */
    publish(values: Partial<Record<MetricName, number[]>>) {
      for (const [name, count] of counts) metrics.addMetric(name, metricUnits[name], count);
      for (const [name, list] of Object.entries(values) as [MetricName, number[]][]) {
        for (const value of sampleOf(list)) metrics.addMetric(name, metricUnits[name], value);
      }
      counts.clear();
      metrics.publishStoredMetrics();
    },
  };
};

export type Telemetry = ReturnType<typeof createTelemetry>;
