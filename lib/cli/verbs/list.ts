import type { Queue } from '../../sqs/queue.ts';
import { adviceFor } from '../advice.ts';
import { collect, groupTable, heldElsewhere } from '../collect.ts';
import type { Options } from '../options.ts';
import { ago, count, number, plain, print, printJson, table, tell } from '../screen.ts';

/** So many letters a person reads; --json has them all. */
const MOST_ROWS = 20;

/** What is whole is no sample; what was cut short should say so. */
const isShort = (stopped: string) => stopped === 'scan_limit' || stopped === 'interrupted';

export const list = async ({ deadLetters }: { deadLetters: Queue }, options: Options): Promise<number> => {
  const found = await collect(deadLetters, options);
  const { entries, groups, scanned, stopped, remaining } = found;
  const code = isShort(stopped) ? 1 : 0;
  if (options.json) {
    printJson({ letters: entries, groups, scanned, matched: entries.length, remaining, stopped });
    return code;
  }
  if (entries.length === 0) {
    print(
      scanned === 0
        ? `No dead letters in ${deadLetters.url}.`
        : `None of ${count(scanned, 'dead letter')} matches.`,
    );
    const held = heldElsewhere(found);
    if (held) print(held);
    return code;
  }
  print(`${count(entries.length, 'dead letter')} of ${number(scanned)} looked at in ${deadLetters.url}\n`);
  print(groupTable(groups));
  print('\nWhat to do');
  for (const group of groups) print(`  ${plain(group.code)}: ${adviceFor(group.code)}`);
  const rows = entries.slice(0, MOST_ROWS);
  print();
  print(
    table(
      ['MESSAGE ID', 'CODE', 'CASE', 'DIED', 'REPLAYS', 'DETAIL'],
      rows.map(entry => [
        entry.message_id,
        entry.code,
        entry.case_id ?? '?',
        ago(Date.parse(entry.dead_lettered_at)),
        String(entry.replays),
        entry.detail ?? '',
      ]),
    ),
  );
  if (entries.length > rows.length)
    print(`… and ${number(entries.length - rows.length)} more: --json lists them all, filters narrow.`);
  const held = heldElsewhere(found);
  if (held) print(`\n${held}`);
  if (code !== 0) tell(`This is not all: it ended early (${stopped}).`);
  return code;
};
