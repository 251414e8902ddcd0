import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { failedIdsOf } from './batch-response.ts';
import { createConsumer } from './consumer.ts';

/** Lambda's largest request, which a batch has to fit into. */
const MOST_PAYLOAD_BYTES = 6 * 1024 * 1024;
const PAYLOAD_FRAME_BYTES = '{"Records":[]}'.length;
/** Lambda waits 20 s; shorter waits let `stop` end soon without leaving a message with a call that nobody reads. */
const LONG_POLL_MS = 1000;
const SHORT_POLL_MS = 50;
const AFTER_ERROR_MS = 1000;

/** What became of one batch. */
export interface Batch {
  records: SQSRecord[];
  /** Message ids that stay in the queue: reported failed, or all where there is an error. */
  failed: Set<string>;
  /** Why the batch failed as a whole. */
  error?: Error;
}

export interface MappingOptions {
  queueUrl: string;
  /** @default a client of the environment's settings */
  client?: SQSClient;
  /** Takes the event, gives the JSON text that the function answered; rejects where it threw or timed out. */
  invoke: (event: SQSEvent) => Promise<string>;
  /** 1 to 10,000. @default 10 */
  batchSize?: number;
  /** How long a batch may wait for more, from its first message on: 0 to 300, at least 1 above ten messages. @default 0 */
  windowSeconds?: number;
  /** Invocations at once, 2 to 1,000; what they cannot take is not received. @default 2 */
  maximumConcurrency?: number;
  /** Told of every batch when it is settled. */
  onBatch?: (batch: Batch) => void;
}

/**
 * Reads a queue and invokes a function as a Lambda event source mapping with `ReportBatchItemFailures` does.
 * Visibility and redrive are the queue's: what failed is neither hidden longer nor shown earlier.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
export const startEventSourceMapping = async ({
  queueUrl,
  client = new SQSClient(),
  invoke,
  batchSize = 10,
  windowSeconds = 0,
  maximumConcurrency = 2,
  onBatch,
}: MappingOptions) => {
  const { Attributes: { QueueArn = '' } = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['QueueArn'] }),
  );

  const consumer = createConsumer({ client, queueUrl, queueArn: QueueArn });
  const running = new Set<Promise<void>>();
  /** Received, but over the size of the batch before. */
  const carried: SQSRecord[] = [];
  let stopped = false;

  const receive = async (most: number, forMs: number): Promise<void> => {
    const waitMs = forMs >= LONG_POLL_MS ? LONG_POLL_MS : 0;
    try {
      const records = await consumer.receive({ most, waitSeconds: waitMs / 1000 });
      carried.push(...records);
      if (records.length === 0 && waitMs === 0) await sleep(Math.min(forMs, SHORT_POLL_MS));
    } catch (error) {
      if (stopped) return;
      console.error(error);
      await sleep(AFTER_ERROR_MS);
    }
  };

  /** Fills a batch until it has its size, its 6 MB, or its window is over. */
  const collect = async (): Promise<SQSRecord[]> => {
    const records: SQSRecord[] = [];
    let bytes = PAYLOAD_FRAME_BYTES;
    let until = Number.POSITIVE_INFINITY;
    while (records.length < batchSize) {
      for (let next = carried[0]; next && records.length < batchSize; next = carried[0]) {
        bytes += Buffer.byteLength(JSON.stringify(next)) + 1;
        if (records.length > 0 && bytes > MOST_PAYLOAD_BYTES) return records;
        records.push(next);
        carried.shift();
        until = Math.min(until, performance.now() + windowSeconds * 1000);
      }
      const leftMs = until - performance.now();
      if (stopped || leftMs <= 0) return records;
      if (records.length < batchSize) await receive(batchSize - records.length, leftMs);
    }
    return records;
  };

  const run = async (records: SQSRecord[]): Promise<void> => {
    const ids = new Set(records.map(({ messageId }) => messageId));
    let failed = ids;
    let error: Error | undefined;
    try {
      failed = failedIdsOf(await invoke({ Records: records }), ids);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    }
    await consumer.remove(records.filter(({ messageId }) => !failed.has(messageId)));
    onBatch?.({ records, failed, ...(error && { error }) });
  };

  const poll = async () => {
    while (!stopped) {
      if (running.size >= maximumConcurrency) {
        await Promise.race(running);
        continue;
      }
      const records = await collect();
      if (records.length === 0) continue;
      const one = run(records).finally(() => running.delete(one));
      running.add(one);
    }
    await Promise.all(running);
  };
  const polling = poll();

  return {
    /** Receives no more, and waits until the batches under way are settled. */
    async stop() {
      stopped = true;
      await polling;
    },
  };
};

export type EventSourceMapping = Awaited<ReturnType<typeof startEventSourceMapping>>;
