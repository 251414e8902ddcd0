import { mix, type Random } from './random.ts';

/** Who an event belongs to: a sandbox, a person's process, or the world. */
export interface Owner {
  name: string;
  id: number;
  /** The events of a frozen owner wait, those of a dead one never come. */
  state: 'running' | 'frozen' | 'dead';
  /** How far its wall clock is off. */
  skewMs: number;
  random: Random;
  parked: Scheduled[];
  /** It is killed at the call that leaves it when this has come to 0: before it leaves, or right after. */
  doom?: { calls: number; sends: boolean; onDeath?: () => void } | undefined;
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
/** The machine's time, for measurements of the simulation itself. */
export const realNow = performance.now.bind(performance);
const nextTick = process.nextTick;
/** So many events between two turns of the real event loop, which finalizers and signals need. */
const EVENTS_A_TURN = 65_536;

/**
 * Virtual time: one heap of events in the order of their time. All microtasks that an event leads to run before
 * the next one, so nothing depends on the machine.
 *
 * @param startMs where the wall clock begins, in milliseconds since the epoch
 */
export const createClock = (startMs: number, random: (purpose: string) => Random) => {
  const heap: Scheduled[] = [];
  let nowMs = startMs;
  let orders = 0;
  let owners = 0;
  let high = 1;
  let low = 2;
  let executed = 0;

  const createOwner = (name: string): Owner => {
    const id = owners++;
    return { name, id, state: 'running', skewMs: 0, random: random(`owner ${id}`), parked: [] };
  };
  const world = createOwner('world');
  let current = world;

  const isBefore = (a: Scheduled, b: Scheduled) => a.at < b.at || (a.at === b.at && a.order < b.order);

  const push = (event: Scheduled) => {
    let i = heap.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Scheduled;
      if (isBefore(above, event)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = event;
  };

  const pop = (): Scheduled | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Scheduled, heap[child] as Scheduled))
        child++;
      const below = heap[child] as Scheduled;
      if (isBefore(last, below)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
    return first;
  };

  const at = (owner: Owner, atMs: number, run: () => void): Scheduled => {
    const event = { at: Math.max(atMs, nowMs), order: orders++, owner, run };
    push(event);
    return event;
  };

  /** A call or an event becomes part of the trace. */
  const trace = (value: number) => {
    high = mix(high, value);
    low = mix(low, high);
  };

  /** The next event that is due, or undefined at the end. */
  const next = (untilMs: number): Scheduled | undefined => {
    for (;;) {
      const first = heap[0];
      if (!first || first.at > untilMs) return undefined;
      pop();
      if (first.run === undefined || first.owner.state === 'dead') continue;
      if (first.owner.state === 'running') return first;
      first.owner.parked.push(first);
    }
  };

  return {
    world,
    createOwner,
    trace,
    at,
    /** In so many milliseconds from now. */
    after: (owner: Owner, ms: number, run: () => void) => at(owner, nowMs + ms, run),
    now: () => nowMs,
    /** Whose code runs now. */
    owner: () => current,
    events: () => executed,
    digest: () => high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0'),

    freeze(owner: Owner) {
      if (owner.state === 'running') owner.state = 'frozen';
    },
    /** What should have happened meanwhile happens now. */
    thaw(owner: Owner) {
      if (owner.state !== 'frozen') return;
      owner.state = 'running';
      for (const event of owner.parked.splice(0)) {
        event.at = Math.max(event.at, nowMs);
        push(event);
      }
    },
    kill(owner: Owner) {
      owner.state = 'dead';
      owner.parked = [];
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
            if (!event) {
              nowMs = Math.max(nowMs, untilMs);
              return resolve();
            }
            nowMs = event.at;
            current = event.owner;
            executed++;
            trace(event.order ^ (nowMs * 1000));
            try {
              (event.run as () => void)();
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
