import { adviceFor } from '../advice.ts';
import { commandsFor } from '../command.ts';
import { collect, hiddenElsewhere } from '../letters/collect.ts';
import { type Entry, groupTable } from '../letters/entry.ts';
import { type Options, requestOf } from '../options.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { ago, count, number, plain } from '../screen/text.ts';
import { nameOf, openPlace } from '../stage.ts';

/** So many letters a person reads; --json has them all. */
const MOST_ROWS = 20;

const rowOf = ({ message_id, code, case_id, dead_lettered_at, replays, detail }: Entry) =>
  [
    `${message_id}  ${plain(code)}, ${ago(Date.parse(dead_lettered_at))}${replays > 0 ? `, replayed ${number(replays)} ×` : ''}`,
    `  ${case_id === undefined ? 'no case' : `case ${plain(case_id)}`}: ${plain(detail ?? 'nobody wrote down why')}`,
  ].join('\n');

export const list = async (options: Options): Promise<number> => {
  const { limit } = requestOf(options);
  const { deadLetters } = await openPlace(options.stage);
  const found = await collect(deadLetters, options);
  const { entries, groups, scanned, stopped, remaining } = found;
  // What was cut short should say so.
  const code = stopped === 'scan_limit' || stopped === 'interrupted' ? 1 : 0;
  if (options.json) {
    printJson({ letters: entries, groups, scanned, matched: entries.length, remaining, stopped });
    return code;
  }
  const queue = nameOf(deadLetters);
  const hidden = hiddenElsewhere(found);
  if (entries.length === 0) {
    print(
      scanned === 0 ? `No dead letters in ${queue}.` : `None of ${count(scanned, 'dead letter')} matches.`,
    );
    if (hidden) print(hidden);
    return code;
  }
  const isCut = stopped === 'limit';
  print(
    isCut
      ? `The first ${count(entries.length, 'dead letter')} that --limit ${number(limit ?? 0)} allows; ${queue} holds about ${number(remaining)}.\n`
      : `${count(entries.length, 'dead letter')} of ${number(scanned)} looked at in ${queue}.\n`,
  );
  print(groupTable(groups));
  print();
  const commands = commandsFor(options.stage);
  for (const { code } of groups) {
    const id = entries.find(entry => entry.code === code)?.message_id ?? '';
    print(`${plain(code)}: ${adviceFor(code, commands, id)}`);
  }
  print();
  for (const entry of entries.slice(0, MOST_ROWS)) print(rowOf(entry));
  if (entries.length > MOST_ROWS)
    print(`… and ${number(entries.length - MOST_ROWS)} more: --json lists them all, filters narrow.`);
  if (hidden) print(`\n${hidden}`);
  if (code !== 0) tell(`This is not all: it ended early (${stopped}).`);
  return code;
};
