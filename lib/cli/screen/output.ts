import { columnsOf, padTo, plain, wrap } from './text.ts';

/** Where nobody says how wide the screen is. */
const COLUMNS = 80;
/** Longer lines are tiring to read. */
const MOST_COLUMNS = 120;

export const screenColumns = (): number =>
  Math.min(MOST_COLUMNS, process.stdout.columns ?? process.stderr.columns ?? COLUMNS);

/** Whoever wrote a part of it, and forgot plain(): the terminal obeys nothing but line feeds. In JSON it means the same. */
const safe = (text: string): string => `${text.split('\n').map(plain).join('\n')}\n`;

/** What was asked for, on standard output. */
export const print = (text = '') => process.stdout.write(safe(wrap(text, screenColumns())));
/** Takes away what stands on the line, such as a bar. */
export const CLEAR_LINE = '\r\u001b[K';
/** For people beside the result, on standard error: standard output stays what was asked for. */
export const tell = (text: string) =>
  process.stderr.write(`${process.stderr.isTTY ? CLEAR_LINE : ''}${safe(wrap(text, screenColumns()))}`);
export const printJson = (document: unknown) =>
  process.stdout.write(safe(JSON.stringify(document, undefined, 2)));

/** Whoever reads has read enough (`… | head`), or the terminal is gone: what is under way is finished all the same. */
export const outliveReaders = () => {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
};

/** Columns under their names, as wide as they need to be; the last one has the rest of the screen, on as many lines. */
export const table = (names: string[], rows: string[][]): string => {
  const lines = [names, ...rows.map(row => row.map(plain))];
  const last = names.length - 1;
  const widths = names.map((_, column) => Math.max(...lines.map(row => columnsOf(row[column] ?? ''))));
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const room = screenColumns() - before;
  return lines
    .flatMap(row => {
      const start = row
        .slice(0, last)
        .map((cell, column) => padTo(cell, widths[column] as number))
        .join('  ');
      return wrap(row[last] ?? '', room)
        .split('\n')
        .map((line, at) => `${at === 0 ? start : ' '.repeat(before - 2)}  ${line}`.trimEnd());
    })
    .join('\n');
};
