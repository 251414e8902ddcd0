// A proxy in front of the queue: it shows what was asked of SQS, and refuses, spoils or delays what a test wants.
import type { AwsAnswer, AwsCall } from '../local/aws/call.ts';
import type { Aws, Intercept as AwsIntercept } from '../local/aws/endpoint.ts';

interface QueueCall extends AwsCall {
  body: { QueueUrl: string; Entries: Record<string, unknown>[] };
}
export type QueueAnswer = AwsAnswer;
type Entry = { Id: string; [name: string]: unknown };

/** Gives the answer in SQS's place, asks SQS itself (also with another body), or answers never. */
export type Intercept = (
  call: QueueCall,
  forward: (body?: object) => Promise<QueueAnswer>,
) => Promise<QueueAnswer | 'hang' | 'reset'> | QueueAnswer | 'hang' | 'reset';

/** Refuses the entries that a predicate picks, by their place in the call, and lets the others through. */
export const refuseEntries =
  (action: string, picked: (index: number) => boolean): Intercept =>
  async (call, forward) => {
    if (call.action !== action) return forward();
    const entries = call.body.Entries as Entry[];
    const passed = entries.filter((_, index) => !picked(index));
    const refused = entries.filter((_, index) => picked(index));
    const answer = passed.length > 0 ? await forward({ ...call.body, Entries: passed }) : undefined;
    const { Successful = [], Failed = [] } = (answer?.body ?? {}) as {
      Successful?: object[];
      Failed?: object[];
    };
    const failed = refused.map(({ Id }) => ({
      Id,
      SenderFault: false,
      Code: 'KmsThrottled',
      Message: 'Told to refuse.',
    }));
    return { status: 200, body: { Successful, Failed: [...Failed, ...failed] } };
  };

/** An error of the whole call. */
export const refuseCalls =
  (action: string, status = 403, type = 'AccessDeniedException', message = 'Told to refuse.'): Intercept =>
  (call, forward) =>
    call.action === action ? { status, body: { __type: `com.amazonaws.sqs#${type}`, message } } : forward();

/** AWS's address as tests of queues speak of it. */
export const proxyOf = (aws: Aws) => ({
  url: aws.url,
  calls: aws.calls as unknown as QueueCall[],
  /** What happens to calls from now on; undefined lets them pass. */
  set intercept(intercept: Intercept | undefined) {
    aws.intercept = intercept as AwsIntercept | undefined;
  },
});
