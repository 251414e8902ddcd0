import { failure, failureCodes, isServiceFailure, route, unfinished, untried } from '../lib/failure.ts';
import { useClock } from './clock.ts';
import { allCodes, waits } from './outcome-table.ts';

const limits = { maxAttempts: 8, maxAgeSeconds: 86_400 };
useClock();

const NOW = Date.parse('2026-01-31T09:30:00Z');
const young = { receives: 7, firstReceivedAt: NOW - 86_400_000 + 1 };
const receivedOften = { ...young, receives: 8 };
const old = { receives: 7, firstReceivedAt: NOW - 86_400_000 };

test('the codes are those of the contract', () => {
  expect([...failureCodes].sort()).toEqual([...allCodes].sort());
});

test.each(allCodes)('%s: whether the service is at fault, and when it becomes a dead letter', code => {
  const wait = waits[code];
  expect(isServiceFailure(failure(code, ''))).toBe(wait === 'max_age');
  const isDead = (at: typeof young) => route(failure(code, ''), at, limits, NOW) === 'dead_letter';
  expect(isDead(young)).toBe(wait === 'not');
  expect(isDead(receivedOften)).toBe(wait !== 'max_age');
  expect(isDead(old)).toBe(wait !== 'max_attempts');
});

test('neither a mark nor a call that was cut is at the service', () => {
  expect(isServiceFailure({ code: 'marked', status: 200 })).toBe(false);
  expect(isServiceFailure(unfinished)).toBe(false);
});

test('what was not tried waits for what is left of Retry-After', () => {
  const cause = { ...failure('unavailable', 'down'), retryAfterSeconds: 600 };
  const ago = (seconds: number) => untried('not called', { cause, at: Date.now() - seconds * 1000 });
  expect(ago(300)).toMatchObject({ retryAfterSeconds: 300 });
  expect(ago(601)).not.toHaveProperty('retryAfterSeconds');
});

test('what was not tried, as others had failed, is given up only when that has lasted for 15 minutes', () => {
  const cause = { ...failure('unavailable', 'down'), status: 503 };
  const since = (minutes: number) => untried('not called', { cause, at: NOW - minutes * 60_000 });
  const stopped = { unsent: true, stoppedAt: NOW - 60_000 };
  expect(since(1)).toEqual({ code: 'unavailable', detail: 'not called: down', status: 503, ...stopped });
  expect(route(since(14.99), old, limits, NOW)).toBe('back_off');
  expect(route(since(15), old, limits, NOW)).toBe('dead_letter');
  expect(route(since(15), young, limits, NOW)).toBe('back_off');
});
