// Two queues and a proxy in front of them, for whatever works on dead letters.
import { startFauxqs } from 'fauxqs';
import { createReplay } from '../lib/dead-letters/replay.ts';
import type { FailureCode } from '../lib/failure.ts';
import { createQueue } from '../lib/sqs/queue.ts';
import { startQueueProxy } from './queue-proxy.ts';

export interface AttributeValue {
  DataType: string;
  StringValue?: string;
  BinaryValue?: string;
}

export const string = (StringValue: string): AttributeValue => ({ DataType: 'String', StringValue });
export const receipt = (case_id: string, more: object = {}): string => JSON.stringify({ case_id, ...more });

interface Death {
  code?: FailureCode | undefined;
  detail?: string;
  /** How long ago, in milliseconds. */
  agoMs?: number;
  replays?: number | undefined;
  own?: Record<string, AttributeValue> | undefined;
}

export const attributesOf = ({ code, detail = 'because', agoMs = 0, replays, own }: Death) => ({
  ...own,
  ...(code && {
    failure: string(
      JSON.stringify({
        code,
        detail,
        attempts: 1,
        dead_lettered_at: new Date(Date.now() - agoMs).toISOString(),
      }),
    ),
    failure_code: string(code),
  }),
  ...(replays !== undefined && { replays: { DataType: 'Number', StringValue: String(replays) } }),
});

/** Everything for one test, with queues of its own. */
export const openLetterQueues = async () => {
  const server = await startFauxqs({ port: 0, logger: false });
  const proxy = await startQueueProxy(server.port);
  let made = 0;

  const openPair = () => {
    const [receipts, letters] = [`receipts-${++made}`, `letters-${made}`];
    for (const name of [receipts, letters]) server.createQueue(name);
    const urlOf = (name: string) => `${proxy.url}/000000000000/${name}`;
    const inspect = (name: string) => {
      const messages = server.inspectQueue(name)?.messages;
      if (!messages) throw new Error(`no queue ${name}`);
      return { ready: messages.ready, hidden: messages.inflight.map(({ message }) => message) };
    };
    return {
      receiptsUrl: urlOf(receipts),
      lettersUrl: urlOf(letters),
      put: (body: string, death: Death = {}) =>
        server.sendMessage(letters, body, { messageAttributes: attributesOf(death) }).messageId,
      receipts: () => inspect(receipts).ready,
      letters: () => inspect(letters).ready,
      hidden: () => inspect(letters).hidden,
      replay: createReplay({
        source: createQueue(urlOf(receipts), { maxAttempts: 1 }),
        deadLetters: createQueue(urlOf(letters)),
      }),
    };
  };
  return {
    server,
    proxy,
    openPair,
    async close() {
      await proxy.close();
      await server.stop();
    },
  };
};

export type Pair = ReturnType<Awaited<ReturnType<typeof openLetterQueues>>['openPair']>;

/** What the SDK needs, whoever runs the tests. */
export const awsEnvironment = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'not-a-secret',
};
