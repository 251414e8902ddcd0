import type { Calls } from './calls.ts';
import { failureOf } from './ledger.ts';
import { keyOf, type Receipt } from './receipts.ts';
import type { World } from './world.ts';

const MOST_BODY = 300;

/** Everything that happened to a receipt, in order, for whoever has to find out why. */
export const storyOf = (world: World, calls: Calls, receipt: Receipt): string => {
  const messages = world.ledger.of(receipt);
  const start = messages[0]?.sentAt ?? 0;
  const events: { at: number; what: string }[] = [];
  const keys = new Set<string>();
  for (const message of messages) {
    const { id, queue, sentAt, sentBy, confirmedAt, receives, deleted, verdict } = message;
    const why = queue === 'dead-letters' ? failureOf(message) : undefined;
    events.push({
      at: sentAt,
      what: `${sentBy} sends ${id} to ${queue}${why ? `, ${why.code}: ${why.detail}` : ''}${confirmedAt ? '' : ' (the answer was lost)'}`,
    });
    for (const [index, { at }] of receives.entries())
      events.push({ at, what: `${id} is received for time ${index + 1}` });
    if (deleted) events.push({ at: deleted.at, what: `${deleted.by} deletes ${id}` });
    if ('mark' in verdict) keys.add(keyOf(verdict.mark));
  }
  for (const key of keys)
    for (const { at, meaning } of calls.of(key))
      events.push({ at, what: `a call asks for ${key}: ${meaning}` });
  const lines = events
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, what }) => `  ${((at - start) / 1000).toFixed(3).padStart(9)} s  ${what}`);
  const logged = messages.flatMap(({ id }) => world.watch.linesAbout(id)).map(line => `    ${line}`);
  return [
    `  receipt ${receipt.id}, sent under ${receipt.fault}: ${receipt.body.slice(0, MOST_BODY)}`,
    ...lines,
    ...(logged.length > 0 ? ['  what the function logged of it:', ...logged] : []),
  ].join('\n');
};
