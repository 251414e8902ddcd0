import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, LATE_AFTER_SECONDS } from './environment.ts';
import type { Narrator } from './narrator.ts';
import { runCommand } from './relay-command.ts';
import {
  afterRevocation,
  duringOutage,
  everyKind,
  GROUP,
  LATE_CASE,
  nextReader,
  type Receipt,
  readBeforeOutage,
  whileBusy,
} from './scenario.ts';
import { heading, paragraph, print, say, table, verdict } from './screen.ts';
import { type Sent, summarize } from './summary.ts';

/** Longer than any act may take: two back-offs, the breaker and a slow machine. */
const PATIENCE_MS = 60_000;
const RETRY_AFTER_SECONDS = 4;

interface Stage {
  environment: Environment;
  narrator: Narrator;
  interrupted: AbortSignal;
}

/**
 * Plays the acts one after the other, and adds up.
 *
 * @returns whether the numbers add up
 * @throws Error where something did not come to its end in a minute
 */
export const play = async ({ environment, narrator, interrupted }: Stage): Promise<boolean> => {
  const { huawei, variables } = environment;
  const sent: Sent[] = [];
  const before = environment.unread();

  const send = (receipts: Receipt[]): Sent[] => {
    const some = receipts.map(receipt => ({ ...receipt, id: environment.send(receipt.body) }));
    for (const { id, who } of some) {
      narrator.names.set(id, who);
      huawei.osm.read(who);
    }
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

  /** Huawei is down while receipts come in, until each has its back-off and more has happened. */
  const outage = async (receipts: () => Receipt[], meanwhile: () => Promise<void> = async () => {}) => {
    say('huawei', '', 'is down: 502 and a page of HTML to every call');
    const down = huawei.faults.add({ does: 'html502', match: { kind: 'mark' } });
    const waiting = send(receipts());
    await until('A back-off for every receipt', () => waiting.every(({ id }) => narrator.delays.has(id)));
    await meanwhile();
    down.remove();
    say('huawei', '', 'is up again');
    await ended(waiting);
  };

  heading('1. Receipts of every kind');
  paragraph(
    'Equal receipts become one call. What can never succeed becomes a dead letter that says why; nothing else does.',
  );
  const first = send(everyKind());
  await environment.startReading();
  await ended(first);

  heading('2. The token dies early');
  paragraph('A refused token is replaced by a fresh one, and the call is made once more.');
  say('huawei', '', 'ends every token before its time');
  huawei.iam.revokeTokens();
  await ended(send(afterRevocation()));

  heading('3. A rate limit');
  paragraph('The receipt goes back to the queue and stays hidden for as long as Huawei asked.');
  say('huawei', '', `answers 429 with Retry-After: ${RETRY_AFTER_SECONDS} to the next call`);
  huawei.faults.add({ does: 'retry_after', after: RETRY_AFTER_SECONDS, match: { kind: 'mark' }, times: 1 });
  await ended(send(whileBusy()));

  heading('4. An outage that ends');
  paragraph(
    'An outage of less than a day costs no receipt: each comes back by its own back-off, at most 5 s at first, then twice as long each time.',
  );
  await outage(duringOutage);

  heading('5. A late receipt hides nothing');
  paragraph(
    `A mark clears the whole case as of now. So a receipt that comes late (here after ${LATE_AFTER_SECONDS} s, in truth after a minute) is looked at first: what the other side wrote after the person looked stays unread.`,
  );
  await outage(readBeforeOutage, async () => {
    await sleep(LATE_AFTER_SECONDS * 1000);
    say('huawei', LATE_CASE, 'the engineer answers while the receipt waits');
    huawei.osm.write(LATE_CASE, { content: 'Please try again.' });
  });
  say('huawei', LATE_CASE, `the answer is still unread: ${huawei.osm.unread(LATE_CASE)} messages are`);
  await ended(send(nextReader()));

  heading('6. Dead letters, repaired and replayed');
  paragraph('What was forbidden lacked its group_id. The command line puts it in and sends it back.');
  await runCommand(['list'], variables, interrupted);
  const forbidden = sent.filter(({ end }) => end === 'forbidden').length;
  const repair = ['--code', 'forbidden', '--set', `group_id=${GROUP}`];
  await runCommand(['replay', ...repair, '--yes'], variables, interrupted);
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
    hidden: huawei.osm.hidden().length,
  });
  table(rows);
  print();
  for (const problem of problems) verdict(false, problem);
  const good = problems.length === 0;
  verdict(good, good ? 'The numbers add up.' : 'The numbers do not add up.');
  return good;
};
