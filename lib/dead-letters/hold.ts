import type { Received } from '../sqs/message.ts';
import type { Queue, Result } from '../sqs/queue.ts';

const SHOWN_AT_ONCE = 1_000;

/**
 * Whatever was received and not removed: one receipt handle a message. It lets each message be seen once, and all
 * be shown again in the end.
 */
export const createHold = (queue: Pick<Queue, 'remove' | 'hide'>) => {
  const handles = new Map<string, string>();
  const gone = new Set<string>();

  return {
    get size() {
      return handles.size;
    },

    /** SQS delivers once more what was removed. */
    isGone: ({ messageId }: Received) => gone.has(messageId),

    /** Notes a message that was received; of one that comes again, only the latest handle is good. */
    note({ messageId, receiptHandle }: Received): 'new' | 'known' | 'gone' {
      if (gone.has(messageId)) return 'gone';
      const seen = handles.has(messageId) ? 'known' : 'new';
      handles.set(messageId, receiptHandle);
      return seen;
    },

    /** Removes messages for good. It remembers them, should they come again. */
    async remove(messages: Received[]): Promise<Result[]> {
      const results = await queue.remove(
        messages.map(({ messageId, receiptHandle }) => handles.get(messageId) ?? receiptHandle),
      );
      for (const [index, { messageId }] of messages.entries()) {
        if (results[index]?.error) continue;
        handles.delete(messageId);
        gone.add(messageId);
      }
      return results;
    },

    /** Shows all again. What SQS refuses comes back by itself. */
    async showAll(signal?: AbortSignal): Promise<void> {
      const held = [...handles.values()];
      // Some at a time: 10,000 calls that wait for their turn would take more memory than all handles.
      for (let from = 0; from < held.length; from += SHOWN_AT_ONCE) {
        const some = held.slice(from, from + SHOWN_AT_ONCE);
        await queue.hide(
          some.map(receiptHandle => ({ receiptHandle, seconds: 0 })),
          signal,
        );
      }
    },
  };
};
