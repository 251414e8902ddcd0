import { readFileSync } from 'node:fs';
import type { Fault } from '../world/faults.ts';

interface Alarm {
  name: string;
  /** Metrics and what they are of; of several, `value` makes one number. */
  metrics: string[];
  value: (...values: number[]) => number;
  statistic: 'sum' | 'most';
  periodMinutes: number;
  isBreached: (value: number) => boolean;
}

const field = (block: string, name: string): string =>
  new RegExp(`\\b${name}: ([^,}\\n]+)`).exec(block)?.[1]?.trim() ?? '';

const subjectOf = (block: string): string => {
  const dimensions = /Dimensions: (.+)/.exec(block)?.[1] ?? '';
  if (/deadLetters|DeadLetterQueue/.test(dimensions)) return 'dead ';
  return /replay/i.test(dimensions) ? 'replay ' : '';
};

const readAlarm = (block: string): Alarm => {
  const limit = Number(field(block, 'Threshold'));
  const expression = field(block, 'Expression');
  const metric = field(block, 'MetricName');
  return {
    name: field(block, 'AlarmName').replace(/^.*?name}-/, ''),
    metrics: expression ? ['Marked', 'Superseded'] : [`${subjectOf(block)}${metric}`],
    // The template's own metric math: plain arithmetic.
    value: expression
      ? (new Function('marked', 'superseded', `return ${expression}`) as Alarm['value'])
      : value => value,
    statistic: field(block, 'Stat') === 'Sum' || field(block, 'Statistic') === 'Sum' ? 'sum' : 'most',
    periodMinutes: Number(field(block, 'Period')) / 60,
    isBreached: value =>
      ({
        GreaterThanOrEqualToThreshold: value >= limit,
        GreaterThanThreshold: value > limit,
        LessThanThreshold: value < limit,
      })[field(block, 'ComparisonOperator')] ?? false,
  };
};

/** The alarms as they are deployed: name, metrics and threshold. */
const readAlarms = (): Alarm[] =>
  readFileSync(new URL('../../resources/alarms.yml', import.meta.url), 'utf8')
    .split(/^ {2}(?=\w+:\n)/m)
    .filter(block => block.includes('AWS::CloudWatch::Alarm'))
    .map(readAlarm);

let alarms: Alarm[] | undefined;

/** Which of them a fault that lasts for hours has to ring; one of those named is enough. */
export const expected: Partial<Record<Fault, string[]>> = {
  osm_unavailable: ['breaker-open'],
  osm_hangs: ['breaker-open'],
  osm_resets: ['breaker-open'],
  osm_errors_in_200: ['breaker-open'],
  osm_refuses: ['misconfigured'],
  spell_401: ['unauthorized'],
  bad_receipts: ['dead-letters'],
  second_reader: ['dead-letters'],
  paused: ['not-taken'],
  kills: ['function-errors'],
};

/** Metrics by the minute, and what CloudWatch would make of them. */
export const createAlarms = (now: () => number) => {
  alarms ??= readAlarms();
  const series = new Map<string, Map<number, { sum: number; most: number }>>();
  const inPeriods = ({ metrics, statistic, periodMinutes }: Alarm): Map<number, number[]> => {
    const periods = new Map<number, number[]>();
    for (const [index, metric] of metrics.entries()) {
      for (const [minute, { sum, most }] of series.get(metric) ?? []) {
        const period = Math.floor(minute / periodMinutes) * periodMinutes;
        const values = periods.get(period) ?? metrics.map(() => 0);
        periods.set(period, values);
        const before = values[index] as number;
        values[index] = statistic === 'sum' ? before + sum : Math.max(before, most);
      }
    }
    return periods;
  };
  return {
    record(metric: string, value: number) {
      const minutes = series.get(metric) ?? new Map<number, { sum: number; most: number }>();
      series.set(metric, minutes);
      const minute = Math.floor(now() / 60_000);
      const { sum, most } = minutes.get(minute) ?? { sum: 0, most: 0 };
      minutes.set(minute, { sum: sum + value, most: Math.max(most, value) });
    },
    /** Those that rang between two times. */
    rang(fromMs: number, toMs: number): string[] {
      const isWithin = (minute: number, { periodMinutes }: Alarm) =>
        (minute + periodMinutes) * 60_000 >= fromMs && minute * 60_000 <= toMs;
      return (alarms ?? [])
        .filter(alarm =>
          [...inPeriods(alarm)].some(
            ([minute, values]) => isWithin(minute, alarm) && alarm.isBreached(alarm.value(...values)),
          ),
        )
        .map(({ name }) => name);
    },
  };
};
