// Lets time pass on the machine's clock, for the function and for Huawei's stand-in. Timers go on as they are.
import { jest } from '@jest/globals';

/** Call it once in a test file. */
export const useClock = () => {
  beforeEach(() => {
    jest.useFakeTimers({
      now: Date.now(),
      doNotFake: [
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'clearImmediate',
        'setInterval',
        'clearInterval',
        'setTimeout',
        'clearTimeout',
      ],
    });
  });
  afterEach(() => {
    jest.useRealTimers();
  });
};

export const pass = ({ hours = 0, minutes = 0, seconds = 0 }) =>
  jest.setSystemTime(Date.now() + ((hours * 60 + minutes) * 60 + seconds) * 1000);
