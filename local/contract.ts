// What schemas/ publishes: the code's own schemas, the shape of what it only writes, and examples. What a field means is
// said where the field is, in its doc comment, in the file that `source` names.
import * as z from 'zod/mini';
import { failureSchema } from '../lib/dead-letters/dead-letter.ts';
import { replayCountsSchema } from '../lib/dead-letters/replay.ts';
import { filterSchema, replayRequestSchema } from '../lib/dead-letters/request.ts';
import { receiptSchema } from '../lib/receipt/receipt.ts';

// What the checks of a request say beyond the types of its fields, in JSON Schema's words.
z.globalRegistry.add(filterSchema, { minProperties: 1 });
z.globalRegistry.add(replayRequestSchema, { oneOf: [{ required: ['all'] }, { required: ['filter'] }] });

const replayAnswerSchema = z.extend(replayCountsSchema, { notes: z.optional(z.array(z.string())) });

/** The file that says what a receipt's fields mean. */
export const receiptSource = 'lib/receipt/receipt.ts';

export const contracts = [
  {
    name: 'receipt',
    title: 'Read receipt',
    description:
      'A person read the messages of a ticket. Body of an SQS message, JSON; or inside an SNS notification, an EventBridge event or a CloudEvent. Fields that are not named here are ignored.',
    schema: receiptSchema,
    source: receiptSource,
    examples: [
      { case_id: '8f5a2c1e9b7d4e60' },
      {
        case_id: '8f5a2c1e9b7d4e60',
        group_id: '5f0c31b2a4',
        language: 'en-us',
        time_zone: 'GMT+8',
        read_at: '2026-01-31T17:30:00.250+08:00',
      },
    ],
  },
  {
    name: 'failure',
    title: 'Failure',
    description:
      'Why a receipt became a dead letter: the message attribute "failure", JSON. Letters that SQS moved by itself have none.',
    schema: failureSchema,
    source: 'lib/dead-letters/dead-letter.ts',
    examples: [
      {
        code: 'rejected',
        detail: 'OSM answered 200: OSM.01010015 This case does not exist.',
        status: 200,
        error_code: 'OSM.01010015',
        request_id: '30a43c7bc2334dc68126f6a7295e178f',
        attempts: 1,
        sent_at: '2026-01-31T09:30:00.981Z',
        first_received_at: '2026-01-31T09:30:01.104Z',
        dead_lettered_at: '2026-01-31T09:30:01.312Z',
        source_message_id: '059f36b4-87a3-44ab-83d2-661975830a7d',
      },
    ],
  },
  {
    name: 'replay-request',
    title: 'Replay request',
    description:
      'Which dead letters to send back, and how: what the replay function is invoked with. It needs either a filter with at least one field or "all": true.',
    schema: replayRequestSchema,
    source: 'lib/dead-letters/request.ts',
    examples: [
      { all: true },
      {
        filter: {
          failure_code: ['unauthorized', 'unavailable', 'unknown'],
          case_id: '8f5a2c1e9b7d4e60',
          after: '2026-01-31T00:00:00Z',
          before: '2026-02-01T00:00:00+08:00',
          max_replays: 1,
        },
        set: { group_id: '5f0c31b2a4', language: null },
        limit: 1000,
        rate_per_second: 50,
        dry_run: true,
      },
    ],
  },
  {
    name: 'replay-answer',
    title: 'Replay answer',
    description: 'What a replay did: what the replay function answers, and the command line with --json.',
    schema: replayAnswerSchema,
    source: 'lib/dead-letters/replay.ts',
    examples: [
      {
        scanned: 120,
        matched: 120,
        guarded: 0,
        replayed: 100,
        failed: 0,
        duplicated: 0,
        remaining: 20,
        stopped: 'deadline',
        notes: ['The time was up: run it again for the rest.'],
      },
    ],
  },
];
