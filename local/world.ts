// The whole service's surroundings on this machine: SQS, Secrets Manager, SSM and STS behind one address, and a
// Huawei Cloud for everyone who asks for one.
import { SQSClient } from '@aws-sdk/client-sqs';
import { startAws } from './aws/endpoint.ts';
import { REGION, startSqs } from './aws/sqs.ts';
import { account, type HuaweiOptions } from './huawei/options.ts';
import { startHuawei } from './huawei/server.ts';
import { createConsumer } from './lambda/consumer.ts';

/** As resources/queues.yml has them; nobody waits for these here, and `doctor` looks. */
export const VISIBILITY_SECONDS = 185;
const MOST_RECEIVES = 500;
const DEAD_LETTER_RETENTION_SECONDS = 14 * 86_400;

const KEYS = { accessKeyId: 'AKIDFORTESTS', secretAccessKey: 'aws-secret-access-key-for-tests' };

/** What every AWS client here needs, whoever runs it (boto3 reads AWS_DEFAULT_REGION only). */
export const awsVariables = {
  AWS_REGION: REGION,
  AWS_DEFAULT_REGION: REGION,
  AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
};

/** The default account's user, as a secret stores it. */
export const passwordCredentials = {
  type: 'password',
  domain: account.domain,
  user: account.user,
  password: account.password,
};

export type World = Awaited<ReturnType<typeof openWorld>>;
export type Place = Awaited<ReturnType<World['open']>>;

export const openWorld = async () => {
  const sqs = await startSqs();
  const aws = await startAws(sqs.port);
  /** Past the hooks: what Lambda and senders do is not shown and not spoilt. */
  const client = new SQSClient({ endpoint: sqs.url, region: REGION, credentials: KEYS });
  let opened = 0;

  /** A queue of receipts and its dead-letter queue, as the stack makes them but for the given attributes. */
  const openQueues = (attributes: Record<string, string> = {}) => {
    const name = `receipts-${++opened}`;
    const deadLetters = sqs.createQueue(`${name}-dead-letters`, {
      MessageRetentionPeriod: String(DEAD_LETTER_RETENTION_SECONDS),
    });
    const receipts = sqs.createQueue(name, {
      VisibilityTimeout: String(VISIBILITY_SECONDS),
      MessageRetentionPeriod: String(DEAD_LETTER_RETENTION_SECONDS / 2),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: MOST_RECEIVES }),
      ...attributes,
    });
    const variables = {
      QUEUE_URL: receipts.urlAt(aws.url),
      DEAD_LETTER_QUEUE_URL: deadLetters.urlAt(aws.url),
      AWS_ENDPOINT_URL: aws.url,
      ...awsVariables,
    };
    const consumer = createConsumer({
      client,
      queueUrl: receipts.urlAt(sqs.url),
      queueArn: receipts.arn,
    });
    return { receipts, deadLetters, consumer, variables };
  };

  return {
    sqs,
    aws,
    client,
    openQueues,
    /** Queues, a Huawei Cloud of their own, credentials for it in the secret store, and where refusals are noted. */
    async open(
      options: HuaweiOptions = {},
      credentials: object = passwordCredentials,
      attributes: Record<string, string> = {},
    ) {
      const huawei = await startHuawei(options);
      const queues = openQueues(attributes);
      const secretId = `read-receipt-relay/${queues.receipts.name}`;
      aws.secrets.set(secretId, JSON.stringify(credentials));
      const refusals = `/${secretId}/refusals`;
      aws.secrets.set(refusals, 'none');
      return {
        ...queues,
        huawei,
        secretId,
        variables: {
          ...queues.variables,
          OSM_ENDPOINT: huawei.url,
          IAM_ENDPOINT: huawei.url,
          CREDENTIALS_FROM: `secretsmanager:${secretId}`,
          REFUSALS_IN: `ssm:${refusals}`,
        },
        close: huawei.close,
      };
    },
    async close() {
      client.destroy();
      await aws.close();
      await sqs.close();
    },
  };
};
