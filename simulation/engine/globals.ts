import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Clock, Scheduled } from './clock.ts';
import { createReadStream, open, rm } from './disk.ts';

/** The season's clock; one season runs at a time in a process. */
let clock: Clock;

export const useClock = (next: Clock) => {
  clock = next;
};

const RealDate = Date;
const dateNow = () => Math.floor(clock.now() + clock.owner().skewMs);

class SimulatedDate extends RealDate {
  constructor(...parts: [] | [number | string | Date]) {
    super(...((parts.length > 0 ? parts : [dateNow()]) as [number]));
  }
  static override now = dateNow;
}

/** Node takes whole milliseconds, at least one. */
const wholeMs = (ms: unknown) => Math.max(1, Math.trunc(Number(ms) || 1));

type Callback = (...given: unknown[]) => void;

/** Enough of a Node timer for our code and its libraries. */
const timerOf = (event: Scheduled) => ({
  event,
  unref() {
    return this;
  },
});
type Timer = ReturnType<typeof timerOf>;

const setTimeout = (run: Callback, ms?: number, ...given: unknown[]): Timer =>
  timerOf(clock.after(clock.owner(), wholeMs(ms), () => run(...given)));
const setInterval = (run: Callback, ms?: number): Timer => {
  const begin = () => clock.after(clock.owner(), wholeMs(ms), again);
  const again = () => {
    timer.event = begin();
    run();
  };
  const timer = timerOf(begin());
  return timer;
};
const clear = (timer?: Timer) => {
  if (timer) timer.event.run = undefined;
};

const delay = <T>(
  ms?: number,
  value?: T,
  { signal }: { signal?: AbortSignal } = {},
): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const cut = () => {
      clear(timer);
      reject(new DOMException('The operation was aborted', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', cut);
      resolve(value);
    }, ms);
    if (signal?.aborted) cut();
    signal?.addEventListener('abort', cut, { once: true });
  });

const timeoutSignal = (ms: number): AbortSignal => {
  const controller = new AbortController();
  const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  clock.after(clock.owner(), ms, () => controller.abort(reason));
  return controller.signal;
};

const anySignal = (signals: AbortSignal[]): AbortSignal => {
  const controller = new AbortController();
  for (const signal of signals) {
    const cut = () => controller.abort(signal.reason);
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true, signal: controller.signal });
  }
  return controller.signal;
};

let uuids = 0;

/**
 * Replaces every source of time and chance that the code has, and the disk, once a process, before the code is loaded.
 * Nothing in lib/ knows of it.
 */
export const replaceGlobals = () => {
  Error.stackTraceLimit = 0;
  const require = createRequire(import.meta.url);
  const timers = { setTimeout, setInterval, clearTimeout: clear, clearInterval: clear };
  Object.assign(globalThis, timers);
  Object.assign(require('node:timers'), timers);
  Object.assign(require('node:timers/promises'), { setTimeout: delay });
  globalThis.Date = SimulatedDate as DateConstructor;
  Math.random = () => clock.owner().random();
  Object.assign(performance, { now: () => clock.now() - RealDate.UTC(2026, 0, 1) });
  Object.assign(AbortSignal, { timeout: timeoutSignal, any: anySignal });
  Object.assign(require('node:fs'), { createReadStream });
  Object.assign(require('node:fs/promises'), { open, rm });
  require('node:crypto').randomUUID = () =>
    `00000000-0000-4000-8000-${(uuids++ % 1e12).toString().padStart(12, '0')}`;
  syncBuiltinESMExports();
};
