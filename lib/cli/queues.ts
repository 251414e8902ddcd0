import { loadQueues, loadRegion } from '../config.ts';
import { explain, sqsErrorOf } from '../sqs/errors.ts';
import { createQueue, type Queue } from '../sqs/queue.ts';
import { UsageError } from './options.ts';

const SERVICE = 'read-receipt-relay';

/** What a deployed stage tells of itself. */
export const stackOutputs = async (stage: string): Promise<Partial<Record<string, string>>> => {
  // Loaded by who names a stage only: half a megabyte.
  const { CloudFormationClient, DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  const region = loadRegion();
  const client = new CloudFormationClient({ region, maxAttempts: 2 });
  const StackName = `${SERVICE}-${stage}`;
  const answer = await client.send(new DescribeStacksCommand({ StackName })).catch(error => {
    const failed = sqsErrorOf(error);
    if (/does not exist/.test(failed.message))
      throw new Error(
        `There is no stack ${StackName} in ${region}: check --stage, AWS_REGION and AWS_PROFILE, or deploy it.`,
      );
    if (/^AccessDenied/.test(failed.code))
      throw new Error(
        `These AWS credentials may not read the stack ${StackName} (cloudformation:DescribeStacks): use a profile that may, or set QUEUE_URL and DEAD_LETTER_QUEUE_URL.`,
      );
    const words = explain(failed, `CloudFormation in ${region}`);
    throw new Error(words[0]?.toUpperCase() + words.slice(1));
  });
  const outputs = Object.fromEntries(
    (answer.Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
  );
  if (!outputs.QueueUrl || !outputs.DeadLetterQueueUrl)
    throw new Error(`The stack ${StackName} does not tell its queues: deploy it anew.`);
  return outputs;
};

const ofStage = async (stage: string) => {
  const { QueueUrl = '', DeadLetterQueueUrl = '' } = await stackOutputs(stage);
  return { queueUrl: QueueUrl, deadLetterQueueUrl: DeadLetterQueueUrl };
};

const ofEnvironment = () => {
  try {
    return loadQueues();
  } catch (error) {
    throw new UsageError(`${(error as Error).message} Or name a deployed stage: --stage NAME.`);
  }
};

/** Both queues, of the environment or of a stage. */
export const openQueues = async (stage: string | undefined) => {
  const { queueUrl, deadLetterQueueUrl } = stage === undefined ? ofEnvironment() : await ofStage(stage);
  return {
    source: createQueue(queueUrl, { maxAttempts: 1 }),
    deadLetters: createQueue(deadLetterQueueUrl),
  };
};

/** How many messages are visible, for a progress bar: 0 where SQS does not say. */
export const countVisible = async (queue: Queue): Promise<number> => {
  const depth = await queue.depth();
  return 'error' in depth ? 0 : depth.visible;
};
