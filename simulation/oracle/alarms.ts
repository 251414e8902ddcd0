import { readFileSync } from 'node:fs';
import type { Fault } from '../world/faults.ts';

interface Alarm {
  name: string;
  metric: string;
  queue: string;
  statistic: 'Sum' | 'Maximum';
  periodSeconds: number;
  isBreached: (value: number) => boolean;
}

const field = (block: string, name: string): string | undefined =>
  new RegExp(`^\\s+${name}: (.+)$`, 'm').exec(block)?.[1]?.trim();

/** The alarms of the template that have one metric each: name, metric and threshold, as they are deployed. */
const readAlarms = (): Alarm[] => {
  const template = readFileSync(new URL('../../resources/alarms.yml', import.meta.url), 'utf8');
  return template.split(/^ {2}(?=\w+:\n)/m).flatMap(block => {
    const metric = field(block, 'MetricName');
    const [threshold, comparison = ''] = [field(block, 'Threshold'), field(block, 'ComparisonOperator')];
    if (!block.includes('AWS::CloudWatch::Alarm') || !metric || threshold === undefined) return [];
    const limit = Number(threshold);
    return {
      name: field(block, 'AlarmName')?.replace(/^.*?name}-/, '') ?? '',
      metric,
      queue: /deadLetters|DeadLetterQueue\.QueueName/.test(field(block, 'Dimensions') ?? '')
        ? 'dead'
        : 'source',
      statistic: field(block, 'Statistic') === 'Sum' ? 'Sum' : 'Maximum',
      periodSeconds: Number(field(block, 'Period')),
      isBreached: {
        GreaterThanOrEqualToThreshold: (value: number) => value >= limit,
        GreaterThanThreshold: (value: number) => value > limit,
        LessThanThreshold: (value: number) => value < limit,
      }[comparison] as Alarm['isBreached'],
    };
  });
};

let alarms: Alarm[] | undefined;

/** Which of them a fault that lasts for hours has to ring; one of those named is enough. */
export const expected: Partial<Record<Fault, string[]>> = {
  osm_unavailable: ['breaker-open'],
  osm_hangs: ['breaker-open'],
  osm_resets: ['breaker-open'],
  osm_errors_in_200: ['breaker-open'],
  osm_refuses: ['misconfigured'],
  spell_401: ['unauthorized'],
  wrong_secret: ['unauthorized'],
  bad_receipts: ['dead-letters'],
  second_reader: ['dead-letters'],
  paused: ['not-taken'],
  kills: ['function-errors'],
};

/** Metrics by alarm and period, as CloudWatch would sum them up. */
export const createAlarms = (now: () => number) => {
  alarms ??= readAlarms();

  const periods = new Map<Alarm, Map<number, number>>();
  const record = (metric: string, value: number, queue = 'source') => {
    for (const alarm of alarms ?? []) {
      if (alarm.metric !== metric || alarm.queue !== queue) continue;
      const byPeriod = periods.get(alarm) ?? new Map<number, number>();
      periods.set(alarm, byPeriod);
      const period = Math.floor(now() / 1000 / alarm.periodSeconds);
      const before = byPeriod.get(period);
      if (alarm.statistic === 'Sum') byPeriod.set(period, (before ?? 0) + value);
      else byPeriod.set(period, Math.max(before ?? value, value));
    }
  };
  return {
    record,
    /** Those that rang between two times. */
    rang(fromMs: number, toMs: number): Set<string> {
      const names = new Set<string>();
      for (const [{ name, periodSeconds, isBreached }, byPeriod] of periods) {
        for (const [period, value] of byPeriod) {
          const at = period * periodSeconds * 1000;
          if (at + periodSeconds * 1000 >= fromMs && at <= toMs && isBreached(value)) names.add(name);
        }
      }
      return names;
    },
  };
};
