import { readFileSync } from 'node:fs';
import type { Fault } from '../world/faults.ts';

interface Alarm {
  name: string;
  metric: string;
  statistic: 'sum' | 'most';
  periodMinutes: number;
  isBreached: (value: number) => boolean;
}

const field = (block: string, name: string): string =>
  new RegExp(`\\b${name}: ([^,}\\n]+)`).exec(block)?.[1]?.trim() ?? '';

const readAlarm = (block: string): Alarm => {
  const limit = Number(field(block, 'Threshold'));
  const dimensions = /Dimensions: (.+)/.exec(block)?.[1] ?? '';
  const isReplay = /replay/i.test(dimensions);
  const isDead = /deadLetters|DeadLetterQueue/.test(dimensions);
  return {
    name: field(block, 'AlarmName').replace(/^.*?name}-/, ''),
    metric: `${isReplay ? 'replay ' : isDead ? 'dead ' : ''}${field(block, 'MetricName')}`,
    statistic: field(block, 'Statistic') === 'Sum' ? 'sum' : 'most',
    periodMinutes: Number(field(block, 'Period')) / 60,
    isBreached: value =>
      ({
        GreaterThanOrEqualToThreshold: value >= limit,
        GreaterThanThreshold: value > limit,
        LessThanThreshold: value < limit,
      })[field(block, 'ComparisonOperator')] ?? false,
  };
};

/** The alarms as they are deployed: name, metric and threshold. */
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
  /** The worth of each period that has any. */
  const inPeriods = ({ metric, statistic, periodMinutes }: Alarm): Map<number, number> => {
    const periods = new Map<number, number>();
    for (const [minute, { sum, most }] of series.get(metric) ?? []) {
      const period = Math.floor(minute / periodMinutes) * periodMinutes;
      const before = periods.get(period) ?? 0;
      periods.set(period, statistic === 'sum' ? before + sum : Math.max(before, most));
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
    rang: (fromMs: number, toMs: number): string[] =>
      (alarms ?? [])
        .filter(alarm =>
          [...inPeriods(alarm)].some(
            ([minute, value]) =>
              (minute + alarm.periodMinutes) * 60_000 >= fromMs &&
              minute * 60_000 <= toMs &&
              alarm.isBreached(value),
          ),
        )
        .map(({ name }) => name),
  };
};
