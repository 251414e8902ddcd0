import { firstSentAt, type Letter } from '../../dead-letters/dead-letter.ts';
import { caseIdIn } from '../../receipt/receipt.ts';
import type { Message } from '../../sqs/message.ts';
import { table } from '../screen/output.ts';
import { ago, count, number, shortCode } from '../screen/text.ts';

/** Where a letter does not say why it is dead. */
export const NO_REASON = 'nobody wrote it down';

/** A letter as --json lists it. */
export const entryOf = ({ messageId, code, failure, message, deadLetteredAt, replays }: Letter) => ({
  message_id: messageId,
  code,
  detail: failure?.detail,
  case_id: caseIdIn(message.body),
  dead_lettered_at: new Date(deadLetteredAt).toISOString(),
  replays,
});
export type Entry = ReturnType<typeof entryOf>;

/** By code, most first: how many, how old, and the reason that is given most often. */
export const groupsOf = (entries: Entry[]) =>
  [...Map.groupBy(entries, ({ code }) => code)]
    .map(([code, some]) => {
      const details = [...Map.groupBy(some, ({ detail }) => detail)].sort(
        (a, b) => b[1].length - a[1].length,
      );
      const times = some.map(entry => entry.dead_lettered_at).sort();
      return {
        code,
        count: some.length,
        oldest_dead_lettered_at: times[0] as string,
        newest_dead_lettered_at: times.at(-1) as string,
        detail: details[0]?.[0],
        reasons: details.length,
      };
    })
    .sort((a, b) => b.count - a.count);
export type Groups = ReturnType<typeof groupsOf>;

const others = (reasons: number) =>
  reasons > 1 ? ` (and ${number(reasons - 1)} other reason${reasons === 2 ? '' : 's'})` : '';

export const groupTable = (groups: Groups) =>
  table(
    ['CODE', 'COUNT', 'OLDEST', 'NEWEST', 'WHY'],
    groups.map(group => [
      shortCode(group.code),
      number(group.count),
      ago(Date.parse(group.oldest_dead_lettered_at)),
      ago(Date.parse(group.newest_dead_lettered_at)),
      `${group.detail ?? NO_REASON}${others(group.reasons)}`,
    ]),
  );

/** Bytes in base64. */
export const attributesOf = ({ attributes }: Message) =>
  Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => ({
    name,
    type: DataType,
    value: BinaryValue ? Buffer.from(BinaryValue).toString('base64') : StringValue,
  }));

/** Everything about one letter but its body, by name, for people; without what is not there. */
export const rowsOf = ({ message, messageId, code, failure, ...letter }: Letter): [string, string][] => {
  const time = (at: number) => `${new Date(at).toISOString()}, ${ago(at)}`;
  const rows: [string, string | undefined][] = [
    ['Message', messageId],
    ['Case', caseIdIn(message.body)],
    ['Code', code],
    ['Why', failure?.detail || NO_REASON],
    ['Dead', time(letter.deadLetteredAt)],
    ['First sent', time(firstSentAt(message, letter.sentAt) ?? letter.sentAt)],
    ['Tries', failure?.attempts === undefined ? undefined : number(failure.attempts)],
    ['Replayed', count(letter.replays, 'time')],
    ['Group', message.groupId],
    ['Trace', message.traceHeader],
    ...attributesOf(message)
      .filter(({ name }) => name !== 'failure')
      .map(({ name, type, value }): [string, string] => [`Attribute ${name}`, `${value} (${type})`]),
  ];
  return rows.filter((row): row is [string, string] => row[1] !== undefined);
};
