import { failure, failureCodes, isServiceFailure, route, unfinished, untried } from '../lib/failure.ts';
import { allCodes, codes, codesUntil } from './outcome-table.ts';

const limits = { maxAttempts: 8, maxAgeSeconds: 86_400 };
const NOW = Date.parse('2026-01-31T09:30:00Z');
const young = { receives: 1, firstReceivedAt: NOW - 86_400_000 + 1 };
const old = { receives: 1, firstReceivedAt: NOW - 86_400_000 };

test('the codes are those of the contract', () => {
  expect([...failureCodes].sort()).toEqual([...allCodes].sort());
});

test.each(allCodes)('%s is at the receipt or at the service', code => {
  expect(isServiceFailure(failure(code, ''))).toBe(codes[code].scope === 'service');
});
test('neither a mark nor a call that was cut is at the service', () => {
  expect(isServiceFailure({ code: 'marked', status: 200 })).toBe(false);
  expect(isServiceFailure(unfinished)).toBe(false);
  expect(unfinished).toEqual({ code: 'unfinished', detail: expect.stringContaining('time') });
});

test('a failure is its code and its detail', () => {
  expect(failure('rejected', 'because')).toStrictEqual({ code: 'rejected', detail: 'because' });
});

test.each(codesUntil('at_once'))('%s is a dead letter at once', code => {
  expect(route(failure(code, ''), young, limits, NOW)).toBe('dead_letter');
});

test.each([
  [7, 'back_off'],
  [8, 'dead_letter'],
  [9, 'dead_letter'],
])('failed, at receive %i of 8: %s', (receives, way) => {
  expect(route(failure('failed', ''), { ...old, receives }, limits, NOW)).toBe(way);
});

test.each(codesUntil('max_age'))(
  '%s waits until the message is past its age, whatever its receives',
  code => {
    expect(route(failure(code, ''), { ...young, receives: 1000 }, limits, NOW)).toBe('back_off');
    expect(route(failure(code, ''), old, limits, NOW)).toBe('dead_letter');
  },
);

test('what was not tried, as others had failed, is given up only when that has lasted for 15 minutes', () => {
  const since = (minutes: number) =>
    untried('not called', {
      cause: { ...failure('unavailable', 'down'), status: 503 },
      at: NOW - minutes * 60_000,
    });
  expect(since(1)).toEqual({
    code: 'unavailable',
    detail: 'not called: down',
    status: 503,
    unsent: true,
    stoppedAt: NOW - 60_000,
  });
  expect(route(since(14.99), old, limits, NOW)).toBe('back_off');
  expect(route(since(15), old, limits, NOW)).toBe('dead_letter');
  expect(route(since(15), young, limits, NOW)).toBe('back_off');
});
