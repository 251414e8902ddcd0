import { explain, isSqsError, type SqsError } from '../sqs/errors.ts';
import { type Check, failed, passed, skipped } from './check.ts';

/** Attributes as SQS names them, or why they could not be read. */
export type Attributes = Partial<Record<string, string>> | SqsError;

interface Setting {
  source: Attributes;
  deadLetters: Attributes;
  maxAttempts: number;
  maxAgeSeconds: number;
  queueRetentionSeconds: number;
  functionSeconds: number;
}

/** What Lambda asks for, beside the batching window. */
const VISIBILITY_PER_FUNCTION = 6;
/** Half of the longest back-off (lib/relay/backoff.ts): the most receives that a receipt costs in a long outage. */
const SHORTEST_LONG_BACKOFF_SECONDS = 450;
/** The first back-offs are shorter: 2.5 s to 450 s. */
const FIRST_RECEIVES = 8;
const MOST_RECEIVES = 1000;

const seconds = (attributes: Partial<Record<string, string>>, name: string) => Number(attributes[name] ?? 0);

const days = (value: number): string => `${Math.round(value / 8640) / 10} days`;

const reached = (check: string, attributes: Attributes, variable: string, permission: string): Check => {
  if (!isSqsError(attributes)) {
    const waiting = `${attributes.ApproximateNumberOfMessages} messages wait in ${attributes.QueueArn?.split(':').at(-1)}`;
    if (attributes.FifoQueue !== 'true') return passed(check, waiting);
    return failed(
      check,
      `${attributes.QueueArn} is a FIFO queue`,
      'Make it a standard queue: order means nothing here.',
    );
  }
  const says = explain(attributes, variable);
  const todo = /AccessDenied|NotAuthorized/.test(attributes.code)
    ? `Allow ${permission} on the queue to who runs this.`
    : 'Check the variable with its URL, the region, the AWS keys and the network.';
  return failed(check, says, todo);
};

const redriven = ({ source, deadLetters, ...setting }: Setting): Check => {
  const check = 'redrive policy';
  if (isSqsError(source)) return skipped(check, 'the queue could not be read');
  const policy: { deadLetterTargetArn?: string; maxReceiveCount?: number | string } = JSON.parse(
    source.RedrivePolicy ?? '{}',
  );
  const receives = Number(policy.maxReceiveCount ?? 0);
  const todo = 'Deploy the stack again, or set the RedrivePolicy as resources/queues.yml has it.';
  if (!policy.deadLetterTargetArn)
    return failed(check, 'there is none: what our own bugs leave would run round for ever', todo);
  if (!isSqsError(deadLetters) && policy.deadLetterTargetArn !== deadLetters.QueueArn)
    return failed(check, `it leads to ${policy.deadLetterTargetArn}, not to DEAD_LETTER_QUEUE_URL`, todo);
  const shortest = Math.max(1, Math.min(seconds(source, 'VisibilityTimeout'), SHORTEST_LONG_BACKOFF_SECONDS));
  const outage = FIRST_RECEIVES + Math.ceil(setting.maxAgeSeconds / shortest);
  const least = Math.min(MOST_RECEIVES, Math.max(setting.maxAttempts + 1, outage));
  if (receives >= least)
    return passed(
      check,
      `after ${receives} receives; ${least} are the least that an outage of MAX_AGE_SECONDS needs`,
    );
  return failed(
    check,
    `maxReceiveCount is ${receives}: an outage of MAX_AGE_SECONDS (${setting.maxAgeSeconds}) may cost ${least} receives, and SQS would take healthy receipts away without a reason`,
    `Set it to ${least} or more.`,
  );
};

const hidden = ({ source, functionSeconds }: Setting): Check => {
  const check = 'visibility timeout';
  if (isSqsError(source)) return skipped(check, 'the queue could not be read');
  const has = seconds(source, 'VisibilityTimeout');
  const least = VISIBILITY_PER_FUNCTION * functionSeconds;
  if (has >= least) return passed(check, `${has} s, at least 6 times the function's ${functionSeconds} s`);
  return failed(
    check,
    `${has} s is shorter than 6 times the function's ${functionSeconds} s: receipts would be taken twice`,
    `Set VisibilityTimeout to ${least} s and the batching window, or more.`,
  );
};

const kept = ({ source, deadLetters, maxAgeSeconds, queueRetentionSeconds }: Setting): Check => {
  const check = 'retention';
  if (isSqsError(source) || isSqsError(deadLetters)) return skipped(check, 'the queues could not be read');
  const [here, there] = [source, deadLetters].map(each => seconds(each, 'MessageRetentionPeriod')) as [
    number,
    number,
  ];
  if (here !== queueRetentionSeconds)
    return failed(
      check,
      `the queue keeps messages ${here} s, and QUEUE_RETENTION_SECONDS is ${queueRetentionSeconds}: near its end a receipt would be ${here < queueRetentionSeconds ? 'lost' : 'given up too early'}`,
      `Deploy the stack again, or set the variable to ${here}.`,
    );
  if (here <= maxAgeSeconds)
    return failed(
      check,
      `the queue keeps messages ${days(here)}, and a receipt may wait MAX_AGE_SECONDS (${maxAgeSeconds})`,
      'Raise MessageRetentionPeriod of the queue, or lower MAX_AGE_SECONDS.',
    );
  if (there <= here)
    return failed(
      check,
      `the dead-letter queue keeps messages ${days(there)}, not longer than the queue (${days(here)}): what SQS moves keeps its age`,
      'Raise MessageRetentionPeriod of the dead-letter queue to 14 days.',
    );
  return passed(check, `${days(here)} in the queue, ${days(there)} in the dead-letter queue`);
};

/** Whether both queues can be reached and are set as the code needs them. */
export const checkQueues = (setting: Setting): Check[] => [
  reached('queue', setting.source, 'QUEUE_URL', 'sqs:GetQueueAttributes'),
  reached('dead-letter queue', setting.deadLetters, 'DEAD_LETTER_QUEUE_URL', 'sqs:GetQueueAttributes'),
  redriven(setting),
  hidden(setting),
  kept(setting),
];
