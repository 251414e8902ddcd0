// What the code under test prints, and the secrets that must never be among it. Shared by the setup file,
// which runs before each test file, and the tests; the whole run is searched once more at its end (scan.ts).
import { appendFileSync } from 'node:fs';
import path from 'node:path';

interface Output {
  chunks: string[];
  known: Set<string>;
}

const KEY = Symbol.for('read-receipt-relay.output');
const place = globalThis as unknown as Record<symbol, Output | undefined>;
place[KEY] ??= { chunks: [], known: new Set() };
const { chunks, known } = place[KEY];

const keep = (name: string, text: string) => {
  const folder = process.env.OUTPUT_FOLDER;
  if (folder) appendFileSync(path.join(folder, `${process.pid}.${name}`), text);
};

/** Records what was printed, here or by a child process. */
export const record = (text: string) => {
  chunks.push(text);
  keep('printed', text);
};

/** Declares a secret: no form of it may be printed by anything in the whole run. */
export const secret = (text: string): string => {
  if (!known.has(text)) keep('secrets', `${JSON.stringify(text)}\n`);
  known.add(text);
  return text;
};

/** Everything printed since the test file began, or since a mark that `printed.length` set. */
export const printedSince = (from = 0): string => chunks.slice(from).join('');
export const printedSoFar = (): number => chunks.length;

/** Long ones are searched by their beginning, so that one that was cut short is found too. */
const LONG = 60;

/** The forms in which a secret may slip through: as it is, in JSON, in a URL, in HTML, in base64. */
export const formsOf = (text: string): string[] => {
  if (text.length > LONG) {
    const head = text.slice(0, LONG);
    return [head, Buffer.from(head).toString('base64').slice(0, -4)];
  }
  const url = encodeURIComponent(text);
  const strict = url.replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(/[^ -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const tags = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const base64 = Buffer.from(text).toString('base64');
  return [
    ...new Set([
      text,
      json,
      ascii,
      tags.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
      tags.replaceAll('"', '&#34;').replaceAll("'", '&#x27;'),
      url,
      strict,
      strict.replace(/%[0-9A-F]{2}/g, hex => hex.toLowerCase()),
      strict.replaceAll('%20', '+'),
      base64.replace(/=+$/, ''),
      Buffer.from(text).toString('base64url'),
    ]),
  ];
};

/** The secrets of which a form stands in the text. */
export const leaksIn = (text: string, secrets: Iterable<string> = known): string[] =>
  [...secrets].filter(each => formsOf(each).some(form => text.includes(form)));
