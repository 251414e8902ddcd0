/**
 * What others wrote, without anything that a terminal obeys: control characters, marks that turn a line round, line and
 * paragraph separators, lone surrogates, as escapes.
 */
export const plain = (text: string): string =>
  text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, character =>
    Array.from({ length: character.length }, (_, unit) => character.charCodeAt(unit))
      .map(unit => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** How many columns of a terminal a text takes: Chinese takes two for each character, accents none. */
export const columnsOf = (text: string): number => {
  let columns = 0;
  for (const character of text) columns += WIDE.test(character) ? 2 : /\p{M}/u.test(character) ? 0 : 1;
  return columns;
};

/** Fills up with spaces. */
export const padTo = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - columnsOf(text)));

/** A suggested command stands on a line of its own and is never broken, so that it can be pasted. */
const isCommand = (line: string) => /^\s*npx /.test(line);

/** Cuts where a line is full; at least one piece. */
const pieces = (text: string, most: number): string[] => {
  const cut = [''];
  let room = most;
  for (const character of text) {
    const columns = columnsOf(character);
    if (columns > room) {
      cut.push('');
      room = most;
    }
    cut[cut.length - 1] += character;
    room -= columns;
  }
  return cut;
};

/** Our codes have up to 13 columns. */
const CODE_COLUMNS = 18;
/** A code for a table. A longer one is somebody else's and is cut: the JSON keeps it. */
export const shortCode = (code: string): string => {
  const [first = '', ...rest] = pieces(plain(code), CODE_COLUMNS);
  return rest.length === 0 ? first : `${pieces(first, CODE_COLUMNS - 1)[0]}…`;
};

const foldLine = (line: string, columns: number): string[] => {
  if (isCommand(line) || columnsOf(line) <= columns) return [line];
  const indent = (/^ */.exec(line) as RegExpExecArray)[0];
  const most = Math.max(20, columns - indent.length);
  const lines: string[] = [];
  for (const word of line.trim().split(' ')) {
    const before = lines.pop();
    const longer = before === undefined ? word : `${before} ${word}`;
    if (before !== undefined && columnsOf(longer) > most && columnsOf(word) <= most) lines.push(before, word);
    // What must be broken begins on the line that is there.
    else lines.push(...pieces(longer, most));
  }
  return lines.map(each => indent + each);
};

/**
 * Breaks lines at spaces, and words that are longer than a line, addresses too; what follows is indented like the line
 * it belongs to.
 */
export const wrap = (text: string, columns: number): string =>
  text
    .split('\n')
    .flatMap(line => foldLine(line, columns))
    .join('\n');

/** A sentence that another room made, with a capital at its beginning; names and addresses stay as they are. */
export const sentence = (text: string): string =>
  text.replace(/^[a-z]+(?= )/, word => (word[0] as string).toUpperCase() + word.slice(1));

/** Why a file cannot be read or written: what the system says, without its code and the call. */
export const whyOf = ({ message }: Error): string => /^E[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;

export const number = (value: number): string => value.toLocaleString('en-US');
/** `1 dead letter`, `2 dead letters`. */
export const count = (value: number, noun: string): string =>
  `${number(value)} ${noun}${value === 1 ? '' : 's'}`;

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;
/** A time, in milliseconds, as people say it: `2 h ago`. */
export const ago = (at: number, now = Date.now()): string => `${duration(now - at)} ago`;
export const duration = (ms: number): string => {
  const [unit, name] = UNITS.find(([size]) => ms >= 2 * size) ?? [1_000, 's'];
  return `${Math.max(0, Math.floor(ms / unit))} ${name}`;
};
