// `npm start`: the relay between an SQS queue and a Huawei Cloud that misbehaves, on this machine alone.
// `npm start -- --once` ends by itself; its exit code tells whether the numbers add up.
import { constants } from 'node:os';
import path from 'node:path';
import { type EventSourceMapping, startEventSourceMapping } from '../lambda/event-source-mapping.ts';
import { startFunction } from '../lambda/function.ts';
import { bundleOf } from '../serverless.ts';
import { openWorld } from '../world.ts';
import { COMMAND, LATE_AFTER_SECONDS, play } from './acts.ts';
import { createNarrator } from './narrator.ts';
import { cases, GROUP } from './receipts.ts';
import { failed, heading, paragraph, print, say } from './screen.ts';

const BUNDLE = bundleOf('mark-as-read');
/** serverless.yml's numbers, but for what makes a person wait. */
const BATCH_SIZE = 1000;
const WINDOW_SECONDS = 1;
const FUNCTION_TIMEOUT_MS = 8_000;

const options = process.argv.slice(2);
if (options.some(option => option !== '--once')) {
  failed('The only option is --once: play the acts, check the numbers, end.');
  process.exit(2);
}

const ctrlC = new Promise<number>(resolve => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => resolve(128 + constants.signals[signal]));
});

const world = await openWorld();
const place = await world.open({ cases });
const { huawei, consumer, variables } = place;
huawei.osm.list({ fraction: 3 });
const narrator = createNarrator(huawei.osm.unread);
const lambda = startFunction({
  bundle: BUNDLE,
  env: {
    ...variables,
    LATE_AFTER_SECONDS: String(LATE_AFTER_SECONDS),
    SERVICE_NAME: 'read-receipt-relay-local',
  },
  timeoutMs: FUNCTION_TIMEOUT_MS,
  onLine: narrator.tell,
});
let mapping: EventSourceMapping | undefined;
let isEnding = false;

const startReading = () => {
  mapping = startEventSourceMapping({
    consumer,
    invoke(event) {
      narrator.batch(event.Records.length);
      return lambda.invoke(event);
    },
    batchSize: BATCH_SIZE,
    windowSeconds: WINDOW_SECONDS,
    onError({ message }) {
      if (!isEnding) say('trouble', '', `the batch failed as a whole: ${message}`);
    },
  });
};

const stayUp = () => {
  for (const caseId of ['demo-1', 'demo-2', 'demo-team']) huawei.osm.addCase(caseId, { unread: 3 });
  heading('Your turn');
  paragraph('Everything stays up until Ctrl-C. In another terminal, in this folder:');
  print();
  if (process.env.AWS_PROFILE) print('  unset AWS_PROFILE');
  for (const [name, value] of Object.entries(variables)) {
    // In terms of the other queue it is short enough to be copied from a narrow terminal.
    const rest = name === 'QUEUE_URL' ? value : value.replace(variables.QUEUE_URL, '$QUEUE_URL');
    print(`  export ${name}=${rest}`);
  }
  print();
  print(`  ${COMMAND} send --case demo-1`);
  print(`  ${COMMAND} send --case demo-team --group ${GROUP}`);
  for (const verb of ['status', 'doctor', 'list']) print(`  ${COMMAND} ${verb}`);
  print();
  paragraph(
    'Three new messages wait on each of demo-1, demo-2 and demo-team; what becomes of them shows here.',
  );
  print();
};

heading('read-receipt-relay, on this machine alone');
paragraph(
  'Someone reads the messages of a support case, and a read receipt goes onto a queue. The function takes receipts from the queue in batches and marks their cases as read at Huawei Cloud. Here is what becomes of each.',
);
print();
print(`  The queue      SQS at ${variables.AWS_ENDPOINT_URL}, in memory`);
print(`  The function   ${path.relative('', path.dirname(BUNDLE))}, the files that go to Lambda`);
print(`  Huawei Cloud   a stand-in for IAM and OSM at ${huawei.url}`);

const acts = play({ place, narrator, startReading }).then(
  good => (good ? 0 : 1),
  (error: Error) => {
    if (!isEnding) failed(error.message);
    return 1;
  },
);
const exitCode = await Promise.race([ctrlC, acts]);
if (exitCode === 0 && !options.includes('--once')) {
  stayUp();
  await ctrlC;
}
isEnding = true;
const stopped = mapping?.stop();
await lambda.stop();
await stopped;
await place.close();
await world.close();
process.exit(exitCode);
