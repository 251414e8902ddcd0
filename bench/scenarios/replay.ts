import { bundleOf } from '../../local/serverless.ts';
import { plainReplayFile } from '../bundles.ts';
import { receiptOf } from '../events.ts';
import { openPlace, startFunction } from '../processes.ts';
import { type Bench, interleaved, type Scenario, tableOf } from '../scenario.ts';
import { digits, medianOf } from '../stats.ts';

const LETTERS = 10_000;
/** As many polls at once as lib/dead-letters/scan.ts has under way. */
const LANES = 10;

const contestants = [
  { title: 'this project', file: bundleOf('replay'), event: { all: true } },
  { title: 'plain SDK calls', file: plainReplayFile, event: { concurrency: LANES } },
];

const measure = async ({ world }: Bench, { title, file, event }: (typeof contestants)[number]) => {
  await using place = await openPlace(world);
  const failure = JSON.stringify({
    code: 'forbidden',
    detail: 'OSM answered 200: OSM.01010002',
    dead_lettered_at: new Date().toISOString(),
  });
  for (let index = 0; index < LETTERS; index++)
    place.deadLetters.put(JSON.stringify(receiptOf(`replay-${index}`)), {
      failure: { DataType: 'String', StringValue: failure },
      replays: { DataType: 'Number', StringValue: '0' },
      failure_code: { DataType: 'String', StringValue: 'forbidden' },
    });
  await using running = await startFunction(file, place);
  const run = await running.invoke({ event });
  const { replayed } = (run.answer ?? {}) as { replayed?: number };
  if (replayed !== LETTERS) throw new Error(`${title} replayed ${replayed}: ${run.error ?? ''}`);
  return { perSecond: (LETTERS / run.ms) * 1000, cpuMs: run.cpuMs, peakMb: run.peakMb };
};

export const replay: Scenario = async bench => {
  const rounds = Math.ceil(bench.rounds / 3);
  const all = await interleaved({ rounds, targets: contestants }, contestant => measure(bench, contestant));
  const rates = all.map(({ runs }) => medianOf(runs.map(run => run.perSecond)));
  return {
    title: `Replay of ${digits(LETTERS)} dead letters`,
    ...tableOf(all, {
      'messages a second': run => run.perSecond,
      'CPU per message, µs': run => (run.cpuMs * 1000) / LETTERS,
      'peak memory, MB': run => run.peakMb,
    }),
    goals: [['rate beside the plain calls', (rates[0] ?? 0) / (rates[1] ?? 0), '≥', 0.8]],
    notes: [
      `The plain calls are ReceiveMessage, SendMessageBatch and DeleteMessageBatch in ${LANES} loops; ours filters, guards against loops, counts and waits until the queue is truly empty. The rate is that of the embedded queue, of whose CPU both leave little. It has no StartMessageMoveTask; SQS’s own moves 500 a second at most.`,
    ],
  };
};
