import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { Clock } from '../engine/clock.ts';
import type { Random } from '../engine/random.ts';
import type { Faults } from './faults.ts';

/** A message of a standard queue. */
export interface Held {
  id: string;
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  groupId?: string | undefined;
  traceHeader?: string | undefined;
  sentAt: number;
  firstReceivedAt: number | undefined;
  receives: number;
  handle: string;
  /** Hidden until then; its number tells a lapsed timer from the one that counts. */
  timer: number;
  state: 'visible' | 'hidden' | 'gone';
  /** SQS itself put it here. */
  moved?: boolean;
}
export type Sendable = Pick<Held, 'body' | 'attributes' | 'groupId' | 'traceHeader'>;

export interface QueueOptions {
  name: string;
  retentionSeconds: number;
  visibilitySeconds: number;
  /** SQS moves a message that was received so often. */
  redrive?: { after: number; to: Queue };
  /** Told of every message that comes or goes. */
  onAdded: (held: Held) => void;
  onGone: (held: Held, why: 'deleted' | 'expired' | 'moved') => void;
}

/** Delivery is only roughly in order: among so many of the oldest. */
const DISORDER = 20;
/** What SQS lets be in flight at once. */
const MOST_IN_FLIGHT = 120_000;

/**
 * A standard queue as SQS describes it: visibility, receive counts, duplicates, no order, polls that miss, counts
 * that are approximate, redrive, retention, a most in flight.
 */
export const createQueueModel = (clock: Clock, random: Random, faults: Faults, options: QueueOptions) => {
  const { name, retentionSeconds, onAdded, onGone } = options;
  const all = new Map<string, Held>();
  let visible: Held[] = [];
  let head = 0;
  let hidden = 0;
  let ids = 0;
  let onVisible = () => {};

  const show = (held: Held) => {
    if (held.state === 'hidden') hidden--;
    held.state = 'visible';
    visible.push(held);
    onVisible();
  };
  const hide = (held: Held, seconds: number) => {
    if (held.state !== 'hidden') hidden++;
    held.state = 'hidden';
    const timer = ++held.timer;
    clock.after(clock.world, seconds * 1000, () => {
      if (held.timer === timer && held.state === 'hidden') show(held);
    });
  };
  const drop = (held: Held, why: 'deleted' | 'expired' | 'moved') => {
    if (held.state === 'hidden') hidden--;
    held.state = 'gone';
    all.delete(held.id);
    onGone(held, why);
  };
  const add = (sent: Sendable, sentAt: number, moved = false): Held => {
    const held: Held = {
      ...sent,
      id: `${name}-${++ids}`,
      sentAt,
      firstReceivedAt: undefined,
      receives: 0,
      handle: '',
      timer: 0,
      state: 'gone',
      ...(moved && { moved }),
    };
    all.set(held.id, held);
    onAdded(held);
    show(held);
    return held;
  };
  const isExpired = ({ sentAt }: Held) => clock.now() >= sentAt + retentionSeconds * 1000;
  const ofHandle = (handle: string) => all.get(handle.slice(0, handle.indexOf('#')));

  /** The next visible one, roughly the oldest. */
  const pick = (): Held | undefined => {
    while (head < visible.length) {
      const at = head + Math.min(Math.floor(random() * DISORDER), visible.length - head - 1);
      const held = visible[at] as Held;
      visible[at] = visible[head] as Held;
      head++;
      if (head > 1000 && head * 2 > visible.length) {
        visible = visible.slice(head);
        head = 0;
      }
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
    get visible() {
      return all.size - hidden;
    },
    get hidden() {
      return hidden;
    },
    messages: () => all.values(),

    receive(most: number, seconds = options.visibilitySeconds): Held[] {
      const taken: Held[] = [];
      const share = faults.on('sqs_misses') ? random() : 1;
      const misses = share < 0.3 || hidden >= MOST_IN_FLIGHT;
      const passed: Held[] = [];
      while (!misses && taken.length < most) {
        const held = pick();
        if (!held) break;
        if (share < 1 && random() > share) {
          passed.push(held);
          continue;
        }
        const { redrive } = options;
        if (redrive && held.receives >= redrive.after) {
          redrive.to.add(held, held.sentAt, true);
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

    /** A handle of an earlier receive: SQS says yes and deletes nothing. */
    delete(handle: string): boolean {
      const held = ofHandle(handle);
      if (!held || (held.handle !== handle && held.state === 'hidden')) return true;
      // What was deleted comes once more, where a server was away then.
      if (faults.on('sqs_duplicates') && random() < 0.05) {
        hide(held, 1 + random() * 600);
        return true;
      }
      drop(held, 'deleted');
      return true;
    },

    changeVisibility(handle: string, seconds: number): boolean {
      const held = ofHandle(handle);
      if (held?.state !== 'hidden') return false;
      if (held.handle !== handle) return true;
      if (seconds === 0) {
        held.timer++;
        show(held);
      } else hide(held, seconds);
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
        VisibilityTimeout: String(options.visibilitySeconds),
      };
    },
  };
};

export type Queue = ReturnType<typeof createQueueModel>;
