import { readFileSync } from 'node:fs';
import { MINUTE_MS } from '../engine/clock.ts';
import type { Fault } from '../faults.ts';

const STATISTICS: Record<string, (values: number[]) => number> = {
  Sum: values => values.reduce((sum, value) => sum + value, 0),
  Maximum: values => Math.max(...values),
  Minimum: values => Math.min(...values),
};

const COMPARISONS: Record<string, (value: number, limit: number) => boolean> = {
  GreaterThanOrEqualToThreshold: (value, limit) => value >= limit,
  GreaterThanThreshold: (value, limit) => value > limit,
  LessThanThreshold: (value, limit) => value < limit,
};

const readAlarm = (block: string) => {
  const field = (name: string): string =>
    new RegExp(`\\b${name}: ([^,}\\n]+)`).exec(block)?.[1]?.trim() ?? '';
  const dimensions = /Dimensions: (.+)/.exec(block)?.[1] ?? '';
  const of = /replay/i.test(dimensions) ? 'replay ' : /dead-?letter/i.test(dimensions) ? 'dead ' : '';
  const periods = Number(field('EvaluationPeriods'));
  // The one threshold that is a param, by default 1.
  const limit = Number(field('Threshold').replace('${relay:deadLetterThreshold', '1'));
  const worth = STATISTICS[field('Statistic')];
  const compare = COMPARISONS[field('ComparisonOperator')];
  if (!worth || !compare) throw new Error(`An alarm that the simulation cannot read: ${block}`);
  return {
    name: /AlarmName: \S*}-(\S+)/.exec(block)?.[1] ?? '',
    metric: `${of}${field('MetricName')}`,
    periodMinutes: Number(field('Period')) / 60,
    periods,
    /** It rings where so many of so many periods in a row are breached. */
    datapoints: Number(field('DatapointsToAlarm') || periods),
    isBreached: (values: number[]) => compare(worth(values), limit),
  };
};
type Alarm = ReturnType<typeof readAlarm>;

/** The alarms as they are deployed: name, metric and threshold. */
const alarms: Alarm[] = readFileSync(new URL('../../resources/alarms.yml', import.meta.url), 'utf8')
  .split(/^ {2}(?=\w+:\n)/m)
  .filter(block => block.includes('AWS::CloudWatch::Alarm'))
  .map(readAlarm);

/** Which of them a fault that lasts for hours has to ring; one of those named is enough. */
export const expected: Partial<Record<Fault, string>> = {
  osm_unavailable: 'breaker-open',
  osm_hangs: 'breaker-open',
  osm_resets: 'breaker-open',
  osm_errors_in_200: 'breaker-open',
  osm_refuses: 'misconfigured',
  spell_401: 'unauthorized',
  bad_receipts: 'dead-letters',
  second_reader: 'dead-letters',
  paused: 'not-taken',
  kills: 'function-errors',
};

/** Metrics by the minute, and what CloudWatch would make of them. */
export const createAlarms = (now: () => number) => {
  const series = new Map(alarms.map(({ metric }) => [metric, [] as { minute: number; value: number }[]]));

  /** The minutes at whose end it rings. */
  const ringsAt = ({ metric, periodMinutes, periods, datapoints, isBreached }: Alarm): number[] => {
    const inPeriods = Map.groupBy(series.get(metric) ?? [], ({ minute }) =>
      Math.floor(minute / periodMinutes),
    );
    const breached = new Set<number>();
    for (const [period, points] of inPeriods)
      if (isBreached(points.map(({ value }) => value))) breached.add(period);
    const isRinging = (last: number) =>
      Array.from({ length: periods }, (_, back) => last - back).filter(each => breached.has(each)).length >=
      datapoints;
    return [...breached].filter(isRinging).map(period => (period + 1) * periodMinutes);
  };

  return {
    record(metric: string, value: number) {
      series.get(metric)?.push({ minute: Math.floor(now() / MINUTE_MS), value });
    },
    /** Those that rang between two times. */
    rang: (fromMs: number, toMs: number): string[] =>
      alarms
        .filter(alarm =>
          ringsAt(alarm).some(
            minute => minute * MINUTE_MS >= fromMs && (minute - alarm.periodMinutes) * MINUTE_MS <= toMs,
          ),
        )
        .map(({ name }) => name),
  };
};

export type Alarms = ReturnType<typeof createAlarms>;
