import type { SQSRecord } from 'aws-lambda';

/** A batch to be made: so many receipts of so many cases. */
export interface Batch {
  receipts: number;
  cases: number;
  /** Tells batches apart, so that no two name the same cases. */
  seed?: number;
}

export const receiptOf = (caseId: string) => ({
  case_id: caseId,
  group_id: '4d0a5c1ce2b94ad0b8b3b0d5a1f2c3d4',
  language: 'en-us',
  time_zone: 'GMT+8',
  // A moment ago: a late receipt would be looked at first.
  read_at: new Date(Date.now() - 5000).toISOString(),
});

/** Records as Lambda delivers them: about 600 bytes each, so that ten thousand make the 6 MB that an event may have. */
export const recordsOf = ({ receipts, cases, seed = 0 }: Batch): SQSRecord[] =>
  Array.from({ length: receipts }, (_, index) => ({
    messageId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    receiptHandle: `AQEB${'a'.repeat(60)}${index}`,
    body: JSON.stringify(receiptOf(`case-${seed}-${index % cases}`)),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: String(Date.now()),
      SenderId: 'AIDAEXAMPLE',
      ApproximateFirstReceiveTimestamp: String(Date.now()),
    },
    messageAttributes: {},
    md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:receipts',
    awsRegion: 'us-east-1',
  }));
