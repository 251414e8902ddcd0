import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { loadQueues } from '../lib/config.ts';
import { createReplay } from '../lib/dead-letters/replay.ts';
import { parseReplayRequest } from '../lib/dead-letters/request.ts';
import { createQueue } from '../lib/sqs/queue.ts';
import { createLog } from '../lib/telemetry.ts';

const queues = loadQueues();
const log = createLog();
const replay = createReplay({
  source: createQueue(queues.queueUrl, { maxAttempts: 1 }),
  deadLetters: createQueue(queues.deadLetterQueueUrl),
});

/**
 * A replay request in, counts out; `notes` beside them where there is something to know. Middy's early timeout is
 * off: the replay owns its deadline.
 */
export const handler = middy<unknown, unknown>({ timeoutEarlyInMillis: 0 })
  .before(({ context }) => log.appendKeys({ function_request_id: context.awsRequestId }))
  .onError(({ error }) => log.error('replay.crashed', { error }))
  .handler(async (event: unknown, context: Context) => {
    const { counts, notes, trouble } = await replay(parseReplayRequest(event), {
      remainingMs: context.getRemainingTimeInMillis(),
      onRefused: ({ messageId, code }, reason) =>
        log.warn('letter.refused', { message_id: messageId, code, reason }),
    });
    log.info('replay.ended', { ...counts, notes });
    if (trouble) throw new Error(`${trouble} Until then: ${JSON.stringify(counts)}.`);
    return { ...counts, ...(notes.length > 0 && { notes }) };
  });
