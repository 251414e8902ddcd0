import { type Letter, sourceIdOf } from '../../dead-letters/dead-letter.ts';
import { scan } from '../../dead-letters/scan.ts';
import { adviceForOne } from '../advice.ts';
import { commandsFor } from '../command.ts';
import { attributesOf, entryOf, rowsOf } from '../letters/entry.ts';
import type { Options } from '../options.ts';
import { untilInterrupted } from '../screen/ask.ts';
import { print, printJson, screenColumns, tell } from '../screen/output.ts';
import { padTo, plain, sentence, wrap } from '../screen/text.ts';
import { nameOf, openPlace } from '../stage.ts';

/** Names to the left of what they name; attributes have longer ones. */
const LEAST_NAME = 10;

const find = async (deadLetters: Parameters<typeof scan>[0], id: string) => {
  let found: Letter | undefined;
  const { trouble } = await scan(
    deadLetters,
    (letters, { stop }) => {
      found ??= letters.find(letter => letter.messageId === id || sourceIdOf(letter) === id);
      if (found) stop('limit');
    },
    { signal: untilInterrupted() },
  );
  if (trouble) throw new Error(sentence(trouble));
  return found;
};

export const show = async (id: string, options: Options): Promise<number> => {
  const commands = commandsFor(options.stage);
  const { deadLetters } = await openPlace(options.stage);
  const found = await find(deadLetters, id);
  if (!found) {
    tell(
      `There is no dead letter ${plain(id)} in ${nameOf(deadLetters)} now: give a whole message id. What another run looks at is hidden until that ends. These are there:\n${commands('list')}`,
    );
    return 1;
  }
  const { message, failure, receives, sentAt } = found;
  const whole = {
    ...entryOf(found),
    failure,
    sent_at: new Date(sentAt).toISOString(),
    receives,
    group_id: message.groupId,
    trace_header: message.traceHeader,
    attributes: attributesOf(message),
    body: message.body,
  };
  if (options.json) {
    printJson(whole);
    return 0;
  }
  const rows = [
    ...rowsOf(found),
    // With spaces, so that lines break between fields.
    ...(failure ? [['Failure', JSON.stringify(failure, undefined, 1).replace(/\n */g, ' ')] as const] : []),
    ['Body', message.body] as const,
  ];
  for (const [name, value] of rows) {
    const start = `${padTo(plain(name), LEAST_NAME)} `;
    const room = Math.max(20, screenColumns() - start.length);
    print(start + wrap(plain(value), room).replaceAll('\n', `\n${' '.repeat(start.length)}`));
  }
  print(`\nWhat to do: ${adviceForOne(found.code, commands, entryOf(found).case_id)}`);
  return 0;
};
