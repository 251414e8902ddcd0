// Peer (a): Middy with its own middleware for partial failures and secrets.
import middy from '@middy/core';
import secretsManager from '@middy/secrets-manager';
import sqsPartialBatchFailure from '@middy/sqs-partial-batch-failure';
import type { Context, SQSEvent } from 'aws-lambda';
import { type Credentials, markAsRead, receiptSchema } from './huawei.ts';

type WithSecret = Context & { credentials: Credentials };

export const handler = middy<SQSEvent, unknown>()
  .use(sqsPartialBatchFailure())
  .use(
    secretsManager({
      fetchData: { credentials: process.env.SECRET_ID ?? '' },
      cacheExpiry: 15 * 60 * 1000,
      setToContext: true,
    }),
  )
  .handler((event: SQSEvent, context: Context) =>
    Promise.allSettled(
      event.Records.map(async ({ body }) => {
        const receipt = receiptSchema.parse(JSON.parse(body));
        await markAsRead(receipt, () => (context as WithSecret).credentials);
      }),
    ),
  );
