import fc from 'fast-check';
import { BACKOFF_MOST_SECONDS, backoffSeconds } from '../../lib/relay/backoff.ts';

const least = () => 0;
const most = () => 1 - Number.EPSILON;

test.each([
  [1, 3, 5],
  [2, 5, 10],
  [8, 320, 640],
  [9, 450, 900],
  [1100, 450, 900],
])(
  'at receive %i: half to whole of 5 s doubled each time, at most 15 minutes: %i to %i',
  (receives, from, to) => {
    expect(backoffSeconds(receives, 0, least)).toBe(from);
    expect(backoffSeconds(receives, 0, most)).toBe(to);
  },
);

test('the floor is waited for in full, and no less than the back-off', () => {
  expect(backoffSeconds(1, 120, least)).toBe(120);
  expect(backoffSeconds(9, 120, least)).toBe(450);
  expect(backoffSeconds(1, 3600, most)).toBe(3600);
});

test('whole seconds, within what the contract says, for any receives and floor', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 0, max: 3600 }), (receives, floor) => {
      const seconds = backoffSeconds(receives, floor);
      expect(Number.isInteger(seconds)).toBe(true);
      expect(seconds).toBeGreaterThanOrEqual(Math.max(3, floor));
      expect(seconds).toBeLessThanOrEqual(Math.max(BACKOFF_MOST_SECONDS, floor));
    }),
  );
});

test('jitter spreads over the upper half', () => {
  const seconds = Array.from({ length: 2000 }, () => backoffSeconds(9));
  expect(Math.min(...seconds)).toBeLessThan(475);
  expect(Math.max(...seconds)).toBeGreaterThan(875);
  expect(new Set(seconds).size).toBeGreaterThan(300);
});
