import type { SQSEvent } from 'aws-lambda';
import { isObject } from '../json.ts';
import { receiptSchema } from '../receipt/receipt.ts';

/** A case that a check-up looks at. */
export interface CheckedCase {
  case_id: string;
  group_id?: string;
}

type Event =
  | { kind: 'batch'; batch: SQSEvent }
  | { kind: 'check_up' }
  | { kind: 'check_case'; of: CheckedCase };

/**
 * What the function was invoked with: an SQS batch, {"doctor": true}, which asks for a check-up, or
 * {"doctor": true, "case": "ID", "group": "ID of its user group, where it needs one"}.
 *
 * @throws Error for anything else: answered as if it were a batch, it would be taken for done
 */
export const readEvent = (event: unknown): Event => {
  if (isObject(event)) {
    const { Records, doctor, case: case_id, group: group_id, ...others } = event;
    // Without their ids nothing could be reported failed.
    if (Array.isArray(Records) && Records.every(each => isObject(each) && typeof each.messageId === 'string'))
      return { kind: 'batch', batch: event as unknown as SQSEvent };
    if (doctor === true && Object.keys(others).length === 0) {
      if (case_id === undefined && group_id === undefined) return { kind: 'check_up' };
      const read = receiptSchema.safeParse({ case_id, group_id });
      if (read.success) {
        const { case_id, group_id } = read.data;
        return { kind: 'check_case', of: { case_id, ...(group_id && { group_id }) } };
      }
    }
  }
  throw new Error(
    'This function takes batches from its SQS queue, and {"doctor": true} for a check-up, or with "case": "ID" to show how that case is read.',
  );
};
