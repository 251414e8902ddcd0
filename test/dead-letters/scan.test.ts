// How much a scan holds: a queue that gives messages for ever, in this process.
import type { Letter } from '../../lib/dead-letters/dead-letter.ts';
import { scan } from '../../lib/dead-letters/scan.ts';
import type { Received } from '../../lib/sqs/message.ts';
import { queueOver } from '../../lib/sqs/queue.ts';

describe('at most 100,000 held', () => {
  /** A queue that gives `size` messages, ten at a time, and counts what is hidden. */
  const endless = (size: number) => {
    let [given, hidden, most, removed] = [0, 0, 0, 0];
    const received = (): Received => ({
      messageId: `id-${++given}`,
      receiptHandle: `handle-${given}`,
      message: { body: '{"case_id":"1"}', attributes: {} },
      sentAt: Date.now(),
      receives: 1,
    });
    const all = (entries: { id: string }[]) => ({ Successful: entries.map(({ id }) => ({ Id: id })) });
    const queue = queueOver('endless', {
      sendBatch: async entries => all(entries),
      async changeVisibilityBatch(entries) {
        hidden -= entries.length;
        return all(entries);
      },
      async deleteBatch(entries) {
        hidden -= entries.length;
        removed += entries.length;
        return all(entries);
      },
      async receive() {
        const messages = Array.from({ length: Math.min(10, size - given) }, received);
        hidden += messages.length;
        most = Math.max(most, hidden);
        return messages;
      },
      attributes: async () => ({ attributes: {} }),
    });
    return { queue, seen: () => ({ given, hidden, most, removed }) };
  };

  test.each([
    [100_000, 'done', 100_000],
    [100_001, 'scan_limit', 100_001],
    [200_000, 'scan_limit', 100_100],
  ])('of %i', async (size, stopped, mostGiven) => {
    const { queue, seen } = endless(size);
    let visited = 0;
    const result = await scan(queue, (letters: Letter[]) => {
      visited += letters.length;
    });
    expect(result).toMatchObject({ stopped, remaining: 100_000 });
    expect(visited).toBeLessThanOrEqual(100_000);
    expect(seen()).toMatchObject({ hidden: 0, removed: 0 });
    expect(seen().given).toBeLessThanOrEqual(mostGiven);
    // What comes on top while others are under way is shown again at once.
    expect(seen().most).toBeLessThanOrEqual(100_100);
  });
});
