import middy from '@middy/core';
import sqsPartialBatchFailure from '@middy/sqs-partial-batch-failure';
import type { Context, SQSEvent } from 'aws-lambda';
import { loadConfig } from '../lib/config.ts';
import { createGrants } from '../lib/credentials/grant.ts';
import { createLogIn } from '../lib/credentials/log-in.ts';
import { createCredentials } from '../lib/credentials/secret-store.ts';
import { createAccess } from '../lib/credentials/session.ts';
import { createClient } from '../lib/huawei/http.ts';
import { createOsm } from '../lib/huawei/mark-as-read.ts';
import { type Answer, classify } from '../lib/huawei/outcome.ts';
import { createRedactor } from '../lib/redact.ts';
import { createBreaker } from '../lib/relay/breaker.ts';
import { readEvent } from '../lib/relay/event.ts';
import { createRelay } from '../lib/relay/relay.ts';
import { createSettle } from '../lib/relay/settle.ts';
import { createQueue } from '../lib/sqs/queue.ts';
import { createTelemetry } from '../lib/telemetry.ts';

const config = loadConfig();
const telemetry = createTelemetry();
const redactor = createRedactor([config.aws.keys.secretAccessKey, config.aws.keys.sessionToken]);
const client = createClient(config.osmEndpoint, config.requestTimeoutMs);
const readCredentials = createCredentials(config);
const access = createAccess({
  readCredentials,
  open: createGrants({ host: client.host, logIn: createLogIn(config, redactor), redactor }),
  redactor,
  telemetry,
});
const source = createQueue(config.queueUrl);
const deadLetters = createQueue(config.deadLetterQueueUrl);
const relay = createRelay({
  mark: createOsm({ ...config, client, access, redactor, telemetry }),
  access,
  breaker: createBreaker(telemetry),
  settle: createSettle({ source, deadLetters, limits: config, redactor, telemetry }),
  telemetry,
  maxInFlight: config.maxInFlight,
});

/** An SQS batch in, batchItemFailures out. Middy's early timeout is off: the relay owns its deadline. */
const takeBatch = middy<SQSEvent, unknown>({ timeoutEarlyInMillis: 0 })
  .use(sqsPartialBatchFailure({ logger: () => {} })) // the relay has a line for every record
  .before(({ context }) => telemetry.log.appendKeys({ function_request_id: context.awsRequestId }))
  .onError(({ error }) => telemetry.log.error('batch.broke', error as Error))
  .handler((event: SQSEvent, context: Context) => relay(event.Records, context.getRemainingTimeInMillis()));

/** {"doctor": true} in, a list of checks out. Loaded on demand: batches do not pay for it. */
const checkUp = async (context: Context) => {
  const functionSeconds = Math.ceil(context.getRemainingTimeInMillis() / 1000);
  const { createDoctor } = await import('../lib/doctor/doctor.ts');
  const explain = (answer: Answer) => classify(answer, redactor.redact);
  const patient = { config, readCredentials, access, createClient, classify: explain, source, deadLetters };
  return { checks: await createDoctor(patient)(functionSeconds) };
};

export const handler = async (given: unknown, context: Context) => {
  const event = readEvent(given);
  return event.kind === 'batch' ? takeBatch(event.batch, context) : checkUp(context);
};
