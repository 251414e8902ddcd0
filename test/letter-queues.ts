// Two queues with a proxy in front of them, for whatever works on dead letters.
import { createReplay } from '../lib/dead-letters/replay.ts';
import type { FailureCode } from '../lib/failure.ts';
import { createQueue } from '../lib/sqs/queue.ts';
import type { Attribute } from '../local/aws/sqs.ts';
import { awsVariables, openWorld } from '../local/world.ts';
import { proxyOf } from './queue-proxy.ts';

export const string = (StringValue: string): Attribute => ({ DataType: 'String', StringValue });
export const receipt = (case_id: string, more: object = {}): string => JSON.stringify({ case_id, ...more });

interface Given {
  code?: FailureCode | undefined;
  detail?: string;
  /** How long ago, in milliseconds. */
  agoMs?: number;
  replays?: number | undefined;
  sourceId?: string;
  own?: Record<string, Attribute> | undefined;
}

export const attributesOf = ({ code, detail = 'because', agoMs = 0, replays, own, sourceId }: Given) => ({
  ...own,
  ...(code && {
    failure: string(
      JSON.stringify({
        code,
        detail,
        attempts: 1,
        dead_lettered_at: new Date(Date.now() - agoMs).toISOString(),
        source_message_id: sourceId,
      }),
    ),
    failure_code: string(code),
  }),
  ...(replays !== undefined && { replays: { DataType: 'Number', StringValue: String(replays) } }),
});

/** Call it once in a test file: queues for the file, nothing intercepted before each test. */
export const useLetterQueues = async () => {
  Object.assign(process.env, awsVariables);
  const queues = await openLetterQueues();
  beforeEach(() => {
    queues.proxy.intercept = undefined;
    queues.proxy.calls.length = 0;
  });
  afterAll(queues.close);
  return queues;
};

/** Everything for one test file, with a pair of queues for each run. */
const openLetterQueues = async () => {
  const world = await openWorld();
  const openPair = () => {
    const { receipts, deadLetters, variables } = world.openQueues();
    return {
      receiptsUrl: variables.QUEUE_URL,
      lettersUrl: variables.DEAD_LETTER_QUEUE_URL,
      lettersArn: deadLetters.arn,
      put: (body: string, given: Given = {}) => deadLetters.put(body, attributesOf(given)),
      receipts: receipts.ready,
      letters: deadLetters.ready,
      hidden: deadLetters.hidden,
      replay: createReplay({
        source: createQueue(variables.QUEUE_URL, { maxAttempts: 1 }),
        deadLetters: createQueue(variables.DEAD_LETTER_QUEUE_URL),
      }),
    };
  };
  return { proxy: proxyOf(world.aws), openPair, close: world.close };
};

export type Pair = ReturnType<Awaited<ReturnType<typeof openLetterQueues>>['openPair']>;
