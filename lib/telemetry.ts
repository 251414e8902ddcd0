import type { Outcome } from './failure.ts';

/**
 * The metrics, with their units: what an alarm or a widget reads, and nothing else, as each costs $0.30 a month for
 * every stage. Alarms and dashboard are held to these names by a test.
 */
export const metricUnits = {
  Marked: 'Count',
  Superseded: 'Count',
  /** Marked or superseded. Every batch says it, 0 too: no number means no receipts. */
  Settled: 'Count',
  /**
   * Superseded less marked, below 0 on a good day: more than half were superseded where the sum is above 0. What
   * LATE_RECEIPTS=shadow marks although it is superseded counts as superseded.
   */
  SupersededExcess: 'Count',
  LateUnchecked: 'Count',
  DeadLettered: 'Count',
  Calls: 'Count',
  Unauthorized: 'Count',
  Misconfigured: 'Count',
  BreakerOpened: 'Count',
  ReadLag: 'Milliseconds',
  OldestUnsettledAge: 'Seconds',
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

/** EMF takes a hundred values a metric and document. */
const MOST_VALUES = 100;

const sampleOf = (values: number[]): number[] => {
  if (values.length <= MOST_VALUES) return values;
  const sorted = values.toSorted((a, b) => a - b);
  const step = (sorted.length - 1) / (MOST_VALUES - 1);
  return Array.from({ length: MOST_VALUES }, (_, i) => sorted[Math.round(i * step)] as number);
};

/** Writes one line of standard output. */
type Print = (line: string) => void;
const toStdout: Print = line => {
  process.stdout.write(`${line}\n`);
};

type Fields = Record<string, unknown>;

const spellErrors = (_: string, value: unknown) =>
  value instanceof Error
    ? { name: value.name, message: value.message, stack: value.stack, cause: value.cause }
    : value;

/** The metrics' dimension too. */
const service = process.env.SERVICE_NAME || 'read-receipt-relay';

/** Whoever logs what somebody else threw, an error that is its own cause too, goes on. */
const lineOf = (frame: Fields, fields: Fields = {}): string => {
  try {
    return JSON.stringify({ ...frame, ...fields }, spellErrors);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    return JSON.stringify({ ...frame, unprintable: `fields ${Object.keys(fields).join(', ')}: ${reason}` });
  }
};

/** Log lines, a JSON object each. It never throws: of fields that no JSON can hold, the line says so. */
export const createLog = (print = toStdout) => {
  const always: Fields = { service };
  // Nothing is returned: Middy would take it for the function's answer.
  const say = (level: string) => (message: string, fields?: Fields) => {
    const timestamp = new Date().toISOString();
    print(lineOf({ level, message, timestamp, ...always }, fields));
  };
  return {
    info: say('INFO'),
    warn: say('WARN'),
    error: say('ERROR'),
    /** Fields of every line from now on. */
    appendKeys(keys: Fields) {
      Object.assign(always, keys);
    },
  };
};

/**
 * One document in CloudWatch's embedded metric format: CloudWatch makes metrics of it without a call. Cardinality is
 * bounded, as the service name is the only dimension.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
const documentOf = (values: Partial<Record<MetricName, number | number[]>>): string => {
  const Metrics = Object.keys(values).map(Name => ({ Name, Unit: metricUnits[Name as MetricName] }));
  const CloudWatchMetrics = [{ Namespace: 'ReadReceiptRelay', Dimensions: [['service']], Metrics }];
  return JSON.stringify({ _aws: { Timestamp: Date.now(), CloudWatchMetrics }, service, ...values });
};

/** Log lines and metrics, on standard output by default. */
export const createTelemetry = (print = toStdout) => {
  const log = createLog(print);
  const counts = new Map<CountName, number>();
  return {
    log,
    /** Adds to what the next `settled` tells. */
    count(name: CountName, by = 1) {
      counts.set(name, (counts.get(name) ?? 0) + by);
    },
    /**
     * Ends a batch: one line `batch.settled` with every count, and the metrics.
     *
     * @param facts what else the line holds; what was settled is marked or superseded there
     * @param distributions of each metric the values, of which an even sample is published
     */
    settled(facts: Facts, distributions: Record<Distribution, number[]>) {
      const counted = Object.fromEntries(Array.from(counts, ([name, count]) => [fieldOf(name), count]));
      log.info('batch.settled', { ...facts, ...counted });
      const Settled = facts.marked + facts.superseded;
      const SupersededExcess = 2 * (counts.get('Superseded') ?? 0) - Settled;
      const values: Parameters<typeof documentOf>[0] = { Settled, SupersededExcess };
      for (const [name, count] of counts) if (isMetric(name)) values[name] = count;
      for (const name of ['ReadLag', 'OldestUnsettledAge'] as const)
        if (distributions[name].length > 0) values[name] = sampleOf(distributions[name]);
      counts.clear();
      print(documentOf(values));
    },
  };
};

export type Telemetry = ReturnType<typeof createTelemetry>;
