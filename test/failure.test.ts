import { failure, failureCodes, isServiceFailure, route, unfinished } from '../lib/failure.ts';

const limits = { maxAttempts: 8, maxAgeSeconds: 86_400 };
const NOW = Date.parse('2026-01-31T09:30:00Z');
const young = { receives: 1, firstReceivedAt: NOW - 86_400_000 + 1 };
const old = { receives: 1, firstReceivedAt: NOW - 86_400_000 };

const receiptCodes = ['malformed', 'invalid', 'rejected', 'forbidden', 'failed'] as const;
const serviceCodes = [
  'unauthorized',
  'misconfigured',
  'rate_limited',
  'unavailable',
  'unreachable',
  'timeout',
] as const;

test('the codes are those of the contract', () => {
  expect([...failureCodes].sort()).toEqual([...receiptCodes, ...serviceCodes].sort());
});

test.each(receiptCodes)('%s is at the receipt', code => {
  expect(isServiceFailure(failure(code, ''))).toBe(false);
});
test.each(serviceCodes)('%s is at the service', code => {
  expect(isServiceFailure(failure(code, ''))).toBe(true);
});
test('neither a mark nor a call that was cut is at the service', () => {
  expect(isServiceFailure({ code: 'marked', status: 200 })).toBe(false);
  expect(isServiceFailure(unfinished)).toBe(false);
  expect(unfinished).toEqual({ code: 'unfinished', detail: expect.stringContaining('time') });
});

test('a failure is its code and its detail', () => {
  expect(failure('rejected', 'because')).toStrictEqual({ code: 'rejected', detail: 'because' });
});

test.each(['malformed', 'invalid', 'rejected', 'forbidden'] as const)('%s is a dead letter at once', code => {
  expect(route(failure(code, ''), young, limits, NOW)).toBe('dead_letter');
});

test.each([
  [7, 'back_off'],
  [8, 'dead_letter'],
  [9, 'dead_letter'],
])('failed, at receive %i of 8: %s', (receives, way) => {
  expect(route(failure('failed', ''), { ...old, receives }, limits, NOW)).toBe(way);
});

test.each(serviceCodes)('%s waits until the message is past its age, whatever its receives', code => {
  expect(route(failure(code, ''), { ...young, receives: 1000 }, limits, NOW)).toBe('back_off');
  expect(route(failure(code, ''), old, limits, NOW)).toBe('dead_letter');
});
