import { type Letter, sourceIdOf } from '../../dead-letters/dead-letter.ts';
import { scan } from '../../dead-letters/scan.ts';
import type { Queue } from '../../sqs/queue.ts';
import { adviceFor } from '../advice.ts';
import { entryOf } from '../collect.ts';
import type { Options } from '../options.ts';
import { ago, number, plain, print, printJson, tell, untilInterrupted } from '../screen.ts';

export const show = async (
  { deadLetters }: { deadLetters: Queue },
  id: string,
  options: Options,
): Promise<number> => {
  let found: Letter | undefined;
  const isIt = (letter: Letter) => letter.messageId === id || sourceIdOf(letter) === id;
  const { trouble } = await scan(
    deadLetters,
    (letters, { stop }) => {
      found ??= letters.find(isIt);
      if (found) stop('limit');
    },
    { signal: untilInterrupted() },
  );
  if (trouble) throw new Error(trouble);
  if (!found) {
    tell(
      `There is no dead letter ${plain(id)} in ${deadLetters.url} now; give the whole id from relay list. What another run looks at is hidden until that ends.`,
    );
    return 1;
  }
  const { message, failure, receives, sentAt, deadLetteredAt } = found;
  const attributes = Object.entries(message.attributes).map(
    ([name, { DataType, StringValue, BinaryValue }]) => ({
      name,
      type: DataType,
      value: BinaryValue ? Buffer.from(BinaryValue).toString('base64') : StringValue,
    }),
  );
  const whole = {
    ...entryOf(found),
    failure,
    sent_at: new Date(sentAt).toISOString(),
    receives,
    group_id: message.groupId,
    trace_header: message.traceHeader,
    attributes,
    body: message.body,
  };
  if (options.json) {
    printJson(whole);
    return 0;
  }
  const rows: [string, string | undefined][] = [
    ['Message', found.messageId],
    ['Case', whole.case_id],
    ['Code', found.code],
    ['Why', failure?.detail ?? 'nobody wrote it down'],
    ['What to do', adviceFor(found.code)],
    ['Died', `${whole.dead_lettered_at}, ${ago(deadLetteredAt)}`],
    ['Tries', failure?.attempts === undefined ? undefined : number(failure.attempts)],
    ['Replayed', `${number(found.replays)} times before`],
    ['Failure', failure && JSON.stringify(failure)],
    ['Group', message.groupId],
    ['Trace', message.traceHeader],
    ...attributes
      .filter(({ name }) => name !== 'failure')
      .map(({ name, type, value }): [string, string] => [`Attribute ${name}`, `${value} (${type})`]),
    ['Body', message.body],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows)
    if (value !== undefined) print(`${plain(name).padEnd(width)}  ${plain(value)}`);
  return 0;
};
