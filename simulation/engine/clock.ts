import { mix, type Random } from './random.ts';

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Who an event belongs to: a sandbox, a person's process, or the world. */
export interface Owner {
  name: string;
  /** The events of a frozen owner wait, those of a dead one never come. */
  state: 'running' | 'frozen' | 'dead';
  /** How far its wall clock is off. */
  skewMs: number;
  random: Random;
  parked: Scheduled[];
  /** It is killed at the call that leaves it when this has come to 0: before it leaves, or right after. */
  doom?: { calls: number; sends: boolean } | undefined;
}

export interface Scheduled {
  at: number;
  order: number;
  owner: Owner;
  /** Undefined once it was cancelled. */
  run: (() => void) | undefined;
}

// Kept from before they are replaced (globals.ts imports this module).
const turn = setImmediate;
const { nextTick } = process;
/** So many events between two turns of the real event loop, which finalizers and signals need. */
const EVENTS_A_TURN = 65_536;

/**
 * Virtual time: events in the order of their time. All microtasks that an event leads to run before the next one, so
 * nothing depends on the machine.
 *
 * @param startMs where the wall clock begins, in milliseconds since the epoch
 */
export const createClock = (startMs: number, random: (purpose: string) => Random) => {
  /** The next one is the last: most of what is added comes soon. */
  const agenda: Scheduled[] = [];
  let nowMs = startMs;
  let orders = 0;
  let owners = 0;
  let high = 1;
  let low = 2;
  let executed = 0;

  const createOwner = (name: string, skewMs = 0): Owner => {
    const own = random(`owner ${owners++}`);
    return { name, state: 'running', skewMs, random: own, parked: [] };
  };
  const world = createOwner('world');
  let current = world;

  const insert = (event: Scheduled) => {
    let [from, to] = [0, agenda.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const { at, order } = agenda[middle] as Scheduled;
      if (at > event.at || (at === event.at && order > event.order)) from = middle + 1;
      else to = middle;
    }
    agenda.splice(from, 0, event);
  };

  const at = (owner: Owner, atMs: number, run: () => void): Scheduled => {
    const event = { at: Math.max(atMs, nowMs), order: orders++, owner, run };
    insert(event);
    return event;
  };

  /** The next event that is due, or undefined at the end. */
  const next = (untilMs: number): Scheduled | undefined => {
    for (let event = agenda.at(-1); event && event.at <= untilMs; event = agenda.at(-1)) {
      agenda.pop();
      if (event.run === undefined || event.owner.state === 'dead') continue;
      if (event.owner.state === 'running') return event;
      event.owner.parked.push(event);
    }
    return undefined;
  };

  return {
    world,
    createOwner,
    at,
    /** In so many milliseconds from now. */
    after: (owner: Owner, ms: number, run: () => void) => at(owner, nowMs + ms, run),
    now: () => nowMs,
    /** Whose code runs now. */
    owner: () => current,
    events: () => executed,
    /** A hash of every event so far, in order. */
    trace: () => high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0'),

    /** What should have happened to a frozen owner meanwhile happens now. */
    thaw(owner: Owner) {
      owner.state = 'running';
      for (const event of owner.parked.splice(0)) {
        event.at = Math.max(event.at, nowMs);
        insert(event);
      }
    },

    /**
     * Runs what happens until then.
     *
     * @param everyTurn lets the real event loop turn after every event: what differs then was real I/O
     */
    run: (untilMs: number, everyTurn: boolean) =>
      new Promise<void>((resolve, reject) => {
        const step = () => {
          for (;;) {
            const event = next(untilMs);
            nowMs = event?.at ?? Math.max(nowMs, untilMs);
            if (!event) return resolve();
            current = event.owner;
            executed++;
            high = mix(high, event.order ^ (nowMs * 1000));
            low = mix(low, high);
            try {
              event.run?.();
            } catch (error) {
              return reject(error);
            }
            if (everyTurn || executed % EVENTS_A_TURN === 0) return turn(step);
            // The world's own events settle no promise: nothing waits for the microtasks.
            if (event.owner !== world) return queueMicrotask(() => nextTick(step));
          }
        };
        turn(step);
      }),
  };
};

export type Clock = ReturnType<typeof createClock>;
