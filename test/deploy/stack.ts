import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { Huawei } from '../../local/huawei/server.ts';
import { copySources, serverless } from '../../local/serverless.ts';
import { connect, OWNER, REGION } from './aws.ts';
import type { Emulator } from './emulator.ts';

const outputsSchema = z.object({
  QueueUrl: z.string(),
  QueueArn: z.string(),
  DeadLetterQueueUrl: z.string(),
  MarkAsReadFunctionName: z.string(),
  ReplayFunctionName: z.string(),
  ProducerPolicyArn: z.string(),
});

/**
 * One stage of the real serverless.yml in the emulator, and what is known of it.
 *
 * @param own what its stage file holds beside the endpoints
 */
export const createStack = async (
  { endpoint, certificate }: Emulator,
  huawei: Huawei,
  stage: string,
  own: Record<string, string> = {},
) => {
  const aws = connect(endpoint);
  /** The environment of a command that runs against the emulator. */
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
    AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
    NODE_EXTRA_CA_CERTS: certificate,
  };
  const sources = await copySources();
  const name = `read-receipt-relay-${stage}`;
  const params = { osmEndpoint: huawei.url, iamEndpoint: huawei.url, ...own };
  const stageFile = path.join(sources.folder, 'stages', `${stage}.yml`);
  /** Writes stages/STAGE.yml; without params it is not there, as in a clean checkout. */
  const setParams = async (set: Record<string, string> | undefined) => {
    if (!set) return rm(stageFile, { force: true });
    const lines = Object.entries(set).map(([param, value]) => `${param}: ${value}\n`);
    await writeFile(stageFile, lines.join(''));
  };
  await setParams(params);
  return {
    aws,
    env,
    huawei,
    stage,
    name,
    refusalsName: `/${name}/refusals`,
    params,
    setParams,
    serverless: (...command: string[]) => serverless(sources.folder, [...command, '--stage', stage], env),
    async outputs() {
      const { Stacks = [] } = await aws.cloudFormation.describeStacks({ StackName: name });
      const outputs = Stacks[0]?.Outputs ?? [];
      return outputsSchema.parse(
        Object.fromEntries(outputs.map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue])),
      );
    },
    /** Which OSM the deployed function calls. */
    async osmEndpoint(): Promise<string | undefined> {
      const FunctionName = `${name}-mark-as-read`;
      const { Environment } = await aws.lambda.getFunctionConfiguration({ FunctionName });
      return Environment?.Variables?.OSM_ENDPOINT;
    },
    remove: sources.remove,
  };
};

export type Stack = Awaited<ReturnType<typeof createStack>>;
/** A stack that is deployed. */
export type Deployed = Stack & { out: Awaited<ReturnType<Stack['outputs']>> };

/** Takes away what both queues hold, in flight too. */
export const emptyQueues = async ({ aws, out }: Deployed) => {
  await aws.sqs.purgeQueue({ QueueUrl: out.QueueUrl });
  await aws.sqs.purgeQueue({ QueueUrl: out.DeadLetterQueueUrl });
};
