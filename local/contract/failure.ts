import * as z from 'zod/mini';
import { failureCodes } from '../../lib/failure.ts';
import type { Contract } from './contract.ts';

/** What `lib/dead-letters/dead-letter.ts` writes; readers, ours too, take less. */
const failureSchema = z.object({
  code: z.enum(failureCodes),
  detail: z.string(),
  status: z.optional(z.int().check(z.minimum(100), z.maximum(999))),
  error_code: z.optional(z.string()),
  request_id: z.optional(z.string()),
  attempts: z.int().check(z.minimum(1)),
  first_received_at: z.iso.datetime(),
  dead_lettered_at: z.iso.datetime(),
  source_message_id: z.string(),
});

export const failureContract: Contract = {
  file: 'failure.schema.json',
  schema: failureSchema,
  title: 'Failure',
  description:
    'Why a receipt became a dead letter: the message attribute "failure", JSON. Letters that SQS moved by itself have none.',
  fields: {
    code: 'What happened, one of the codes of the README; also in the attribute failure_code.',
    detail: 'The same for people, in a sentence; without secrets. Shortened where the message is near 1 MiB.',
    status: "HTTP status of Huawei's answer, where there was one.",
    error_code: "Huawei's own code, such as OSM.01010015.",
    request_id: "Huawei's id of the call: name it in a ticket to them.",
    attempts: 'How often the receipt had been received, this time included.',
    first_received_at: 'When it was received first. ISO 8601, UTC.',
    dead_lettered_at: 'When it became a dead letter. ISO 8601, UTC.',
    source_message_id: 'The SQS message id that it had in the queue of receipts.',
  },
  examples: [
    {
      code: 'rejected',
      detail: 'OSM answered 200: OSM.01010015 This case does not exist.',
      status: 200,
      error_code: 'OSM.01010015',
      request_id: '30a43c7bc2334dc68126f6a7295e178f',
      attempts: 1,
      first_received_at: '2026-01-31T09:30:01.104Z',
      dead_lettered_at: '2026-01-31T09:30:01.312Z',
      source_message_id: '059f36b4-87a3-44ab-83d2-661975830a7d',
    },
    {
      code: 'invalid',
      detail:
        'the body: case_id must be 1 to 64 characters, without control characters or lone surrogates, and not "." or ".."',
      attempts: 1,
      first_received_at: '2026-01-31T09:30:01.104Z',
      dead_lettered_at: '2026-01-31T09:30:01.110Z',
      source_message_id: '2e1424d4-f796-459a-8184-9c92662be6da',
    },
  ],
};
