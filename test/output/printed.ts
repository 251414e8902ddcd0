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

const json = (text: string) => JSON.stringify(text).slice(1, -1);
const url = encodeURIComponent;
const strictUrl = (text: string) =>
  url(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const html = (text: string, quote: string, apostrophe: string, greater: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('"', quote)
    .replaceAll("'", apostrophe)
    .replaceAll('<', '&lt;')
    .replaceAll('>', greater);

/** How headers, JSON, URLs, forms and HTML repeat what they were sent. */
export const spellings: [string, (text: string) => string][] = [
  ['as it is', text => text],
  ['in JSON', json],
  ['in JSON, as PHP writes it', text => json(text).replaceAll('/', '\\/')],
  [
    'in JSON, as Python writes it',
    text =>
      json(text).replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  ],
  ['in JSON in JSON', text => json(json(text))],
  ['in a URL', url],
  ['in a URL, in small letters', text => strictUrl(text).replace(/%../g, hex => hex.toLowerCase())],
  ['in a URL, all that may be', strictUrl],
  ['in a URL, only what must be', text => text.replace(/[%"]/g, url)],
  ['in a form', text => String(new URLSearchParams({ '': text })).slice(1)],
  ['in a form, all that may be', text => strictUrl(text).replaceAll('%20', '+')],
  ['in HTML', text => html(text, '&quot;', '&#39;', '&gt;')],
  ['in HTML, otherwise', text => html(text, '&#34;', '&#x27;', '&#x3E;')],
  ['in HTML, by numbers', text => Array.from(text, each => `&#${each.codePointAt(0)};`).join('')],
  [
    'in HTML, by hexadecimal numbers',
    text => text.replace(/\W/gu, c => `&#x${c.codePointAt(0)?.toString(16)};`),
  ],
  ['in JSON in HTML', text => html(json(text), '&quot;', '&#39;', '&gt;')],
  ['in JSON in a URL', text => url(json(text))],
  ['in base64', text => Buffer.from(text).toString('base64').replace(/=+$/, '')],
  ['in base64 for URLs', text => Buffer.from(text).toString('base64url')],
];

/** Long ones are searched by their beginning, so that one that was cut short is found too. */
const LONG = 60;

/** The forms in which a secret may slip through. */
export const formsOf = (text: string): string[] => {
  if (text.length <= LONG) return [...new Set(spellings.map(([, spell]) => spell(text)))];
  const head = text.slice(0, LONG);
  return [head, Buffer.from(head).toString('base64').slice(0, -4)];
};

/** The secrets of which a form stands in the text. */
export const leaksIn = (text: string, secrets: Iterable<string> = known): string[] =>
  [...secrets].filter(each => formsOf(each).some(form => text.includes(form)));
