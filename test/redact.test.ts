import fc from 'fast-check';
import { createRedactor } from '../lib/redact.ts';

const MASK = '[redacted]';

test('a secret in any spelling is masked, the words around it stay', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 4, maxLength: 39 }), secret => {
      fc.pre(secret.length >= 4 && !MASK.includes(secret) && !'before  after'.includes(secret));
      const { learn, redact } = createRedactor();
      learn(secret);
      // As it is in a header, and as a JSON body has it.
      for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
        const clean = redact(`before ${form} after`);
        expect(clean.includes(form) && !MASK.includes(form)).toBe(false);
      }
      expect(redact(`before ${secret} after`)).toMatch(/^before .*after$/s);
    }),
  );
});

test('a secret that begins or ends another, in whatever order they are learned: the longest goes first', () => {
  const secrets = ['abcd', 'abcd-efgh', 'xyz-abcd-efgh-12', 'efgh'];
  fc.assert(
    fc.property(fc.shuffledSubarray(secrets, { minLength: 4 }), order => {
      const { redact } = createRedactor(order);
      expect(redact('it was xyz-abcd-efgh-12, abcd-efgh, efgh.')).toBe(`it was ${MASK}, ${MASK}, ${MASK}.`);
    }),
  );
});

test('every place of it', () => {
  const { learn, redact } = createRedactor();
  learn('s3cret!');
  expect(redact('s3cret! and s3cret!, s3cret!')).toBe(`${MASK} and ${MASK}, ${MASK}`);
});

test('secrets that are known from the start', () => {
  const { redact } = createRedactor(['the-one', undefined, 'the-other']);
  expect(redact('the-one the-other')).toBe(`${MASK} ${MASK}`);
});

test.each(['a.b*c', '$&', '(x)|y', '[a-z]+', '\\d+\\'])('what looks like a pattern is text: %s', secret => {
  const { learn, redact } = createRedactor();
  learn(`${secret}-secret`);
  expect(redact(`it was ${secret}-secret.`)).toBe(`it was ${MASK}.`);
  expect(redact('abc xyz 123')).toBe('abc xyz 123');
});

test('half a surrogate in a secret breaks nothing', () => {
  const { learn, redact } = createRedactor();
  learn('\ud800half');
  expect(redact('x \ud800half')).toBe(`x ${MASK}`);
});

test('what is too short to be a secret masks no words', () => {
  const { learn, redact } = createRedactor();
  for (const short of ['', 'a', 'ab', 'abc', undefined, null]) learn(short);
  expect(redact('abc ab a')).toBe('abc ab a');
  learn('abcd');
  expect(redact('abcd')).toBe(MASK);
});

test('a long unbroken run is masked though nobody knows it', () => {
  const { redact } = createRedactor();
  expect(redact(`token ${'aB3/+=_-%'.repeat(5)} ends`)).toBe(`token ${MASK} ends`);
  expect(redact('x'.repeat(40))).toBe(MASK);
  expect(redact('x'.repeat(39))).toBe('x'.repeat(39));
});

test('request ids, error codes and words are no long runs', () => {
  const { redact } = createRedactor();
  const text =
    'OSM.01010015 This case does not exist. 0a1b2c3d4e5f60718293a4b5c6d7e8f9 059f36b4-87a3-44ab-83d2-661975830a7d';
  expect(redact(text)).toBe(text);
});

test('the last twenty are remembered, and one that is learned again is new', () => {
  const { learn, redact } = createRedactor();
  const name = (index: number) => `secret-${String(index).padStart(2, '0')}`;
  for (let i = 0; i < 20; i++) learn(name(i));
  expect(redact(name(0))).toBe(MASK);
  learn(name(0));
  learn(name(20));
  expect(redact(name(0))).toBe(MASK);
  expect(redact(name(1))).toBe(name(1));
  expect(redact(name(2))).toBe(MASK);
});
