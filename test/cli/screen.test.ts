// What people read: no wider than the screen, and nothing that a terminal obeys.
import fc from 'fast-check';
import { commandsFor } from '../../lib/cli/command.ts';
import { table } from '../../lib/cli/screen/output.ts';
import { columnsOf, duration, plain, sentence, wrap } from '../../lib/cli/screen/text.ts';

describe('wrap', () => {
  test.each([
    ['short', 10, 'short'],
    ['one two three four five', 20, 'one two three four\nfive'],
    ['  one two three four five', 22, '  one two three four\n  five'],
    ['aaaaaaaaaaaaaaaaaaaaaaaaa', 20, 'aaaaaaaaaaaaaaaaaaaa\naaaaa'],
    ['  + aaaaaaaaaaaaaaaaaaaaaaaaa b', 22, '  + aaaaaaaaaaaaaaaaaa\n  aaaaaaa b'],
    [
      'see https://sqs.eu-west-1.amazonaws.com/1/a now',
      20,
      'see https://sqs.eu-w\nest-1.amazonaws.com/\n1/a now',
    ],
    ['  npx read-receipt-relay list --stage prod', 20, '  npx read-receipt-relay list --stage prod'],
    ['{"a":  "two  spaces"} and more words', 24, '{"a":  "two  spaces"}\nand more words'],
  ])('%j on %d columns', (text, columns, wrapped) => {
    expect(wrap(text, columns)).toBe(wrapped);
  });

  test('never wider, never a character lost', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '工', 'é', '-'), minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), fc.integer({ min: 20, max: 60 }), (words, columns) => {
        const wrapped = wrap(words.join(' '), columns);
        for (const line of wrapped.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
        expect(wrapped.replace(/[ \n]/g, '')).toBe(words.join(''));
      }),
    );
  });
});

test('a table gives its last column the rest of the screen', () => {
  const printed = table(
    ['CODE', 'WHY'],
    [
      ['forbidden', 'word '.repeat(30).trim()],
      ['x\u202ey', 'z'],
    ],
  );
  for (const line of printed.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(printed.split('\n')[2]).toMatch(/^ {11}word/);
  expect(printed).toContain('x\\u202ey');
});

test('plain leaves what a terminal shows, and escapes what it obeys', () => {
  expect(plain('工单 é 🎫 ~')).toBe('工单 é 🎫 ~');
  expect(plain('\u001b[2J\u007f\u009b\u200f\u202e\u2067\u2028\ud800\n')).toBe(
    '\\u001b[2J\\u007f\\u009b\\u200f\\u202e\\u2067\\u2028\\ud800\\u000a',
  );
  expect(plain('\u{e0001}')).toBe('\\udb40\\udc01');
});

test.each([
  ['there is no queue', 'There is no queue'],
  ['https://x gave no answer', 'https://x gave no answer'],
  ['nofile', 'nofile'],
])('a sentence begins with a capital, a name stays: %s', (text, expected) => {
  expect(sentence(text)).toBe(expected);
});

test('commands are quoted for a shell', () => {
  expect(commandsFor('prod')('send', "it's a file.jsonl")).toBe(
    "  npx read-receipt-relay send 'it'\\''s a file.jsonl' --stage prod",
  );
});

test('durations', () => {
  expect([0, 1_999, 60_000, 120_000, 7_200_000, 200_000_000].map(duration)).toEqual([
    '0 s',
    '1 s',
    '60 s',
    '2 min',
    '2 h',
    '2 d',
  ]);
});
