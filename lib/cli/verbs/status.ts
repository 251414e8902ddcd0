import { commandsFor } from '../command.ts';
import { collect, depthOf } from '../letters/collect.ts';
import { groupTable } from '../letters/entry.ts';
import type { Options } from '../options.ts';
import { print, printJson, table } from '../screen/output.ts';
import { ago, count, number } from '../screen/text.ts';
import { nameOf, openPlace } from '../stage.ts';

/** More letters than these are not looked at for a status. */
const SAMPLE = 1_000;

export const status = async ({ json = false, stage }: Options): Promise<number> => {
  const { source, deadLetters } = await openPlace(stage);
  const [waiting, dead] = await Promise.all([depthOf(source), depthOf(deadLetters)]);
  const { entries, groups, stopped } = await collect(deadLetters, { json: true }, SAMPLE);
  const isWhole = stopped === 'done';
  const code = stopped === 'interrupted' ? 1 : 0;
  const oldest = groups.map(group => group.oldest_dead_lettered_at).sort()[0];
  if (json) {
    const counts = ({ visible, hidden, delayed }: typeof waiting) => ({ visible, hidden, delayed });
    printJson({
      queue: { url: source.url, ...counts(waiting) },
      dead_letter_queue: { url: deadLetters.url, ...counts(dead) },
      oldest_dead_lettered_at: oldest,
      by_code: Object.fromEntries(groups.map(({ code, count }) => [code, count])),
      sampled: entries.length,
      sample_is_whole: isWhole,
    });
    return code;
  }
  const row = (what: string, { visible, hidden, delayed }: typeof waiting, name: string) => [
    what,
    ...[visible, hidden, delayed].map(number),
    name,
  ];
  print(
    table(
      ['QUEUE', 'WAITING', 'IN FLIGHT', 'DELAYED', 'NAME'],
      [row('receipts', waiting, nameOf(source)), row('dead letters', dead, nameOf(deadLetters))],
    ),
  );
  if (oldest === undefined) {
    print('\nNo dead letters.');
    return code;
  }
  const which = isWhole ? (dead.hidden > 0 ? 'The visible' : 'All') : 'A sample of';
  print(
    `\n${which} ${count(entries.length, 'dead letter')} by code, the oldest ${ago(Date.parse(oldest))}:\n`,
  );
  print(groupTable(groups));
  const commands = commandsFor(stage);
  print(
    `\nWhat to do about them, and what a replay would send:\n${commands('list')}\n${commands('replay', '--dry-run')}`,
  );
  return code;
};
