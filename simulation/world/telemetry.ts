import { type CountName, settledOf, type Telemetry } from '../../lib/telemetry.ts';

interface Outlet {
  print: (line: string) => void;
  publish: (name: string, values: number[]) => void;
}

const spellErrors = (_: string, value: unknown) =>
  value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;

/** Log lines and metrics without Powertools, at a tenth of the cost. */
export const createLightTelemetry = ({ print, publish }: Outlet): Telemetry => {
  const counts = new Map<CountName, number>();
  const say = (...parts: unknown[]) => print(JSON.stringify(parts, spellErrors));
  return {
    // As much of Powertools' logger as our code uses.
    log: { info: say, warn: say, error: say, appendKeys() {} } as unknown as Telemetry['log'],
    count(name, by = 1) {
      counts.set(name, (counts.get(name) ?? 0) + by);
    },
    settled(facts, values) {
      say('batch.settled', Object.fromEntries(counts), facts);
      for (const [name, value] of [...counts, ...Object.entries(settledOf(facts, counts))])
        publish(name, [value]);
      for (const [name, list] of Object.entries(values)) publish(name, list);
      counts.clear();
    },
  };
};

/** What the real telemetry prints: its lines, and the metrics that its EMF documents hold. */
export const readPrinted = (text: string, { print, publish }: Outlet) => {
  for (const line of text.split('\n').filter(Boolean)) {
    print(line);
    if (!line.includes('"CloudWatchMetrics"')) continue;
    const document = JSON.parse(line);
    for (const { Name } of document._aws.CloudWatchMetrics[0].Metrics) publish(Name, [document[Name]].flat());
  }
};
