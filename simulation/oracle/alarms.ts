import { readFileSync } from 'node:fs';
import type { Fault } from '../world/faults.ts';

interface Alarm {
  name: string;
  metric: string;
  statistic: 'sum' | 'most' | 'least';
  periodMinutes: number;
  /** It rings where so many of so many periods in a row are breached. */
  datapoints: number;
  periods: number;
  isBreached: (value: number) => boolean;
}

const field = (block: string, name: string): string =>
  new RegExp(`\\b${name}: ([^,}\\n]+)`).exec(block)?.[1]?.trim() ?? '';

const STATISTICS: Record<string, Alarm['statistic']> = { Sum: 'sum', Maximum: 'most', Minimum: 'least' };

const readAlarm = (block: string): Alarm => {
  // The one threshold that is a param, by default 1.
  const limit = Number(field(block, 'Threshold').replace('${relay:deadLetterThreshold', '1'));
  const periods = Number(field(block, 'EvaluationPeriods'));
  const dimensions = /Dimensions: (.+)/.exec(block)?.[1] ?? '';
  const isReplay = /replay/i.test(dimensions);
  const isDead = /deadLetters|DeadLetterQueue/.test(dimensions);
  return {
    name: /AlarmName: \S*}-(\S+)/.exec(block)?.[1] ?? '',
    metric: `${isReplay ? 'replay ' : isDead ? 'dead ' : ''}${field(block, 'MetricName')}`,
    statistic: STATISTICS[field(block, 'Statistic')] ?? 'most',
    periodMinutes: Number(field(block, 'Period')) / 60,
    datapoints: Number(field(block, 'DatapointsToAlarm') || periods),
    periods,
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

const COMBINE = {
  sum: (a: number, b: number) => a + b,
  most: Math.max,
  least: Math.min,
};

/** Metrics by the minute, and what CloudWatch would make of them. */
export const createAlarms = (now: () => number) => {
  alarms ??= readAlarms();
  const series = new Map<string, Map<number, Record<Alarm['statistic'], number>>>();
  /** The worth of each period that has any. */
  const inPeriods = ({ metric, statistic, periodMinutes }: Alarm): Map<number, number> => {
    const periods = new Map<number, number>();
    for (const [minute, values] of series.get(metric) ?? []) {
      const period = Math.floor(minute / periodMinutes);
      const [value, before] = [values[statistic], periods.get(period)];
      periods.set(period, before === undefined ? value : COMBINE[statistic](before, value));
    }
    return periods;
  };
  /** The minutes at whose end it rings. */
  const ringsAt = (alarm: Alarm): number[] => {
    const breached = new Set(
      Array.from(inPeriods(alarm), ([period, value]) => (alarm.isBreached(value) ? period : Number.NaN)),
    );
    const isRinging = (last: number) =>
      Array.from({ length: alarm.periods }, (_, back) => last - back).filter(each => breached.has(each))
        .length >= alarm.datapoints;
    return [...breached].filter(isRinging).map(period => (period + 1) * alarm.periodMinutes);
  };
  return {
    record(metric: string, value: number) {
      const minutes = series.get(metric) ?? new Map<number, Record<Alarm['statistic'], number>>();
      series.set(metric, minutes);
      const minute = Math.floor(now() / 60_000);
      const { sum, most, least } = minutes.get(minute) ?? { sum: 0, most: value, least: value };
      minutes.set(minute, {
        sum: COMBINE.sum(sum, value),
        most: COMBINE.most(most, value),
        least: COMBINE.least(least, value),
      });
    },
    /** Those that rang between two times. */
    rang: (fromMs: number, toMs: number): string[] =>
      (alarms ?? [])
        .filter(alarm =>
          ringsAt(alarm).some(
            minute => minute * 60_000 >= fromMs && (minute - alarm.periodMinutes) * 60_000 <= toMs,
          ),
        )
        .map(({ name }) => name),
  };
};
