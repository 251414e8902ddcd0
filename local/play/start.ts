// `npm start`: the relay between a real SQS queue and a Huawei Cloud that misbehaves, on this machine alone.
// `npm start -- --once` ends by itself; its exit code tells whether the numbers add up.
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUNDLE, openEnvironment } from './environment.ts';
import { createNarrator } from './narrator.ts';
import { runRelay } from './relay-command.ts';
import { afterRevocation, cases, duringOutage, everyKind, GROUP, type Wish, whileBusy } from './scenario.ts';
import { count, heading, paragraph, print, say, table, verdict } from './screen.ts';
import { type Sent, summarize } from './summary.ts';

/** Longer than any act may take: two back-offs, the breaker and a slow machine. */
const PATIENCE_MS = 60_000;
const RETRY_AFTER_SECONDS = 4;

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
  hiddenSeconds: messageId => environment.hiddenSeconds(messageId),
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
const sent: Sent[] = [];

const send = async (wishes: Wish[]): Promise<Sent[]> => {
  const ids = await environment.send(wishes.map(({ body }) => body));
  const some = wishes.map((wish, index) => ({ ...wish, id: ids[index] ?? '' }));
  for (const { id, who } of some) narrator.names.set(id, who);
  for (const same of Map.groupBy(some, ({ who, why }) => `${who}: ${why}`).values()) {
    const [one] = same;
    if (one) say('sent', one.who, same.length > 1 ? `${same.length} times: ${one.why}` : one.why);
  }
  sent.push(...some);
  return some;
};
const until = async (what: string, holds: () => boolean) => {
  const giveUp = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > giveUp) throw new Error(`${what} did not happen within ${PATIENCE_MS / 1000} s.`);
    await sleep(50);
  }
};
const ended = (some: Sent[]) =>
  until('The end of every receipt', () => some.every(({ id }) => narrator.ends.has(id)));

const play = async (): Promise<boolean> => {
  const before = environment.unread();

  heading('1. Receipts of every kind');
  paragraph(
    'Equal receipts become one call. What can never succeed becomes a dead letter that says why; nothing else does.',
  );
  const first = await send(everyKind());
  await environment.startReading();
  await ended(first);

  heading('2. The token dies early');
  paragraph('A refused token is replaced by a fresh one, and the call is made once more.');
  say('huawei', '', 'ends every token before its time');
  huawei.iam.revokeTokens();
  await ended(await send(afterRevocation()));

  heading('3. A rate limit');
  paragraph('The receipt goes back to the queue and stays hidden for as long as Huawei asked.');
  say('huawei', '', `answers 429 with Retry-After: ${RETRY_AFTER_SECONDS} to the next call`);
  huawei.faults.add({ does: 'retry_after', after: RETRY_AFTER_SECONDS, match: { kind: 'mark' }, times: 1 });
  await ended(await send(whileBusy()));

  heading('4. An outage that ends');
  paragraph(
    'An outage of less than a day costs no receipt: each comes back by its own back-off, at most 5 s at first, then twice as long each time.',
  );
  say('huawei', '', 'is down: 502 and a page of HTML to every call');
  const outage = huawei.faults.add({ does: 'html502', match: { kind: 'mark' } });
  const waiting = await send(duringOutage());
  await until('A back-off for every receipt', () => waiting.every(({ id }) => narrator.delays.has(id)));
  outage.remove();
  say('huawei', '', 'is up again');
  await ended(waiting);

  heading('5. Dead letters, repaired and replayed');
  paragraph('What was forbidden lacked its group_id. The command line puts it in and sends it back.');
  await runRelay(['list'], variables, interrupted.signal);
  const forbidden = sent.filter(({ end }) => end === 'forbidden').length;
  await runRelay(
    ['replay', '--code', 'forbidden', '--set', `group_id=${GROUP}`, '--yes'],
    variables,
    interrupted.signal,
  );
  print();
  await until('The end of every replayed receipt', () => narrator.ends.size >= sent.length + forbidden);

  heading('What became of it');
  // The last batch is deleted a moment after its lines are written.
  await until('An empty queue', () => environment.waiting() === 0);
  const { rows, problems } = summarize({
    sent,
    replayed: forbidden,
    narrator,
    waiting: environment.waiting(),
    deadLetterCodes: environment.deadLetterCodes(),
    marks: huawei.osm.marks,
    logIns: huawei.iam.logIns,
    before,
    after: environment.unread(),
  });
  table(rows);
  print();
  for (const problem of problems) verdict(false, problem);
  const good = problems.length === 0;
  verdict(good, good ? 'The numbers add up.' : 'The numbers do not add up.');
  return good;
};

const stayUp = () => {
  for (const caseId of ['demo-1', 'demo-2', 'demo-team']) huawei.osm.addUnread(caseId, 3);
  heading('Your turn');
  paragraph('Everything stays up until Ctrl-C. In another terminal, in this folder:');
  print();
  if (process.env.AWS_PROFILE) print('  unset AWS_PROFILE');
  for (const [name, value] of Object.entries(variables)) print(`  export ${name}=${value}`);
  print();
  print('  npx relay send --case demo-1');
  print(`  npx relay send --case demo-team --group ${GROUP}`);
  print('  npx relay status');
  print('  npx relay doctor');
  print('  npx relay list');
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
  play().then(
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
