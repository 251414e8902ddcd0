import type { SQSEvent } from 'aws-lambda';
import { isObject } from '../json.ts';

export type Event = { kind: 'batch'; batch: SQSEvent } | { kind: 'check_up' };

/**
 * What the function was invoked with: an SQS batch, or {"doctor": true}, which asks for a check-up.
 *
 * @throws Error for anything else: answered as if it were a batch, it would be taken for done
 */
export const readEvent = (event: unknown): Event => {
  if (isObject(event)) {
    const { Records, doctor } = event;
    // Without their ids nothing could be reported failed.
    if (Array.isArray(Records) && Records.every(each => isObject(each) && typeof each.messageId === 'string'))
      return { kind: 'batch', batch: event as unknown as SQSEvent };
    if (doctor === true && Object.keys(event).length === 1) return { kind: 'check_up' };
  }
  throw new Error('This function takes batches from its SQS queue, and {"doctor": true} for a check-up.');
};
