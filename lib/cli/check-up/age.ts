import { loadRegion } from '../../config.ts';
import { type Found, failed, passed, skipped } from '../../doctor/check.ts';
import { lineOf, sqsErrorOf } from '../../sqs/errors.ts';

/** Four times the longest back-off: by then a healthy receipt was tried several times. */
const OLD_SECONDS = 3600;
const WINDOW_MS = 15 * 60_000;
const TIMEOUT_MS = 10_000;

/** How old the oldest receipt is: only CloudWatch knows, and looking into the queue would count as a receive. */
export const checkAge = async (queueUrl: string): Promise<Found> => {
  const emulated = !new URL(queueUrl).hostname.includes('amazonaws');
  if (emulated && !process.env.AWS_ENDPOINT_URL_CLOUDWATCH)
    return skipped('only CloudWatch knows its age, and this queue is not in AWS');
  const { CloudWatchClient, GetMetricStatisticsCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = new CloudWatchClient({ region: loadRegion(), maxAttempts: 2 });
  const command = new GetMetricStatisticsCommand({
    Namespace: 'AWS/SQS',
    MetricName: 'ApproximateAgeOfOldestMessage',
    Dimensions: [{ Name: 'QueueName', Value: queueUrl.split('/').at(-1) ?? '' }],
    StartTime: new Date(Date.now() - WINDOW_MS),
    EndTime: new Date(),
    Period: 60,
    Statistics: ['Maximum'],
  });
  try {
    const { Datapoints = [] } = await client.send(command, { abortSignal: AbortSignal.timeout(TIMEOUT_MS) });
    const last = Datapoints.toSorted((a, b) => Number(a.Timestamp) - Number(b.Timestamp)).at(-1);
    const seconds = last?.Maximum;
    if (seconds === undefined) return passed('none waits, as far as CloudWatch knows');
    const old = `the oldest has waited for ${Math.round(seconds)} s`;
    if (seconds <= OLD_SECONDS) return passed(old);
    return failed(
      old,
      'Look at the log for receipt.delayed and why, and whether the event source mapping is on.',
    );
  } catch (error) {
    return skipped(`CloudWatch was not readable (${lineOf(sqsErrorOf(error))})`);
  }
};
