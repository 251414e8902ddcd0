import { createRequire, syncBuiltinESMExports } from 'node:module';
import { type Clock, realNow, type Scheduled } from './clock.ts';
import { createReadStream, openAnew, rm } from './disk.ts';

export { realNow };

/** The season's clock; one season runs at a time in a process. */
let clock: Clock;

export const useClock = (next: Clock) => {
  clock = next;
};

const RealDate = Date;
const isoOf = () => clock.now() + clock.owner().skewMs;

class SimulatedDate extends RealDate {
  constructor(...parts: [] | [number | string | Date]) {
    if (parts.length === 0) super(isoOf());
    else super(...(parts as [number]));
  }
  static override now() {
    return Math.floor(isoOf());
  }
}

/** What setTimeout gives: enough of a Node timer for our code and its libraries. */
class Timer {
  event: Scheduled;
  constructor(event: Scheduled) {
    this.event = event;
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  hasRef() {
    return true;
  }
  [Symbol.dispose]() {
    this.event.run = undefined;
  }
}

type Callback = (...given: unknown[]) => void;

/** Node takes whole milliseconds, at least one. */
const wholeMs = (ms: unknown) => Math.max(1, Math.trunc(Number(ms) || 1));

const setTimeout = (run: Callback, ms?: number, ...given: unknown[]) =>
  new Timer(clock.after(clock.owner(), wholeMs(ms), () => run(...given)));
const setImmediate = (run: Callback, ...given: unknown[]) =>
  new Timer(clock.after(clock.owner(), 0, () => run(...given)));
const setInterval = (run: Callback, ms?: number, ...given: unknown[]) => {
  const again = () => {
    timer.event = clock.after(clock.owner(), wholeMs(ms), again);
    run(...given);
  };
  const timer = new Timer(clock.after(clock.owner(), wholeMs(ms), again));
  return timer;
};
const clear = (timer?: Timer) => {
  if (timer) timer.event.run = undefined;
};

const abortError = (signal: AbortSignal) =>
  Object.assign(new Error('The operation was aborted', { cause: signal.reason }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  });

const delay = <T>(
  ms?: number,
  value?: T,
  { signal }: { signal?: AbortSignal } = {},
): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const cut = () => {
      clear(timer);
      reject(abortError(signal as AbortSignal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', cut);
      resolve(value);
    }, ms);
    signal?.addEventListener('abort', cut, { once: true });
  });

const timeoutSignal = (ms: number): AbortSignal => {
  const controller = new AbortController();
  const reason = new Error('The operation was aborted due to timeout');
  reason.name = 'TimeoutError';
  clock.after(clock.owner(), ms, () => controller.abort(reason));
  return controller.signal;
};

const anySignal = (signals: Iterable<AbortSignal>): AbortSignal => {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) {
      controller.abort(signal.reason);
      break;
    }
    const cut = () => controller.abort(signal.reason);
    signal.addEventListener('abort', cut, { once: true, signal: controller.signal });
  }
  return controller.signal;
};

let uuids = 0;

/**
 * Replaces every source of time and chance that the code has, once a process, before the code is loaded. Nothing
 * in lib/ knows of it.
 */
export const replaceGlobals = () => {
  Error.stackTraceLimit = 0;
  const require = createRequire(import.meta.url);
  const timers = { setTimeout, setInterval, setImmediate };
  const clears = { clearTimeout: clear, clearInterval: clear, clearImmediate: clear };
  Object.assign(globalThis, timers, clears);
  globalThis.Date = SimulatedDate as DateConstructor;
  Math.random = () => clock.owner().random();
  Object.assign(performance, { now: () => clock.now() - RealDate.UTC(2026, 0, 1) });
  Object.assign(AbortSignal, { timeout: timeoutSignal, any: anySignal });
  Object.assign(require('node:timers'), timers, clears);
  Object.assign(require('node:timers/promises'), {
    setTimeout: delay,
    setImmediate: (value?: unknown) => delay(0, value),
  });
  Object.assign(require('node:fs'), { createReadStream });
  Object.assign(require('node:fs/promises'), { open: openAnew, rm });
  const crypto = require('node:crypto');
  crypto.randomUUID = () => `00000000-0000-4000-8000-${(uuids++ % 1e12).toString().padStart(12, '0')}`;
  syncBuiltinESMExports();
};
