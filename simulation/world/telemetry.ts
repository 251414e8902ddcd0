import { type CountName, settledOf, type Telemetry } from '../../lib/telemetry.ts';

type Publish = (name: string, values: number[]) => void;

/**
 * Log lines and metrics without Powertools, at a tenth of the cost: what is printed, and what is published.
 *
 * @param print takes each line as it would be printed
 */
export const createLightTelemetry = (print: (line: string) => void, publish: Publish): Telemetry => {
  let counts = new Map<CountName, number>();
  const line =
    (level: string) =>
    (message: string, ...extra: unknown[]) =>
      print(JSON.stringify({ level, message, extra }, spellErrors));
  const log = { info: line('INFO'), warn: line('WARN'), error: line('ERROR'), appendKeys() {} };
  return {
    // As much of Powertools' logger as our code uses.
    log: log as unknown as Telemetry['log'],
    count(name, by = 1) {
      counts.set(name, (counts.get(name) ?? 0) + by);
    },
    settled(facts, values) {
      log.info('batch.settled', { ...Object.fromEntries(counts), ...facts });
      for (const [name, value] of Object.entries(settledOf(facts, counts))) publish(name, [value]);
      for (const [name, count] of counts) publish(name, [count]);
      for (const [name, list] of Object.entries(values)) publish(name, list);
      counts = new Map();
    },
  };
};

const spellErrors = (_: string, value: unknown) =>
  value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;

/** What the real telemetry prints: its lines, and the metrics that its EMF documents hold. */
export const readPrinted = (text: string, print: (line: string) => void, publish: Publish) => {
  for (const line of text.split('\n')) {
    if (!line) continue;
    print(line);
    if (!line.includes('"CloudWatchMetrics"')) continue;
    const document = JSON.parse(line);
    for (const { Name } of document._aws.CloudWatchMetrics[0].Metrics) publish(Name, [document[Name]].flat());
  }
};
