import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { startFauxqs } from 'fauxqs';
import type { HuaweiOptions } from '../huawei/options.ts';
import { startHuawei } from '../huawei/server.ts';
import {
  type Batch,
  type EventSourceMapping,
  startEventSourceMapping,
} from '../lambda/event-source-mapping.ts';
import { startFunction } from '../lambda/function.ts';

export const BUNDLE = path.resolve(
  import.meta.dirname,
  '../../.build/mark-as-read/handlers/mark-as-read.mjs',
);

// serverless.yml's numbers where they do not make a person wait.
const BATCH_SIZE = 1000;
const WINDOW_SECONDS = 1;
const CONCURRENCY = 2;
const FUNCTION_TIMEOUT_MS = 8_000;
// As resources/queues.yml has them: nobody waits for these, and `npx relay doctor` looks.
const VISIBILITY_SECONDS = 185;
const MOST_RECEIVES = 500;
const RETENTION_SECONDS = 14 * 86_400;
const MOST_ENTRIES = 10;

const QUEUE = 'receipts';
const DEAD_LETTERS = 'dead-letters';
const awsKeys = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

interface Options {
  cases: NonNullable<HuaweiOptions['cases']>;
  onLine: (line: string) => void;
  onInvoke: (event: SQSEvent) => void;
  onBatch: (batch: Batch) => void;
}

/** Everything that surrounds the relay, on this machine: SQS, Huawei Cloud, Lambda. Ports are free ones. */
export const openEnvironment = async ({ cases, onLine, onInvoke, onBatch }: Options) => {
  const sqs = await startFauxqs({ port: 0, logger: false });
  const { queueArn: deadLetterTargetArn } = sqs.createQueue(DEAD_LETTERS, {
    attributes: { MessageRetentionPeriod: String(RETENTION_SECONDS) },
  });
  sqs.createQueue(QUEUE, {
    attributes: {
      VisibilityTimeout: String(VISIBILITY_SECONDS),
      MessageRetentionPeriod: String(RETENTION_SECONDS / 2),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: MOST_RECEIVES }),
    },
  });
  const urlOf = (queue: string) => `${sqs.address}/000000000000/${queue}`;
  const user = { name: 'relay', password: randomBytes(12).toString('base64url') };
  const huawei = await startHuawei({ cases, accounts: [{ domain: 'demo', users: [user] }] });
  const folder = await mkdtemp(path.join(tmpdir(), 'read-receipt-relay-start-'));
  const credentials = path.join(folder, 'credentials.json');
  const stored = { type: 'password', domain: 'demo', user: user.name, password: user.password };
  await writeFile(credentials, JSON.stringify(stored), { mode: 0o600 });

  /** What `npx relay` needs to know. */
  const variables = {
    QUEUE_URL: urlOf(QUEUE),
    DEAD_LETTER_QUEUE_URL: urlOf(DEAD_LETTERS),
    OSM_ENDPOINT: huawei.url,
    IAM_ENDPOINT: huawei.url,
    CREDENTIALS_FROM: `file:${credentials}`,
    AWS_ENDPOINT_URL: sqs.address,
    ...awsKeys,
  };

  const lambda = startFunction({
    bundle: BUNDLE,
    env: {
      ...variables,
      POWERTOOLS_SERVICE_NAME: 'read-receipt-relay-local',
      POWERTOOLS_METRICS_NAMESPACE: 'ReadReceiptRelay',
    },
    timeoutMs: FUNCTION_TIMEOUT_MS,
    concurrency: CONCURRENCY,
    onLine,
  });

  const client = new SQSClient({
    endpoint: sqs.address,
    region: awsKeys.AWS_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  let mapping: EventSourceMapping | undefined;
  /** Without touching them: nobody receives them by this. */
  const messagesOf = (queue: string) =>
    sqs.inspectQueue(queue)?.messages ?? { ready: [], delayed: [], inflight: [] };

  return {
    huawei,
    variables,
    /** Receipts that are not settled yet. */
    waiting: () => Object.values(messagesOf(QUEUE)).flat().length,
    /** Seconds until the queue shows a message again. */
    hiddenSeconds(messageId: string): number | undefined {
      const hidden = messagesOf(QUEUE).inflight.find(({ message }) => message.messageId === messageId);
      return hidden && Math.ceil((hidden.visibilityDeadline - Date.now()) / 1000);
    },
    /** The failure codes of the dead letters that are in their queue. */
    deadLetterCodes(): string[] {
      const { ready, inflight } = messagesOf(DEAD_LETTERS);
      return [...ready, ...inflight.map(({ message }) => message)].map(
        ({ messageAttributes }) => messageAttributes.failure_code?.StringValue ?? 'unknown',
      );
    },
    /** Unread messages at Huawei, by case. */
    unread: () => new Map(Object.keys(cases).map(caseId => [caseId, huawei.osm.unread(caseId) ?? 0])),
    /** Puts bodies on the queue and gives their message ids, in order. */
    async send(bodies: string[]): Promise<string[]> {
      const ids: string[] = [];
      for (let from = 0; from < bodies.length; from += MOST_ENTRIES) {
        const some = bodies.slice(from, from + MOST_ENTRIES);
        const Entries = some.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
        const { Successful = [], Failed = [] } = await client.send(
          new SendMessageBatchCommand({ QueueUrl: variables.QUEUE_URL, Entries }),
        );
        if (Failed.length > 0) throw new Error(`SQS refused a message: ${Failed[0]?.Message}`);
        const byId = new Map(Successful.map(({ Id, MessageId = '' }) => [Id, MessageId]));
        ids.push(...some.map((_, index) => byId.get(String(index)) ?? ''));
      }
      return ids;
    },
    /** From now on the function reads the queue. */
    async startReading() {
      mapping = await startEventSourceMapping({
        queueUrl: variables.QUEUE_URL,
        client,
        invoke(event) {
          onInvoke(event);
          return lambda.invoke(event);
        },
        batchSize: BATCH_SIZE,
        windowSeconds: WINDOW_SECONDS,
        maximumConcurrency: CONCURRENCY,
        functionTimeoutMs: FUNCTION_TIMEOUT_MS,
        onBatch,
      });
    },
    /** Ends every process, port and file of it. */
    async close() {
      await lambda.stop();
      await mapping?.stop();
      client.destroy();
      await Promise.all([sqs.stop(), huawei.close(), rm(folder, { recursive: true, force: true })]);
    },
  };
};

export type Environment = Awaited<ReturnType<typeof openEnvironment>>;
