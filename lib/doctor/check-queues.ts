import { explain, isSqsError, lineOf, type SqsError } from '../sqs/errors.ts';
import { type Findings, type Found, failed, passed, skipped } from './check.ts';

/** Attributes as SQS names them. */
type Attributes = Partial<Record<string, string>>;

interface Setting {
  /** Of each queue: its attributes, or why they could not be read. */
  source: Attributes | SqsError;
  deadLetters: Attributes | SqsError;
  queueUrl: string;
  deadLetterQueueUrl: string;
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

const days = (seconds: number): string => `${Math.round(seconds / 8640) / 10} days`;

const reached = (queue: Attributes | SqsError, variable: string, url: string): Found => {
  if (isSqsError(queue)) {
    const todo = queue.isLasting
      ? explain(queue, url)
      : 'Check the variable with its URL, the region, the AWS keys and the network.';
    return failed(
      `${variable} is ${url}: ${lineOf(queue)}`,
      /AccessDenied|NotAuthorized/.test(queue.code)
        ? 'Allow sqs:GetQueueAttributes on the queue to who runs this.'
        : todo,
    );
  }
  const { QueueArn = '', FifoQueue, ApproximateNumberOfMessages } = queue;
  if (FifoQueue === 'true')
    return failed(`${QueueArn} is a FIFO queue`, 'Make it a standard queue: order means nothing here.');
  return passed(`${ApproximateNumberOfMessages} messages wait in ${QueueArn.split(':').at(-1)}`);
};

const redriven = (source: Attributes, deadLetters: Attributes | SqsError, setting: Setting): Found => {
  const { deadLetterTargetArn, maxReceiveCount }: Attributes = JSON.parse(source.RedrivePolicy ?? '{}');
  const receives = Number(maxReceiveCount ?? 0);
  const todo = 'Deploy the stack again, or set the RedrivePolicy as resources/queues.yml has it.';
  if (!deadLetterTargetArn)
    return failed('there is none: what our own bugs leave would run round for ever', todo);
  if (!isSqsError(deadLetters) && deadLetterTargetArn !== deadLetters.QueueArn)
    return failed(`it leads to ${deadLetterTargetArn}, not to DEAD_LETTER_QUEUE_URL`, todo);
  const visibility = Number(source.VisibilityTimeout ?? 0);
  const shortest = Math.max(1, Math.min(visibility, SHORTEST_LONG_BACKOFF_SECONDS));
  const outage = FIRST_RECEIVES + Math.ceil(setting.maxAgeSeconds / shortest);
  const least = Math.min(MOST_RECEIVES, Math.max(setting.maxAttempts + 1, outage));
  if (receives >= least) {
    if (isSqsError(deadLetters))
      return skipped(
        `it leads to ${deadLetterTargetArn}; the dead-letter queue could not be read to compare`,
      );
    return passed(
      `after ${receives} receives; ${least} are the least that an outage of MAX_AGE_SECONDS needs`,
    );
  }
  return failed(
    `maxReceiveCount is ${receives}: an outage of MAX_AGE_SECONDS (${setting.maxAgeSeconds}) may cost ${least} receives, and SQS would take healthy receipts away without a reason`,
    `Set it to ${least} or more.`,
  );
};

const hidden = ({ VisibilityTimeout = '0' }: Attributes, functionSeconds: number): Found => {
  const least = VISIBILITY_PER_FUNCTION * functionSeconds;
  if (Number(VisibilityTimeout) >= least)
    return passed(`${VisibilityTimeout} s, at least 6 times the function's ${functionSeconds} s`);
  return failed(
    `${VisibilityTimeout} s is shorter than 6 times the function's ${functionSeconds} s: receipts would be taken twice`,
    `Set VisibilityTimeout to ${least} s and the batching window, or more.`,
  );
};

const kept = (source: Attributes, deadLetters: Attributes, setting: Setting): Found => {
  const here = Number(source.MessageRetentionPeriod ?? 0);
  const there = Number(deadLetters.MessageRetentionPeriod ?? 0);
  const { queueRetentionSeconds, maxAgeSeconds } = setting;
  if (here !== queueRetentionSeconds)
    return failed(
      `the queue keeps messages ${here} s, and QUEUE_RETENTION_SECONDS is ${queueRetentionSeconds}: near its end a receipt would be ${here < queueRetentionSeconds ? 'lost' : 'given up too early'}`,
      `Deploy the stack again, or set the variable to ${here}.`,
    );
  if (here <= maxAgeSeconds)
    return failed(
      `the queue keeps messages ${days(here)}, and a receipt may wait MAX_AGE_SECONDS (${maxAgeSeconds})`,
      'Raise MessageRetentionPeriod of the queue, or lower MAX_AGE_SECONDS.',
    );
  if (there <= here)
    return failed(
      `the dead-letter queue keeps messages ${days(there)}, not longer than the queue (${days(here)}): what SQS moves keeps its age`,
      'Raise MessageRetentionPeriod of the dead-letter queue to 14 days.',
    );
  return passed(`${days(here)} in the queue, ${days(there)} in the dead-letter queue`);
};

/** Whether both queues can be reached and are set as the code needs them. */
export const checkQueues = (setting: Setting): Findings => {
  const { source, deadLetters } = setting;
  const unread = skipped('the queue could not be read');
  return {
    queue: reached(source, 'QUEUE_URL', setting.queueUrl),
    'dead-letter queue': reached(deadLetters, 'DEAD_LETTER_QUEUE_URL', setting.deadLetterQueueUrl),
    'redrive policy': isSqsError(source) ? unread : redriven(source, deadLetters, setting),
    'visibility timeout': isSqsError(source) ? unread : hidden(source, setting.functionSeconds),
    retention: isSqsError(source) || isSqsError(deadLetters) ? unread : kept(source, deadLetters, setting),
  };
};
