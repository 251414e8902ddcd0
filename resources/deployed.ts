// What a deploy and a removal look at before they begin: the stack that is there.
import type { SQS } from '@aws-sdk/client-sqs';

/** The stack's outputs that say whom it calls, as whom, and how a person reads them. */
const CALLS = {
  OsmEndpoint: 'OSM endpoint',
  IamEndpoint: 'IAM endpoint',
  CredentialsFrom: 'credentials from',
} as const;
/** For any client: region, and the keys or profile of the command. */
interface AwsConfig {
  region: string;
}
type Outputs = Record<string, string | undefined>;

/** As wide as the longest label of any of them. */
const LABEL_WIDTH = 'credentials from'.length;
const table = (rows: Record<string, string>) =>
  Object.entries(rows)
    .map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)}  ${text}`)
    .join('\n');

/** The block that every deploy and package prints. */
export const summary = (
  { stage, region, stageFile }: { stage: string; region: string; stageFile: string },
  outputs: Outputs,
) => {
  const calls = Object.entries(CALLS).map(([key, label]) => [label, outputs[key] ?? '']);
  return table({
    stage: `${stage} (${stageFile})`,
    region,
    ...Object.fromEntries(calls),
    'alarms tell': outputs.AlarmsTell ?? '',
  });
};

/** How the stack that is there would change; undefined where it would not. */
export const changeOf = (before: Outputs, after: Outputs): string | undefined => {
  const changed = Object.entries(CALLS)
    .filter(([key]) => before[key] !== undefined && before[key] !== after[key])
    .map(([key, label]) => [label, `${before[key]} → ${after[key]}`]);
  return changed.length > 0 ? table(Object.fromEntries(changed)) : undefined;
};

/** @returns the stack's outputs; none where there is no such stack */
export const outputsOf = async (StackName: string, aws: AwsConfig): Promise<Outputs> => {
  const { CloudFormation } = await import('@aws-sdk/client-cloudformation');
  try {
    const { Stacks } = await new CloudFormation(aws).describeStacks({ StackName });
    const outputs = Stacks?.[0]?.Outputs ?? [];
    return Object.fromEntries(outputs.map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue]));
  } catch (error) {
    if (/does not exist/.test((error as Error).message)) return {};
    throw error;
  }
};

/**
 * Whom the deployed stack calls. Stacks of version 0.1 told no endpoints: their function is asked.
 *
 * @returns an empty object where there is no such stack
 */
export const callsOf = async (name: string, aws: AwsConfig): Promise<Outputs> => {
  const outputs = await outputsOf(name, aws);
  if (!outputs.MarkAsReadFunctionName) return {};
  if (outputs.OsmEndpoint) return outputs;
  const { Lambda } = await import('@aws-sdk/client-lambda');
  const { Environment } = await new Lambda(aws).getFunctionConfiguration({
    FunctionName: outputs.MarkAsReadFunctionName,
  });
  const { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM } = Environment?.Variables ?? {};
  return { OsmEndpoint: OSM_ENDPOINT, IamEndpoint: IAM_ENDPOINT, CredentialsFrom: CREDENTIALS_FROM };
};

/** Messages in a queue, visible, hidden or delayed; 0 where it is gone already. */
const depthOf = async (sqs: SQS, QueueUrl: string): Promise<number> => {
  try {
    const { Attributes = {} } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['All'] });
    const counts = Object.entries(Attributes).filter(([name]) => name.startsWith('ApproximateNumberOf'));
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  } catch (error) {
    if ((error as Error).name === 'QueueDoesNotExist') return 0;
    throw error;
  }
};

/** What the stack's queues hold, as a person reads it; undefined where they hold nothing. */
export const contentOf = async (name: string, aws: AwsConfig) => {
  const { QueueUrl, DeadLetterQueueUrl } = await outputsOf(name, aws);
  if (!QueueUrl || !DeadLetterQueueUrl) return undefined;
  const { SQS } = await import('@aws-sdk/client-sqs');
  const sqs = new SQS(aws);
  const [receipts, letters] = [await depthOf(sqs, QueueUrl), await depthOf(sqs, DeadLetterQueueUrl)];
  if (receipts + letters === 0) return undefined;
  return table({ receipts: `${receipts}`, 'dead letters': `${letters}` });
};
