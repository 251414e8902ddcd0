import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Huawei } from '../../local/huawei/server.ts';
import { copySources, serverless } from '../../local/serverless.ts';
import { type Aws, commandEnv, connect, OWNER } from './aws.ts';
import type { Emulator } from './emulator.ts';

export const SERVICE = 'read-receipt-relay';
/** For whom mark-as-read may ask tokens of its identity. */
export const AUDIENCE = 'https://iam.example.com/relay';
const OUTPUTS = [
  'QueueUrl',
  'QueueArn',
  'DeadLetterQueueUrl',
  'MarkAsReadFunctionName',
  'ReplayFunctionName',
  'ProducerPolicyArn',
] as const;

const outputsOf = async (aws: Aws, name: string) => {
  const { Stacks = [] } = await aws.cloudFormation.describeStacks({ StackName: name });
  const found = new Map(Stacks[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  const entries = OUTPUTS.map(key => {
    const value = found.get(key);
    if (!value) throw new Error(`the stack has no output ${key}`);
    return [key, value];
  });
  return Object.fromEntries(entries) as Record<(typeof OUTPUTS)[number], string>;
};

/** A KMS key of the account's owner. */
export const createKey = async (emulator: Emulator) => {
  const aws = connect(emulator.endpoint, emulator.certificate);
  const { body } = await aws.callAs(OWNER, { service: 'kms', target: 'TrentService.CreateKey' });
  const { KeyMetadata } = JSON.parse(body);
  return { id: String(KeyMetadata.KeyId), arn: String(KeyMetadata.Arn) };
};

/**
 * One stage of the real serverless.yml in the emulator, and what is known of it.
 *
 * @param own what its stage file holds beside the endpoints
 */
export const createStack = async (
  emulator: Emulator,
  huawei: Huawei,
  stage: string,
  own: Record<string, string> = {},
) => {
  const aws = connect(emulator.endpoint, emulator.certificate);
  const env = commandEnv(emulator.endpoint, emulator.certificate);
  const sources = await copySources();
  const name = `${SERVICE}-${stage}`;
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
    emulator,
    stage,
    name,
    secretName: name,
    refusalsName: `/${name}/refusals`,
    params,
    setParams,
    serverless: (...command: string[]) => serverless(sources.folder, [...command, '--stage', stage], env),
    outputs: () => outputsOf(aws, name),
    /** What the deployed function is told. */
    async variables(): Promise<Record<string, string>> {
      const FunctionName = `${name}-mark-as-read`;
      return (await aws.lambda.getFunctionConfiguration({ FunctionName })).Environment?.Variables ?? {};
    },
    remove: sources.remove,
  };
};

export type Stack = Awaited<ReturnType<typeof createStack>>;
/** A stack that is deployed. */
export type Deployed = Stack & { out: Awaited<ReturnType<Stack['outputs']>>; keyId: string };
