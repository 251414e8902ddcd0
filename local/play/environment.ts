import path from 'node:path';
import type { SQSEvent } from 'aws-lambda';
import type { HuaweiOptions } from '../huawei/options.ts';
import {
  type Batch,
  type EventSourceMapping,
  startEventSourceMapping,
} from '../lambda/event-source-mapping.ts';
import { startFunction } from '../lambda/function.ts';
import { openWorld } from '../world.ts';

export const BUNDLE = path.resolve(
  import.meta.dirname,
  '../../.build/mark-as-read/handlers/mark-as-read.mjs',
);

// serverless.yml's numbers where they do not make a person wait.
const BATCH_SIZE = 1000;
const WINDOW_SECONDS = 1;
const CONCURRENCY = 2;
const FUNCTION_TIMEOUT_MS = 8_000;
export const LATE_AFTER_SECONDS = 3;

interface Options {
  cases: NonNullable<HuaweiOptions['cases']>;
  onLine: (line: string) => void;
  onInvoke: (event: SQSEvent) => void;
  onBatch: (batch: Batch) => void;
}

/** Everything that surrounds the relay, on this machine: SQS, Huawei Cloud, Lambda. Ports are free ones. */
export const openEnvironment = async ({ cases, onLine, onInvoke, onBatch }: Options) => {
  const world = await openWorld();
  const place = await world.open({ cases });
  const { huawei, receipts, deadLetters, variables } = place;
  huawei.osm.list({ fraction: 3 });

  const lambda = startFunction({
    bundle: BUNDLE,
    env: {
      ...variables,
      LATE_AFTER_SECONDS: String(LATE_AFTER_SECONDS),
      POWERTOOLS_SERVICE_NAME: 'read-receipt-relay-local',
      POWERTOOLS_METRICS_NAMESPACE: 'ReadReceiptRelay',
    },
    timeoutMs: FUNCTION_TIMEOUT_MS,
    concurrency: CONCURRENCY,
    onLine,
  });

  let mapping: EventSourceMapping | undefined;

  return {
    huawei,
    /** What `npx read-receipt-relay` needs to know. */
    variables,
    /** Receipts that are not settled yet. */
    waiting: () => receipts.all().length,
    /** The failure codes of the dead letters that are in their queue. */
    deadLetterCodes: () =>
      deadLetters
        .all()
        .map(({ messageAttributes }) => messageAttributes.failure_code?.StringValue ?? 'unknown'),
    /** Unread messages at Huawei, by case. */
    unread: () => new Map(Object.keys(cases).map(caseId => [caseId, huawei.osm.unread(caseId) ?? 0])),
    /** Puts a receipt on the queue and gives its message id. */
    send: (body: string): string => receipts.put(body),
    /** From now on the function reads the queue. */
    async startReading() {
      mapping = await startEventSourceMapping({
        queueUrl: variables.QUEUE_URL,
        client: world.client,
        invoke(event) {
          onInvoke(event);
          return lambda.invoke(event);
        },
        batchSize: BATCH_SIZE,
        windowSeconds: WINDOW_SECONDS,
        maximumConcurrency: CONCURRENCY,
        onBatch,
      });
    },
    /** Ends every process, port and file of it. */
    async close() {
      await lambda.stop();
      await mapping?.stop();
      await place.close();
      await world.close();
    },
  };
};

export type Environment = Awaited<ReturnType<typeof openEnvironment>>;
