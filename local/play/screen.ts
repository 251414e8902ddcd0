import { styleText } from 'node:util';
import { wrap } from '../../lib/cli/screen/text.ts';

const looks = {
  sent: 'dim',
  queue: 'dim',
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
export const paragraph = (text: string) => {
  print(wrap(text, width()));
};

export const heading = (text: string) => {
  print();
  print(paint('bold', text));
  print(paint('dim', '─'.repeat(text.length)));
};

/** One event: when, what, which case, and what came of it; further lines stand under the last column. */
export const say = (what: What, who: string, text: string) => {
  const indent = TIME_COLUMNS + WHAT_COLUMNS + WHO_COLUMNS;
  const clean = text.replace(/\p{Cc}/gu, ' ');
  const lines = wrap(clean, Math.max(LEAST_TEXT_COLUMNS, width() - indent)).split('\n');
  const time = paint('dim', new Date().toTimeString().slice(0, 8).padEnd(TIME_COLUMNS));
  const first = `${time}${paint(looks[what], what.padEnd(WHAT_COLUMNS))}${who.padEnd(WHO_COLUMNS - 1)} `;
  for (const [index, line] of lines.entries()) print((index === 0 ? first : ' '.repeat(indent)) + line);
};

/** Rows of a name, a number and a remark. */
export const table = (rows: [name: string, value: string | number, remark?: string][]) => {
  const names = Math.max(...rows.map(([name]) => name.length));
  const values = Math.max(...rows.map(([, value]) => String(value).length));
  for (const [name, value, remark = ''] of rows)
    print(`  ${name.padEnd(names)}   ${String(value).padStart(values)}   ${paint('dim', remark)}`.trimEnd());
};

/** The last word: green where all is well, red where not. */
export const verdict = (good: boolean, text: string) => print(paint(good ? 'green' : 'red', text));

/** A command, and what it printed. */
export const command = (text: string) => print(`\n${paint('bold', `$ ${text}`)}`);
