import type { Huawei } from '../../local/huawei/server.ts';
import { copySources, serverless } from '../../local/serverless.ts';
import { type Aws, commandEnv, connect } from './aws.ts';
import type { Emulator } from './emulator.ts';

export const SERVICE = 'read-receipt-relay';
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

/** One stage of the real serverless.yml in the emulator, and what is known of it. */
export const createStack = async (emulator: Emulator, huawei: Huawei, stage: string, own: string[] = []) => {
  const aws = connect(emulator.endpoint, emulator.certificate);
  const env = commandEnv(emulator.endpoint, emulator.certificate);
  const sources = await copySources();
  const name = `${SERVICE}-${stage}`;
  const endpoints = [`osmEndpoint=${huawei.url}`, `iamEndpoint=${huawei.url}`];
  const params = [...endpoints, ...own].flatMap(param => ['--param', param]);
  return {
    aws,
    env,
    huawei,
    emulator,
    stage,
    name,
    secretName: name,
    serverless: (command: string, ...args: string[]) =>
      serverless(sources.folder, [command, '--stage', stage, ...params, ...args], env),
    outputs: () => outputsOf(aws, name),
    remove: sources.remove,
  };
};

export type Stack = Awaited<ReturnType<typeof createStack>>;
/** A stack that is deployed. */
export type Deployed = Stack & { out: Awaited<ReturnType<Stack['outputs']>> };
