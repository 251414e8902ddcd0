import type { Held, Sendable } from '../model.ts';
import type { Parts } from './parts.ts';

interface QueueOptions {
  name: 'receipts' | 'dead letters';
  retentionSeconds: number;
  visibilitySeconds: number;
  /** SQS moves a message that was received so often. */
  redrive?: { after: number; to: Queue };
}

/** Delivery is only roughly in order: among so many of the oldest. */
const DISORDER = 20;
/** What SQS lets be in flight at once. */
const MOST_IN_FLIGHT = 120_000;

/**
 * A standard queue as SQS describes it: visibility, receive counts, duplicates, no order, polls that miss, counts
 * that are approximate, redrive, retention, a most in flight.
 */
export const createQueueModel = (
  { clock, random: randomFor, faults, oracle }: Parts,
  { name, retentionSeconds, visibilitySeconds, redrive }: QueueOptions,
) => {
  const random = randomFor(name);
  const all = new Map<string, Held>();
  const visible: Held[] = [];
  let hidden = 0;
  let ids = 0;
  let onVisible = () => {};

  const turn = (held: Held, state: Held['state']) => {
    if (held.state === 'hidden') hidden--;
    if (state === 'hidden') hidden++;
    held.state = state;
    held.timer++;
  };
  const show = (held: Held) => {
    turn(held, 'visible');
    visible.push(held);
    onVisible();
  };
  const hide = (held: Held, seconds: number) => {
    turn(held, 'hidden');
    const { timer } = held;
    clock.after(clock.world, seconds * 1000, () => {
      if (held.timer === timer) show(held);
    });
  };
  const drop = (held: Held, why: 'deleted' | 'expired' | 'moved') => {
    turn(held, 'gone');
    all.delete(held.id);
    oracle.gone(held, why, name === 'receipts');
  };
  const add = (sent: Sendable, sentAt = clock.now()): Held => {
    const id = `${name}-${++ids}`;
    const unseen = { firstReceivedAt: undefined, receives: 0, handle: '', timer: 0, state: 'gone' } as const;
    const held: Held = { ...sent, ...unseen, id, sentAt };
    all.set(id, held);
    oracle.added(held);
    show(held);
    return held;
  };
  const isExpired = ({ sentAt }: Held) => clock.now() >= sentAt + retentionSeconds * 1000;
  const ofHandle = (handle: string) => all.get(handle.slice(0, handle.indexOf('#')));

  /** The next visible one, roughly the oldest. */
  const pick = (): Held | undefined => {
    while (visible.length > 0) {
      const at = Math.min(Math.floor(random() * DISORDER), visible.length - 1);
      const held = visible[at] as Held;
      visible[at] = visible[0] as Held;
      visible.shift();
      if (held.state !== 'visible') continue;
      if (!isExpired(held)) return held;
      drop(held, 'expired');
    }
    return undefined;
  };

  return {
    name,
    add,
    /** Told when a message becomes visible. */
    listen(listener: () => void) {
      onVisible = listener;
    },
    visible: () => all.size - hidden,
    hidden: () => hidden,
    messages: () => all.values(),

    receive(most: number, seconds = visibilitySeconds): Held[] {
      const taken: Held[] = [];
      const passed: Held[] = [];
      const share = faults.on('sqs_misses') ? random() : 1;
      const misses = share < 0.3 || hidden >= MOST_IN_FLIGHT;
      while (!misses && taken.length < most) {
        const held = pick();
        if (!held) break;
        if (share < 1 && random() > share) {
          passed.push(held);
          continue;
        }
        if (redrive && held.receives >= redrive.after) {
          redrive.to.add(held, held.sentAt);
          drop(held, 'moved');
          continue;
        }
        held.receives++;
        held.firstReceivedAt ??= clock.now();
        held.handle = `${held.id}#${held.receives}`;
        hide(held, seconds);
        taken.push({ ...held });
        // At least once: one of SQS's servers did not hear that it was taken.
        if (faults.on('sqs_duplicates') && random() < 0.2) hide(held, random() * 5);
      }
      visible.push(...passed);
      return taken;
    },

    /** SQS says yes to a handle of an earlier receive, and deletes nothing. */
    delete(handle: string) {
      const held = ofHandle(handle);
      if (!held || (held.handle !== handle && held.state === 'hidden')) return;
      // What was deleted comes once more, where a server was away then.
      if (faults.on('sqs_duplicates') && random() < 0.05) hide(held, 1 + random() * 600);
      else drop(held, 'deleted');
    },

    /** False where SQS refuses it. */
    changeVisibility(handle: string, seconds: number): boolean {
      const held = ofHandle(handle);
      if (held?.state !== 'hidden') return false;
      if (held.handle !== handle) return true;
      if (seconds === 0) show(held);
      else hide(held, seconds);
      return true;
    },

    expireAll() {
      for (const held of [...all.values()]) if (isExpired(held)) drop(held, 'expired');
    },

    attributes(): Record<string, string> {
      const blur = faults.on('sqs_misses') ? random() : 1;
      return {
        ApproximateNumberOfMessages: String(Math.round((all.size - hidden) * blur)),
        ApproximateNumberOfMessagesNotVisible: String(Math.round(hidden * blur)),
        ApproximateNumberOfMessagesDelayed: '0',
        MessageRetentionPeriod: String(retentionSeconds),
        VisibilityTimeout: String(visibilitySeconds),
      };
    },
  };
};

export type Queue = ReturnType<typeof createQueueModel>;
