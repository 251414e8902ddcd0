import fc from 'fast-check';
import { createRedactor } from '../lib/redact.ts';

const MASK = '[redacted]';

const utf16 = (text: string, write: (unit: string) => string) =>
  text.replace(/[^\x20-\x7e]/g, unit => write(unit.charCodeAt(0).toString(16).padStart(4, '0')));
const json = (text: string) => JSON.stringify(text).slice(1, -1);
const html = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&#x3E;');

/** How headers, JSON, URLs, forms and HTML repeat what they were sent. */
const spellings: [string, (text: string) => string][] = [
  ['as it is', text => text],
  ['in JSON', json],
  ['in JSON, as PHP writes it', text => json(text).replaceAll('/', '\\/')],
  ['in JSON, as Python writes it', text => utf16(json(text), unit => `\\u${unit}`)],
  ['in JSON in JSON', text => json(json(text))],
  ['in a URL', encodeURIComponent],
  ['in a URL, in small letters', text => encodeURIComponent(text).replace(/%../g, hex => hex.toLowerCase())],
  ['in a URL, only what must be', text => text.replace(/[%"]/g, encodeURIComponent)],
  ['in a form', text => String(new URLSearchParams({ '': text })).slice(1)],
  ['in HTML', html],
  ['in HTML, by numbers', text => Array.from(text, each => `&#${each.codePointAt(0)};`).join('')],
  [
    'in HTML, by hexadecimal numbers',
    text => text.replace(/\W/gu, c => `&#x${c.codePointAt(0)?.toString(16)};`),
  ],
  ['in base64', text => Buffer.from(text).toString('base64')],
  ['in base64 for URLs', text => Buffer.from(text).toString('base64url')],
];

test.each(spellings)('a secret %s is masked wherever it stands, the words around it stay', (_, spell) => {
  const characters = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom(...'"\\/&<\'$.*(%+ é🎫') }),
  );
  fc.assert(
    fc.property(characters, random => {
      // Longer than what is looked for in base64 at least, shorter than a run that is masked for its length.
      const secret = `Zq${random.slice(0, 20)}~7.q`.toWellFormed();
      const { learn, redact } = createRedactor();
      learn(secret);
      const clean = redact(`before ${spell(secret)} and ${spell(secret)} after`);
      expect(clean.replaceAll('=', '')).toBe(`before ${MASK} and ${MASK} after`);
    }),
  );
});

test('a secret that begins or ends another, in whatever order they are learned: the longest goes first', () => {
  const secrets = ['abcd', 'abcd-efgh', 'xyz-abcd-efgh-12', 'efgh'];
  fc.assert(
    fc.property(fc.shuffledSubarray(secrets, { minLength: 4 }), order => {
      const { redact } = createRedactor([undefined, ...order]);
      expect(redact('it was xyz-abcd-efgh-12, abcd-efgh, efgh.')).toBe(`it was ${MASK}, ${MASK}, ${MASK}.`);
    }),
  );
});

test('half a surrogate in a secret breaks nothing, what is no character in HTML stays', () => {
  const { redact } = createRedactor(['\ud800half']);
  expect(redact('x \ud800half &#x1FFFFF; &#9999999; %ff \\u12')).toBe(
    `x ${MASK} &#x1FFFFF; &#9999999; %ff \\u12`,
  );
});

test('what is too short to be a secret masks no words', () => {
  const { learn, redact } = createRedactor();
  for (const short of ['', 'a', 'ab', 'abc', undefined, null]) learn(short);
  expect(redact('abc ab a')).toBe('abc ab a');
  learn('abcd');
  expect(redact('abcd')).toBe(MASK);
  // Its base64 could be a word too.
  expect(redact(Buffer.from('abcd').toString('base64'))).toBe('YWJjZA==');
});

test('a long unbroken run is masked though nobody knows it; request ids, error codes and words are none', () => {
  const { redact } = createRedactor();
  expect(redact(`token ${'aB3/+=_-%'.repeat(5)} ends`)).toBe(`token ${MASK} ends`);
  expect(redact('x'.repeat(40))).toBe(MASK);
  const text = `${'x'.repeat(39)} OSM.01010015 This case does not exist. 0a1b2c3d4e5f60718293a4b5c6d7e8f9 059f36b4-87a3-44ab-83d2-661975830a7d`;
  expect(redact(text)).toBe(text);
});

test('the last twenty are remembered, and one that is learned again is new', () => {
  const { learn, redact } = createRedactor();
  const name = (index: number) => `secret-${String(index).padStart(2, '0')}`;
  for (let i = 0; i < 20; i++) learn(name(i));
  expect(redact(name(0))).toBe(MASK);
  learn(name(0));
  learn(name(20));
  expect([0, 1, 2, 20].map(index => redact(name(index)))).toEqual([MASK, name(1), MASK, MASK]);
});
