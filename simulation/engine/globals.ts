import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Clock, Scheduled } from './clock.ts';
import { createReadStream, open, rm } from './disk.ts';

/** The clock of the world that runs now; one runs at a time in a process. */
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
const setTimeout = (run: () => void, ms?: number) =>
  clock.after(clock.owner(), Math.max(1, Math.trunc(Number(ms) || 1)), run);
const clearTimeout = (timer?: Scheduled) => {
  if (timer) timer.run = undefined;
};

const delay = <T>(ms?: number, value?: T) =>
  new Promise<T | undefined>(resolve => setTimeout(() => resolve(value), ms));

const timeoutSignal = (ms: number): AbortSignal => {
  const controller = new AbortController();
  const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  clock.after(clock.owner(), ms, () => controller.abort(reason));
  return controller.signal;
};

/**
 * Replaces every source of time and chance that the code has, and the disk, once a process, before the code is loaded.
 * Nothing in lib/ knows of it.
 */
export const replaceGlobals = () => {
  Error.stackTraceLimit = 0;
  const require = createRequire(import.meta.url);
  Object.assign(globalThis, { setTimeout, clearTimeout, Date: SimulatedDate });
  Math.random = () => clock.owner().random();
  Object.assign(performance, { now: () => clock.now() - RealDate.UTC(2026, 0, 1) });
  Object.assign(AbortSignal, { timeout: timeoutSignal });
  Object.assign(require('node:timers/promises'), { setTimeout: delay });
  Object.assign(require('node:fs'), { createReadStream });
  Object.assign(require('node:fs/promises'), { open, rm });
  syncBuiltinESMExports();
};
