import { styleText } from 'node:util';
import { wrap } from '../../lib/cli/screen/text.ts';

const looks = {
  sent: 'dim',
  batch: 'dim',
  'log-in': 'cyan',
  huawei: 'magenta',
  marked: 'green',
  superseded: 'green',
  later: 'yellow',
  breaker: 'yellow',
  'dead letter': 'red',
  trouble: 'red',
  function: 'dim',
} as const;
export type What = keyof typeof looks;

/** `should`: what the value has to be, where that is known. */
export type Row = [
  name: string,
  value: string | number,
  should?: string | number | undefined,
  remark?: string,
];

const WHAT_COLUMNS = 13;
const WHO_COLUMNS = 16;
const TIME_COLUMNS = 10;
/** Where the output goes to no terminal. */
const WIDTH = 110;
const LEAST_TEXT_COLUMNS = 30;

const paint = (look: Parameters<typeof styleText>[0], text: string) =>
  styleText(look, text, { stream: process.stdout });
const width = () => Math.min(process.stdout.columns || WIDTH, WIDTH);

export const print = (text = '') => console.log(text);

/** Text of several sentences, as wide as the terminal. */
export const paragraph = (text: string) => print(wrap(text, width()));

export const heading = (text: string) =>
  print(`\n${paint('bold', text)}\n${paint('dim', '─'.repeat(text.length))}`);

/** One event: when, what, which case, and what came of it; further lines stand under the last column. */
export const say = (what: What, who: string, text: string) => {
  const indent = TIME_COLUMNS + WHAT_COLUMNS + WHO_COLUMNS;
  const clean = text.replace(/\p{Cc}/gu, ' ');
  const lines = wrap(clean, Math.max(LEAST_TEXT_COLUMNS, width() - indent)).split('\n');
  const time = paint('dim', new Date().toTimeString().slice(0, 8).padEnd(TIME_COLUMNS));
  const first = `${time}${paint(looks[what], what.padEnd(WHAT_COLUMNS))}${who.padEnd(WHO_COLUMNS - 1)} `;
  for (const [index, line] of lines.entries()) print((index === 0 ? first : ' '.repeat(indent)) + line);
};

export const failed = (text: string) => print(paint('red', text));

/** The rows, and whether each is as it should be. */
export const conclude = (rows: Row[]): boolean => {
  const names = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value, , remark = ''] of rows)
    print(`  ${name.padEnd(names)}   ${value}   ${paint('dim', remark)}`.trimEnd());
  print();
  const wrong = rows.filter(([, value, should = value]) => value !== should);
  for (const [name, value, should] of wrong) failed(`${name}: ${value}, and should be ${should}.`);
  if (wrong.length > 0) failed('The numbers do not add up.');
  else print(paint('green', 'The numbers add up.'));
  return wrong.length === 0;
};

/** A command, and what it printed. */
export const command = (text: string) => print(`\n${paint('bold', `$ ${text}`)}`);
