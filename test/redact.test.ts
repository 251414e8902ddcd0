import fc from 'fast-check';
import { createRedactor } from '../lib/redact.ts';
import { spellings } from './output/printed.ts';

const MASK = '[redacted]';

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
