import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import type { Consumer } from './consumer.ts';

/** Lambda polls for up to 20 s; short waits let `stop` end soon. */
const POLL_MS = 100;

/** Lambda takes other answers for success too; ours never gives them. */
const responseSchema = z.object({
  batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })),
});

interface MappingOptions {
  consumer: Consumer;
  /** Takes the event, gives the JSON text that the function answered; rejects where it threw or timed out. */
  invoke: (event: SQSEvent) => Promise<string>;
  batchSize: number;
  /** How long a batch may wait for more, from its first message on. */
  windowSeconds: number;
  /** Told why a batch failed as a whole. */
  onError: (error: Error) => void;
}

/** As serverless.yml sets it. */
const CONCURRENCY = 2;

/**
 * Reads a queue and invokes a function as a Lambda event source mapping with `ReportBatchItemFailures` does.
 * Visibility and redrive are the queue's: what failed is neither hidden longer nor shown earlier.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
export const startEventSourceMapping = ({
  consumer,
  invoke,
  batchSize,
  windowSeconds,
  onError,
}: MappingOptions) => {
  let stopped = false;

  const collect = async (): Promise<SQSRecord[]> => {
    const records: SQSRecord[] = [];
    let until = Number.POSITIVE_INFINITY;
    while (!stopped && records.length < batchSize && performance.now() < until) {
      const some = await consumer.receive(batchSize - records.length);
      if (some.length > 0 && records.length === 0) until = performance.now() + windowSeconds * 1000;
      records.push(...some);
      if (some.length === 0) await sleep(POLL_MS);
    }
    return records;
  };

  const run = async (records: SQSRecord[]): Promise<void> => {
    try {
      const { batchItemFailures } = responseSchema.parse(JSON.parse(await invoke({ Records: records })));
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      const done = records.filter(({ messageId }) => !failed.has(messageId));
      // Lambda fails a whole batch for one id that is not in it.
      if (done.length + failed.size !== records.length)
        throw new Error('An unknown message is said to fail.');
      await consumer.remove(done);
    } catch (error) {
      onError(error as Error);
    }
  };

  const poll = async () => {
    const running = new Set<Promise<void>>();
    while (!stopped) {
      if (running.size >= CONCURRENCY) await Promise.race(running);
      const records = await collect();
      if (stopped || records.length === 0) continue;
      const one = run(records).finally(() => running.delete(one));
      running.add(one);
    }
    await Promise.all(running);
  };
  const polling = poll();

  return {
    /** Invokes no more, and waits until the batches under way are settled. */
    async stop() {
      stopped = true;
      await polling;
    },
  };
};

export type EventSourceMapping = ReturnType<typeof startEventSourceMapping>;
