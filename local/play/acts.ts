import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from '../world.ts';
import type { Narrator } from './narrator.ts';
import { cases, DOWN_CASES, everyKind, GROUP, LATE_CASE, type Receipt, receipt } from './receipts.ts';
import { command, conclude, heading, paragraph, print, say } from './screen.ts';
import { type Sent, summarize } from './summary.ts';

/** As a person types it. */
export const COMMAND = 'npx read-receipt-relay';
const CLI = path.resolve(import.meta.dirname, '../../.build/cli/main.mjs');

/** Longer than any act may take: two back-offs, the breaker and a slow machine. */
const PATIENCE_MS = 60_000;
const RETRY_AFTER_SECONDS = 4;
/** A minute in the stack; nobody should wait so long here. */
export const LATE_AFTER_SECONDS = 3;

interface Stage {
  place: Place;
  narrator: Narrator;
  /** From now on the function reads the queue. */
  startReading: () => void;
}

const until = async (what: string, holds: () => boolean) => {
  const giveUp = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > giveUp) throw new Error(`${what} did not happen within ${PATIENCE_MS / 1000} s.`);
    await sleep(50);
  }
};

/** Runs the command line as a person would, on the same screen. */
const run = async (args: string[], variables: Record<string, string>) => {
  command(`${COMMAND} ${args.join(' ')}`);
  // A profile of the person's own would win over the keys.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...Object.fromEntries(own), ...variables },
    // A bar of progress would draw over what the function does meanwhile; none is drawn into a pipe.
    stdio: ['inherit', 'inherit', 'pipe'],
  });
  process.once('exit', () => child.kill());
  child.stderr.pipe(process.stderr, { end: false });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${COMMAND} ${args[0]} ended with exit code ${code}.`);
};

/**
 * Plays the acts one after the other, and adds up.
 *
 * @returns whether the numbers add up
 * @throws Error where something did not come to its end in a minute
 */
export const play = async ({ place, narrator, startReading }: Stage): Promise<boolean> => {
  const { huawei, receipts, deadLetters, variables } = place;
  const sent: Sent[] = [];
  const unreadOfAll = () =>
    Object.keys(cases).reduce((total, caseId) => total + (huawei.osm.unread(caseId) ?? 0), 0);
  const unreadBefore = unreadOfAll();

  const send = (some: Receipt[]): Sent[] => {
    for (const [one, ...more] of Map.groupBy(some, ({ who, why }) => `${who}: ${why}`).values())
      if (one) say('sent', one.who, more.length > 0 ? `${more.length + 1} times: ${one.why}` : one.why);
    const now = some.map(each => ({ ...each, id: receipts.put(each.body) }));
    for (const { id, who } of now) {
      narrator.names.set(id, who);
      huawei.osm.read(who);
    }
    sent.push(...now);
    return now;
  };
  const ended = (some: Sent[]) =>
    until('The end of every receipt', () => some.every(({ id }) => narrator.ends.has(id)));

  /** Huawei is down while receipts come in, until each has its back-off and more has happened. */
  const outage = async (some: Receipt[], meanwhile: () => Promise<void> = async () => {}) => {
    say('huawei', '', 'is down: 502 and a page of HTML to every call');
    const down = huawei.faults.add({ does: 'html502', match: { kind: 'mark' } });
    const waiting = send(some);
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
  startReading();
  await ended(first);

  heading('2. The token dies early');
  paragraph('A refused token is replaced by a fresh one, and the call is made once more.');
  say('huawei', '', 'ends every token before its time');
  huawei.iam.revokeTokens();
  await ended(send([receipt('demo-token', 'sent with a token that Huawei has ended')]));

  heading('3. A rate limit');
  paragraph('The receipt goes back to the queue and stays hidden for as long as Huawei asked.');
  say('huawei', '', `answers 429 with Retry-After: ${RETRY_AFTER_SECONDS} to the next call`);
  huawei.faults.add({ does: 'retry_after', after: RETRY_AFTER_SECONDS, match: { kind: 'mark' }, times: 1 });
  await ended(send([receipt('demo-busy', 'sent while Huawei limits the rate')]));

  heading('4. An outage that ends');
  paragraph(
    'An outage of less than a day costs no receipt: each comes back by its own back-off, at most 5 s at first, then twice as long each time.',
  );
  await outage(DOWN_CASES.map(who => receipt(who, 'sent while Huawei is down')));

  heading('5. A late receipt hides nothing');
  paragraph(
    `A mark clears the whole case as of now. So a receipt that comes late (here after ${LATE_AFTER_SECONDS} s, in truth after a minute) is looked at first: what the other side wrote after the person looked stays unread.`,
  );
  await outage([receipt(LATE_CASE, 'read just before Huawei went down', 'superseded')], async () => {
    await sleep(LATE_AFTER_SECONDS * 1000);
    say('huawei', LATE_CASE, 'the engineer answers while the receipt waits');
    huawei.osm.write(LATE_CASE, { content: 'Please try again.' });
  });
  say('huawei', LATE_CASE, `the answer is still unread: ${huawei.osm.unread(LATE_CASE)} messages are`);
  await ended(send([receipt(LATE_CASE, 'read again, the answer included')]));

  heading('6. Dead letters, repaired and replayed');
  paragraph('What was forbidden lacked its group_id. The command line puts it in and sends it back.');
  await run(['list'], variables);
  const forbidden = sent.filter(({ end }) => end === 'forbidden').length;
  await run(['replay', '--code', 'forbidden', '--set', `group_id=${GROUP}`, '--yes'], variables);
  print();
  await until('The end of every replayed receipt', () => narrator.ends.size >= sent.length + forbidden);

  heading('What became of it');
  // The last batch is deleted a moment after its lines are written.
  await until('An empty queue', () => receipts.all().length === 0);
  const codes = deadLetters.all().map(({ messageAttributes }) => messageAttributes.failure_code?.StringValue);
  return conclude(
    summarize({
      sent,
      narrator,
      waiting: receipts.all().length,
      deadLetterCodes: codes.map(code => code ?? 'unknown'),
      marks: huawei.osm.marks,
      logIns: huawei.iam.logIns,
      unreadBefore,
      unreadAfter: unreadOfAll(),
      hidden: huawei.osm.hidden().length,
    }),
  );
};
