import middy from '@middy/core';
import sqsPartialBatchFailure from '@middy/sqs-partial-batch-failure';
import type { Context, SQSEvent } from 'aws-lambda';
import { loadConfig } from '../lib/config.ts';
import { createClient } from '../lib/huawei/http.ts';
import { type Answer, classify } from '../lib/huawei/outcome.ts';
import { compose } from '../lib/relay/compose.ts';
import { type CheckedCase, readEvent } from '../lib/relay/event.ts';
import { createQueue } from '../lib/sqs/queue.ts';
import { createTelemetry } from '../lib/telemetry.ts';

const config = loadConfig();
const telemetry = createTelemetry();
const { relay, session, prepare, redactor, source, deadLetters, caseParts } = compose(config, {
  createClient,
  createQueue,
  telemetry,
});

/** While the function initialises, it has a whole CPU, and nobody waits. */
await prepare();

/** An SQS batch in, batchItemFailures out. Middy's early timeout is off: the relay owns its deadline. */
const takeBatch = middy<SQSEvent, unknown>({ timeoutEarlyInMillis: 0 })
  .use(sqsPartialBatchFailure({ logger: () => {} })) // the relay has a line for every record
  .before(({ context }) => telemetry.log.appendKeys({ function_request_id: context.awsRequestId }))
  .onError(({ error }) => telemetry.log.error('batch.crashed', { error }))
  .handler((event: SQSEvent, context: Context) => relay(event.Records, context.getRemainingTimeInMillis()));

/** {"doctor": true} in, a list of checks out. Loaded on demand: batches do not pay for it. */
const checkUp = async (context: Context) => {
  const functionSeconds = Math.ceil(context.getRemainingTimeInMillis() / 1000);
  const { createDoctor } = await import('../lib/doctor/doctor.ts');
  const explain = (answer: Answer) => classify(answer, redactor.redact);
  const parts = { config, session, createClient, classify: explain, source, deadLetters };
  return { checks: await createDoctor(parts)(functionSeconds) };
};

/** {"doctor": true, "case": "ID"} in, out how a late receipt's look at that case is read. */
const checkCase = async (of: CheckedCase) => {
  const { createCheckCase } = await import('../lib/doctor/check-case.ts');
  return { case: await createCheckCase(caseParts)(of) };
};

export const handler = async (given: unknown, context: Context) => {
  const event = readEvent(given);
  switch (event.kind) {
    case 'batch':
      return takeBatch(event.batch, context);
    case 'check_up':
      return checkUp(context);
    case 'check_case':
      return checkCase(event.of);
    default:
      return event satisfies never;
  }
};
