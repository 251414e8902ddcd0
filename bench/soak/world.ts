import path from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import { startFauxqs } from 'fauxqs';
import { type Batch, startEventSourceMapping } from '../../local/event-source-mapping.ts';
import { startFunction } from '../../local/function.ts';
import { startHuawei } from '../../local/huawei/server.ts';
import { createBreaks } from './breaks.ts';
import { createInstances } from './instances.ts';
import { createLedger } from './ledger.ts';
import { createPasswords, secretOf } from './passwords.ts';
import type { Pace } from './plans.ts';
import { createQueueProxy, type SqsCall, type SqsTrouble } from './queue-proxy.ts';
import { now } from './random.ts';
import { ID_ATTRIBUTE, type Receipt } from './receipts.ts';
import { judgeRepair } from './repairs.ts';
import { startSecretStore } from './secret-store.ts';
import { createWatch } from './secrets.ts';
import { watchStalls } from './stalls.ts';

export const MAX_ATTEMPTS = 8;
const REGION = 'us-east-1';
/** Any pair will do: neither the queue nor the store checks it, but it must not be seen anywhere. */
const AWS_SECRET = 'aws-secret-of-the-soak';
const REPLAY_TIMEOUT_MS = 30_000;
/** Huawei locks after 3 to 10; here the soak counts. */
const LOCK_AFTER = 1000;

/** The whole service on one machine, with its dangers, and everything written down. `folder` has both bundles. */
export const createWorld = async (folder: string, pace: Pace) => {
  const passwords = createPasswords();
  const watch = createWatch([AWS_SECRET]);
  const password = passwords.next();
  watch.guard(password);

  const ledger = createLedger(judgeRepair);
  const fauxqs = await startFauxqs({ port: 0, logger: false });
  fauxqs.createQueue('dead-letters');
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: `arn:aws:sqs:${REGION}:000000000000:dead-letters`,
    maxReceiveCount: 500,
  });
  fauxqs.createQueue('receipts', {
    attributes: { VisibilityTimeout: String(pace.visibilitySeconds), RedrivePolicy },
  });
  const huawei = await startHuawei({
    openCases: true,
    accounts: [{ domain: 'acme', users: [{ name: 'relay', password }] }],
    lockAfter: LOCK_AFTER,
  });
  const store = await startSecretStore(secretOf(password));

  let sqsTrouble: (call: SqsCall) => SqsTrouble | undefined = () => undefined;
  const proxy = createQueueProxy({
    target: fauxqs.address,
    timeScale: pace.timeScale,
    ledger,
    troubleOf: call => sqsTrouble(call),
  });
  const urlFor = { function: await proxy.open('function'), replay: await proxy.open('replay') };
  const envFor = (url: string) => ({
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'soak',
    AWS_SECRET_ACCESS_KEY: AWS_SECRET,
    AWS_ENDPOINT_URL: store.url,
    AWS_ENDPOINT_URL_SQS: url,
    QUEUE_URL: `${url}/000000000000/receipts`,
    DEAD_LETTER_QUEUE_URL: `${url}/000000000000/dead-letters`,
    POWERTOOLS_SERVICE_NAME: 'soak',
  });
  const instances = createInstances({
    bundle: path.join(folder, 'mark-as-read/handlers/mark-as-read.mjs'),
    target: huawei.url,
    timeoutMs: pace.timeoutMs,
    onLine: watch.read,
    env: {
      ...envFor(urlFor.function),
      CREDENTIALS_FROM: 'secretsmanager:soak',
      REQUEST_TIMEOUT_MS: String(pace.requestTimeoutMs),
      MAX_AGE_SECONDS: String(pace.maxAgeSeconds),
      MAX_REQUESTS_PER_SECOND: String(pace.maxRequestsPerSecond),
      MAX_ATTEMPTS: String(MAX_ATTEMPTS),
    },
  });
  const replay = startFunction({
    bundle: path.join(folder, 'replay/handlers/replay.mjs'),
    timeoutMs: REPLAY_TIMEOUT_MS,
    onLine: watch.read,
    env: envFor(urlFor.replay),
  });

  const batches = { settled: 0, broken: 0, tried: new Set<string>() };
  const mappingUrl = await proxy.open('mapping');
  const client = new SQSClient({
    endpoint: mappingUrl,
    region: REGION,
    credentials: { accessKeyId: 'soak', secretAccessKey: AWS_SECRET },
  });
  const mapping = await startEventSourceMapping({
    queueUrl: `${mappingUrl}/000000000000/receipts`,
    client,
    invoke: instances.invoke,
    batchSize: pace.batchSize,
    windowSeconds: pace.batchSize > 10 ? 1 : 0,
    functionTimeoutMs: pace.timeoutMs,
    onBatch: ({ error, records }: Batch) => {
      for (const { messageId } of records) batches.tried.add(messageId);
      batches[error ? 'broken' : 'settled'] += 1;
    },
    onError: () => {},
  });

  const { breakHuawei, troubles } = createBreaks(huawei.faults);
  const stalls = watchStalls();
  return {
    ledger,
    huawei,
    store,
    instances,
    replay,
    breakHuawei,
    troubles,
    stalls,
    batches,
    watch,
    pace,

    send(receipt: Receipt) {
      ledger.expect(receipt);
      const sentAt = now();
      const { body, attributes } = receipt;
      const { messageId: id } = fauxqs.sendMessage('receipts', body, { messageAttributes: attributes });
      ledger.sent({
        id,
        queue: 'receipts',
        body,
        attributes,
        sentBy: 'producer',
        sentAt,
        confirmedAt: now(),
      });
    },

    /** Breaks calls to SQS until what it returns is called. */
    breakSqs(choose: (call: SqsCall) => SqsTrouble | undefined): () => void {
      sqsTrouble = choose;
      return () => {
        sqsTrouble = () => undefined;
      };
    },

    /** A new password, at Huawei or in the store or in both. */
    changePassword(where: { huawei?: boolean; store?: boolean }, password = passwords.next()): string {
      watch.guard(password);
      if (where.huawei) huawei.iam.setPassword('relay', password);
      if (where.store) store.put(secretOf(password));
      return password;
    },

    /** Ids of the messages that are there now. */
    standing(queue: 'receipts' | 'dead-letters'): Map<string, number> {
      const messages = fauxqs.inspectQueue(queue)?.messages;
      const all = [
        ...(messages?.ready ?? []),
        ...(messages?.delayed ?? []),
        ...(messages?.inflight.map(({ message }) => message) ?? []),
      ];
      return new Map(
        all.map(({ messageId, messageAttributes }) => [
          messageId,
          Number(messageAttributes[ID_ATTRIBUTE]?.StringValue),
        ]),
      );
    },

    stopReceiving: () => mapping.stop(),
    async close() {
      stalls.stop();
      const stopped = mapping.stop();
      await instances.stop();
      await stopped;
      await replay.stop();
      client.destroy();
      proxy.close();
      store.close();
      await huawei.close();
      await fauxqs.stop();
    },
  };
};

export type World = Awaited<ReturnType<typeof createWorld>>;
