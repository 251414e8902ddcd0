import { createTelemetry } from '../lib/telemetry.ts';
import { printedSince, printedSoFar } from './output/printed.ts';

const batch = { receipts: 0, marks: 0, dead_lettered: 0, delayed: 0, left: 0, duration_ms: 1 };
const none = { ReadLag: [], OldestUnsettledAge: [] };

/** What is printed at the end of a batch: the log line, and the metrics. */
const printed = (end: () => void): Record<string, unknown>[] => {
  const from = printedSoFar();
  end();
  return printedSince(from)
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));
};

test.each([
  ['marked and superseded', { marked: 1, superseded: 3 }, { Marked: 1, Superseded: 3 }, 4, 2],
  [
    'marked, and superseded had it not been in shadow',
    { marked: 4, superseded: 0 },
    { Marked: 4, Superseded: 3 },
    4,
    2,
  ],
  ['half and half', { marked: 2, superseded: 2 }, { Marked: 2, Superseded: 2 }, 4, 0],
  ['nothing', { marked: 0, superseded: 0 }, {}, 0, 0],
])('a batch says how many it settled, and how many more were superseded than marked: %s', (...row) => {
  const [, results, counts, Settled, SupersededExcess] = row;
  const telemetry = createTelemetry();
  for (const [name, by] of Object.entries(counts)) telemetry.count(name as 'Marked', by);
  const [, metrics] = printed(() => telemetry.settled({ ...batch, ...results }, none));
  expect(metrics).toMatchObject({ ...counts, Settled, SupersededExcess });
});

test('every count stands in the log line, once; of the metrics only what is read somewhere', () => {
  const telemetry = createTelemetry();
  telemetry.count('LogInsRefused');
  telemetry.count('LogInsRefused', 2);
  const settle = () => telemetry.settled({ ...batch, marked: 0, superseded: 0 }, none);
  const [line, metrics] = printed(settle);
  expect(line).toMatchObject({ message: 'batch.settled', log_ins_refused: 3, marked: 0 });
  expect(metrics).not.toHaveProperty('LogInsRefused');
  expect(printed(settle)[0]).not.toHaveProperty('log_ins_refused');
});

test('of many values an even sample is published, with the least and the most', () => {
  const values = Array.from({ length: 1000 }, (_, index) => index);
  const settle = () =>
    createTelemetry().settled({ ...batch, marked: 0, superseded: 0 }, { ...none, ReadLag: values });
  const [, metrics, ...more] = printed(settle);
  expect(more).toEqual([]);
  const lags = metrics?.ReadLag as number[];
  expect(lags).toHaveLength(100);
  expect([lags[0], lags.at(-1)]).toEqual([0, 999]);
});

const circle = new Error('a circle');
circle.cause = circle;

test.each([
  ['an error that is its own cause', circle],
  ['a number beyond JSON', 1n],
  [
    'what throws when it is read',
    {
      get value() {
        throw new Error('not for you');
      },
    },
  ],
])('whoever logs %s goes on, and the line says what is missing', (_, value) => {
  const [line] = printed(() => createTelemetry().log.error('receipt.crashed', { value, message_id: 'm' }));
  expect(line).toMatchObject({ level: 'ERROR', message: 'receipt.crashed' });
  expect(line?.unprintable).toMatch(/^fields value, message_id: /);
});
