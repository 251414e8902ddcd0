// Peer (b): Powertools' batch processor with its parser, parameters, logger and metrics.
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { parser } from '@aws-lambda-powertools/batch/parser';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { getSecret } from '@aws-lambda-powertools/parameters/secrets';
import { JSONStringified } from '@aws-lambda-powertools/parser/helpers';
import { SqsRecordSchema } from '@aws-lambda-powertools/parser/schemas/sqs';
import type { Context, SQSEvent } from 'aws-lambda';
import type { z } from 'zod';
import { type Credentials, markAsRead, receiptSchema } from './huawei.ts';

const logger = new Logger();
const metrics = new Metrics({ namespace: 'Bench' });

const recordSchema = SqsRecordSchema.extend({ body: JSONStringified(receiptSchema) });
const processor = new BatchProcessor(EventType.SQS, { parser, schema: recordSchema, logger });

const readCredentials = async () =>
  (await getSecret(process.env.SECRET_ID ?? '', { transform: 'json', maxAge: 15 * 60 })) as Credentials;

const recordHandler = async ({ messageId, body }: z.infer<typeof recordSchema>) => {
  await markAsRead(body, readCredentials);
  metrics.addMetric('Marked', MetricUnit.Count, 1);
  logger.info('Receipt marked', { message_id: messageId, case_id: body.case_id });
};

export const handler = async (event: SQSEvent, context: Context) => {
  logger.addContext(context);
  try {
    return await processPartialResponse(event, recordHandler, processor, { context });
  } finally {
    metrics.publishStoredMetrics();
  }
};
