import { loadQueues, loadRegion } from '../config.ts';
import { explain, sqsErrorOf } from '../sqs/errors.ts';
import { createQueue, type Queue } from '../sqs/queue.ts';
import { NAME } from './command.ts';
import { UsageError } from './options.ts';
import { sentence } from './screen/text.ts';

const TIMEOUT_MS = 10_000;

/** The code of an answer that is not in AWS's words, and of one that knows no such call. */
const NO_CLOUDFORMATION = /^(Status\d+|NotFound|InvalidAction|Unknown\w*)$/;

/** Where another endpoint than AWS's own is asked: what to say where that is something else. */
const strangerAt = (variable: string) => {
  const endpoint = process.env[variable];
  return endpoint
    ? `What answers at ${endpoint} (${variable}) is no CloudFormation: unset the variable, or leave out --stage to use QUEUE_URL and DEAD_LETTER_QUEUE_URL.`
    : undefined;
};

/** What a deployed stage tells of itself: the outputs of its stack. */
export const stackOutputs = async (stage: string): Promise<Partial<Record<string, string>>> => {
  // Loaded by who names a stage only: half a megabyte.
  const { CloudFormationClient, DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  const region = loadRegion();
  const client = new CloudFormationClient({ region, maxAttempts: 2 });
  const StackName = `${NAME}-${stage}`;
  const limit = { abortSignal: AbortSignal.timeout(TIMEOUT_MS) };
  const stranger = strangerAt('AWS_ENDPOINT_URL_CLOUDFORMATION') ?? strangerAt('AWS_ENDPOINT_URL');
  const answer = await client.send(new DescribeStacksCommand({ StackName }), limit).catch(thrown => {
    const error = sqsErrorOf(thrown);
    if (/does not exist/.test(error.message))
      throw new Error(
        `There is no stack ${StackName} in ${region}: check --stage, AWS_REGION and AWS_PROFILE, or deploy it.`,
      );
    if (/^AccessDenied/.test(error.code))
      throw new Error(
        `These AWS credentials may not read the stack ${StackName} (cloudformation:DescribeStacks): use a profile that may, or set QUEUE_URL and DEAD_LETTER_QUEUE_URL.`,
      );
    if (stranger && NO_CLOUDFORMATION.test(error.code)) throw new Error(stranger);
    throw new Error(sentence(explain(error, `CloudFormation in ${region}`)));
  });
  if (stranger && !answer.Stacks) throw new Error(stranger);
  const outputs = Object.fromEntries(
    (answer.Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
  );
  if (!outputs.QueueUrl || !outputs.DeadLetterQueueUrl)
    throw new Error(`The stack ${StackName} does not tell its queues: deploy it anew.`);
  return outputs;
};

const ofEnvironment = () => {
  try {
    return loadQueues();
  } catch (error) {
    throw new UsageError(`${(error as Error).message} Or name a deployed stage: --stage NAME.`);
  }
};

/** A queue as people know it: the last part of its URL. */
export const nameOf = ({ url }: { url: string }): string => url.split('/').at(-1) || url;

export interface Place {
  source: Queue;
  deadLetters: Queue;
  /** For people: `stage prod`, or the name of the queue of receipts. */
  name: string;
  /** The deployed function, where a stage was named. */
  functionName?: string;
}

/** Both queues, of the environment or of a stage. */
export const openPlace = async (stage: string | undefined): Promise<Place> => {
  const outputs = stage === undefined ? undefined : await stackOutputs(stage);
  const { queueUrl, deadLetterQueueUrl } = outputs
    ? { queueUrl: outputs.QueueUrl ?? '', deadLetterQueueUrl: outputs.DeadLetterQueueUrl ?? '' }
    : ofEnvironment();
  const source = createQueue(queueUrl, { maxAttempts: 1 });
  const functionName = outputs?.MarkAsReadFunctionName;
  return {
    source,
    deadLetters: createQueue(deadLetterQueueUrl),
    name: stage === undefined ? nameOf(source) : `stage ${stage}`,
    ...(functionName && { functionName }),
  };
};

/** What the deployed function does with late receipts; nothing where that is not to be known here. */
export const lateSettingsOf = async ({
  functionName,
}: Place): Promise<{ lateReceipts?: string; lateAfterSeconds?: number }> => {
  if (functionName === undefined) return {};
  const { GetFunctionConfigurationCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({ region: loadRegion(), maxAttempts: 1 });
  const command = new GetFunctionConfigurationCommand({ FunctionName: functionName });
  const limit = { abortSignal: AbortSignal.timeout(TIMEOUT_MS) };
  // Who may replay need not be allowed to read this.
  const answer = await client.send(command, limit).catch(() => undefined);
  if (!answer) return {};
  const { LATE_RECEIPTS = 'check', LATE_AFTER_SECONDS = '' } = answer.Environment?.Variables ?? {};
  const lateAfterSeconds = Number.parseInt(LATE_AFTER_SECONDS, 10);
  return { lateReceipts: LATE_RECEIPTS, ...(lateAfterSeconds >= 0 && { lateAfterSeconds }) };
};
