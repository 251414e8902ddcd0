// The world around the function for tests: one for each test file, with queues, a Huawei Cloud and stored
// credentials of its own for each cold start.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import type { Check } from '../lib/doctor/check.ts';
import type { Attribute } from '../local/aws/sqs.ts';
import type { HuaweiOptions } from '../local/huawei/options.ts';
import { startHuawei } from '../local/huawei/server.ts';
import { recordOf } from '../local/lambda/consumer.ts';
import {
  awsVariables,
  openWorld,
  passwordCredentials,
  VISIBILITY_SECONDS,
  type World,
} from '../local/world.ts';
import { useFolder } from './folder.ts';
import { printedSince, printedSoFar, secret } from './output/printed.ts';
import { proxyOf } from './queue-proxy.ts';

export const password = secret(passwordCredentials.password);

/** The function's time, unless a test says otherwise. */
const REMAINING_MS = 20_000;
interface Parcel {
  body: string;
  attributes?: Record<string, Attribute>;
  /** Put over the record's own system attributes in the event. */
  system?: Partial<SQSRecord['attributes']>;
}

export interface Letter {
  body: string;
  attributes: Record<string, Attribute>;
  /** The attribute `failure`, read. */
  failure: Record<string, unknown>;
}

export type Handler = (event: unknown, context: object) => Promise<SQSBatchResponse>;

/** What Lambda tells a function whose time is 30 s. */
export const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => 29_950 };

/** Asks the function for a check-up. */
export const checkUp = async (handler: Handler): Promise<Check[]> =>
  ((await handler({ doctor: true }, context)) as unknown as { checks: Check[] }).checks;

/** A record that never was in a queue, for bodies that SQS would not take and for fixed ages. */
export const fabricated = (body: string, system: Partial<SQSRecord['attributes']> = {}): SQSRecord => {
  const now = String(Date.now());
  const id = crypto.randomUUID();
  const message = { MessageId: id, ReceiptHandle: `handle-of-${id}`, Body: body };
  const record = recordOf(message, 'arn:aws:sqs:us-east-1:000000000000:receipts');
  const times = { SentTimestamp: now, ApproximateFirstReceiveTimestamp: now };
  return {
    ...record,
    attributes: { ApproximateReceiveCount: '1', SenderId: 'AROA', ...times, ...system },
  };
};

let world: World;
let folder: string;
let started = 0;
const running: { close: () => Promise<void> }[] = [];
const lasting: { close: () => Promise<void> }[] = [];

const aws = () => ({ ...awsVariables, AWS_ENDPOINT_URL: world.aws.url });

/** Ends with the test, or with the file. */
export const closeAfter = <T extends { close: () => Promise<void> }>(
  part: T,
  end: 'test' | 'file' = 'test',
): T => {
  (end === 'test' ? running : lasting).push(part);
  return part;
};

/** Call it once in a test file. */
export const useEnvironment = () => {
  folder = useFolder();
  beforeAll(async () => {
    world = await openWorld();
    secret(awsVariables.AWS_SECRET_ACCESS_KEY);
    Object.assign(process.env, aws());
  });
  afterEach(async () => {
    world.aws.intercept = undefined;
    world.aws.calls.length = 0;
    for (const part of running.splice(0)) await part.close();
  });
  afterAll(async () => {
    for (const part of lasting.splice(0)) await part.close();
    await world.close();
  });
};

/** Variables of the cold start before. */
let named: string[] = [];

export interface Setup {
  huawei?: HuaweiOptions;
  /** Over the usual ones; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** What the credentials file holds: an object as JSON, a text as it is; `null` = no file. */
  credentials?: object | string | null;
  /** Something else than the sources: it gets the environment's variables. */
  load?: (env: Record<string, string>) => Promise<Handler>;
  /** When Huawei's stand-in ends. */
  until?: 'test' | 'file';
}

/** A cold start in an environment of its own. */
export const startEnvironment = async (setup: Setup = {}) => {
  const huawei = closeAfter(await startHuawei({ openCases: true, ...setup.huawei }), setup.until);
  const VisibilityTimeout = String(VISIBILITY_SECONDS);
  const { receipts, deadLetters, consumer, variables: queues } = world.openQueues({ VisibilityTimeout });
  const name = `cold-start-${++started}`;
  const credentialsFile = path.join(folder, `${name}.json`);
  const from = printedSoFar();

  const store = async (content: object | string) => {
    if (typeof content === 'object') {
      for (const field of ['password', 'token', 'secret_key', 'security_token']) {
        const value = (content as Record<string, unknown>)[field];
        if (typeof value === 'string') secret(value);
      }
    }
    await writeFile(credentialsFile, typeof content === 'string' ? content : JSON.stringify(content));
  };
  if (setup.credentials !== null) await store(setup.credentials ?? passwordCredentials);

  const given: Record<string, string | undefined> = {
    OSM_ENDPOINT: huawei.url,
    IAM_ENDPOINT: huawei.url,
    CREDENTIALS_FROM: `file:${credentialsFile}`,
    QUEUE_URL: queues.QUEUE_URL,
    DEAD_LETTER_QUEUE_URL: queues.DEAD_LETTER_QUEUE_URL,
    MAX_REQUESTS_PER_SECOND: '10000',
    REQUEST_TIMEOUT_MS: '3000',
    ...setup.env,
  };
  const env = Object.fromEntries(
    Object.entries(given).filter((each): each is [string, string] => each[1] !== undefined),
  );
  for (const variable of named) delete process.env[variable];
  named = Object.keys(env);
  Object.assign(process.env, env);
  // The query makes it a module of its own: a cold start.
  const fromSources = async () =>
    ((await import(`../handlers/mark-as-read.ts?${name}`)) as { handler: Handler }).handler;
  const handler = await (setup.load ? setup.load({ ...aws(), ...env }) : fromSources());

  const invoke = (records: SQSRecord[], remainingMs = REMAINING_MS) => {
    const end = performance.now() + remainingMs;
    return handler(
      { Records: records },
      {
        awsRequestId: crypto.randomUUID(),
        functionName: 'mark-as-read',
        getRemainingTimeInMillis: () => Math.round(end - performance.now()),
      },
    );
  };

  return {
    huawei,
    receipts,
    /** Invokes, and tells how many were reported failed. */
    failures: async (...given: Parameters<typeof invoke>) =>
      (await invoke(...given)).batchItemFailures.length,
    deadLetterQueue: deadLetters,
    consumer,
    proxy: proxyOf(world.aws),
    handler,
    invoke,
    store,
    credentialsFile,

    /** Sends, receives, invokes as Lambda does, and deletes what was not reported failed. */
    async deliver(parcels: (string | Parcel)[], remainingMs?: number) {
      const sent = parcels.map((each): Parcel => (typeof each === 'string' ? { body: each } : each));
      const ids = sent.map(({ body, attributes }) => receipts.put(body, attributes));
      const indexOf = (id: string) => ids.indexOf(id);
      const received = await consumer.receive(sent.length);
      if (received.length < sent.length) throw new Error('The queue has fewer messages than were sent.');
      const records = received.map(record => ({
        ...record,
        attributes: { ...record.attributes, ...sent[indexOf(record.messageId)]?.system },
      }));
      const start = performance.now();
      const { batchItemFailures } = await invoke(records, remainingMs);
      const tookMs = performance.now() - start;
      const failed = batchItemFailures.map(({ itemIdentifier }) => indexOf(itemIdentifier));
      await consumer.remove(records.filter(({ messageId }) => !failed.includes(indexOf(messageId))));
      /** `failed` are indices of the parcels that were reported failed. */
      return { ids, tookMs, records, failed: failed.sort((a, b) => a - b) };
    },

    deadLetters: (): Letter[] =>
      deadLetters.ready().map(({ body, messageAttributes }) => ({
        body,
        attributes: messageAttributes,
        failure: JSON.parse(messageAttributes.failure?.StringValue ?? '{}'),
      })),

    /** Ids of the messages that are in the source queue still. */
    left: (): string[] => receipts.all().map(({ messageId }) => messageId),

    /** For how many seconds a message stays hidden. */
    hiddenSeconds: receipts.hiddenSeconds,

    marks: () => huawei.requests.filter(({ kind }) => kind === 'mark'),
    logIns: () => huawei.requests.filter(({ kind }) => kind === 'log_in'),

    /** Everything printed since this cold start. */
    printed: () => printedSince(from),
    /** The log lines since. */
    lines: (): Record<string, unknown>[] =>
      jsonLines(printedSince(from)).filter(line => typeof line.message === 'string'),
    /** The metrics since, summed up. */
    metrics: () => sumOf(jsonLines(printedSince(from)).filter(({ _aws }) => _aws)),
    /** What every batch since has counted in its log line, summed up. */
    counts: () => sumOf(jsonLines(printedSince(from)).filter(({ message }) => message === 'batch.settled')),

    /** Forgets requests, letters, messages and faults; the function stays warm. */
    clear() {
      world.sqs.reset();
      world.aws.intercept = undefined;
      world.aws.calls.length = 0;
      huawei.faults.clear();
      huawei.requests.length = 0;
    },
  };
};

export type Environment = Awaited<ReturnType<typeof startEnvironment>>;

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line));

/** The numbers of all lines, summed up by name; a list counts with all it holds. */
const sumOf = (lines: Record<string, unknown>[]): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const [name, value] of lines.flatMap(line => Object.entries(line))) {
    const numbers = [value].flat().filter(each => typeof each === 'number');
    if (numbers.length > 0) sums[name] = numbers.reduce((a, b) => a + b, sums[name] ?? 0);
  }
  return sums;
};

/** A receipt's body. */
export const receipt = (case_id: string, rest: object = {}): string => JSON.stringify({ case_id, ...rest });

/** A batch of receipts for so many cases of a name. */
export const batchOf = (name: string, count: number, system: Partial<SQSRecord['attributes']> = {}) =>
  Array.from({ length: count }, (_, i) => fabricated(receipt(`${name}-${i}`), system));

/** What Lambda's clock says of a message that came so long ago. */
export const aged = (seconds: number): Partial<SQSRecord['attributes']> => ({
  ApproximateFirstReceiveTimestamp: String(Date.now() - seconds * 1000),
});

export { passwordCredentials, VISIBILITY_SECONDS };
