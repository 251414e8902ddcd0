// `npm start`: the relay between an SQS queue and a Huawei Cloud that misbehaves, on this machine alone.
// `npm start -- --once` ends by itself; its exit code tells whether the numbers add up.
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { count } from '../../lib/cli/screen/text.ts';
import { play } from './acts.ts';
import { BUNDLE, openEnvironment } from './environment.ts';
import { createNarrator } from './narrator.ts';
import { COMMAND } from './relay-command.ts';
import { cases, GROUP } from './scenario.ts';
import { heading, paragraph, print, say, verdict } from './screen.ts';

const options = process.argv.slice(2);
const once = options.includes('--once');
if (options.some(option => option !== '--once')) {
  verdict(false, 'The only option is --once: play the acts, check the numbers, end.');
  process.exit(2);
}
if (!existsSync(BUNDLE)) {
  verdict(false, 'There is no bundle of the function yet. Run: npm run build');
  process.exit(1);
}

const interrupted = new AbortController();
const ctrlC = new Promise<number>(resolve => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      interrupted.abort();
      resolve(128 + constants.signals[signal]);
    });
});

const narrator = createNarrator({
  unread: caseId => huawei.osm.unread(caseId),
  logIns: () => huawei.iam.logIns,
  refusals: () => huawei.requests.filter(({ kind, status }) => kind === 'mark' && status === 401).length,
});
const environment = await openEnvironment({
  cases,
  onLine: narrator.tell,
  onInvoke({ Records }) {
    narrator.beforeInvocation(environment.unread());
    say('batch', '', `Lambda hands ${count(Records.length, 'receipt')} to the function`);
  },
  onBatch({ error }) {
    if (error && !interrupted.signal.aborted)
      say('trouble', '', `the batch failed as a whole: ${error.message}`);
  },
});
const { huawei, variables } = environment;

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
  print(`  ${COMMAND} status`);
  print(`  ${COMMAND} doctor`);
  print(`  ${COMMAND} list`);
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

const exitCode = await Promise.race([
  ctrlC,
  play({ environment, narrator, interrupted: interrupted.signal }).then(
    good => (good ? 0 : 1),
    (error: Error) => {
      if (!interrupted.signal.aborted) verdict(false, error.message);
      return 1;
    },
  ),
]);
if (exitCode === 0 && !once) {
  stayUp();
  await ctrlC;
}
await environment.close();
process.exit(exitCode);
