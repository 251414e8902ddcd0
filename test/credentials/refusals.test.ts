// What was refused is left alone: once more within its time, and no third time.
import { jest } from '@jest/globals';
import { createDenials } from '../../lib/credentials/refusals.ts';

const stored = (type: 'password' | 'token', text = 'the secret') => ({
  text,
  credentials: { type } as never,
});
const reason = { code: 'unauthorized', detail: 'refused' } as const;
const HOUR_MS = 3_600_000;

beforeEach(() => {
  jest.useFakeTimers({ now: Date.now() });
});
afterEach(() => {
  jest.useRealTimers();
});

const start = () => {
  const counted: string[] = [];
  const denials = createDenials({ log: { error: () => {} }, count: name => counted.push(name) });
  return { ...denials, counted };
};

test.each([
  ['password', HOUR_MS],
  ['token', 60_000],
] as const)('a %s stands refused for its time', (type, ms) => {
  const { deny, standing } = start();
  deny(stored(type), reason);
  expect(standing('the secret')?.failure.detail).toMatch(
    /^refused; not tried again before .*Z unless the secret changes$/,
  );
  expect(standing('another')).toBeUndefined();
  jest.advanceTimersByTime(ms - 1);
  expect(standing('the secret')).toBeDefined();
  jest.advanceTimersByTime(1);
  expect(standing('the secret')).toBeUndefined();
});

test('a sign from Huawei allows a second try, never a third', () => {
  const { deny, standing, reconsider, counted } = start();
  reconsider(deny(stored('password'), reason));
  expect(standing('the secret')).toBeUndefined();
  for (let index = 0; index < 3; index++) {
    jest.advanceTimersByTime(60_000);
    deny(stored('password', `another ${index}`), reason);
  }
  const again = deny(stored('password'), reason);
  reconsider(again);
  expect(standing('the secret')).toBe(again);
  expect(counted).toEqual(Array(5).fill('LogInsRefused'));
});

test('the time over, the next refusal is a first one', () => {
  const { deny, standing, reconsider } = start();
  reconsider(deny(stored('password'), reason));
  deny(stored('password'), reason);
  jest.advanceTimersByTime(HOUR_MS);
  reconsider(deny(stored('password'), reason));
  expect(standing('the secret')).toBeUndefined();
});
