import * as z from 'zod/mini';
import type { ReplayCounts } from '../../lib/dead-letters/replay.ts';
import { replayRequestSchema } from '../../lib/dead-letters/request.ts';
import type { Stopped } from '../../lib/dead-letters/scan.ts';
import type { Contract, Words } from './contract.ts';
import { receiptFields, time } from './receipt.ts';

const amount = z.int().check(z.minimum(0));
const stopped: Record<Stopped, Stopped> = {
  done: 'done',
  limit: 'limit',
  scan_limit: 'scan_limit',
  deadline: 'deadline',
  interrupted: 'interrupted',
};
const replayAnswerSchema = z.object({
  scanned: amount,
  matched: amount,
  guarded: amount,
  replayed: amount,
  failed: amount,
  duplicated: amount,
  remaining: amount,
  stopped: z.enum(stopped),
  notes: z.optional(z.array(z.string())),
} satisfies Record<keyof ReplayCounts | 'notes', unknown>);

const prefixed = (prefix: string, words: Words): Words =>
  Object.fromEntries(Object.entries(words).map(([name, text]) => [`${prefix}.${name}`, text]));

export const requestContract: Contract = {
  file: 'replay-request.schema.json',
  schema: replayRequestSchema,
  title: 'Replay request',
  description:
    'Which dead letters to send back, and how: what the replay function is invoked with. Every field is optional; {} replays all.',
  fields: {
    filter: 'Which dead letters; all that is named must hold.',
    'filter.failure_code': 'One of these codes; "unknown" is what died without our knowing why.',
    'filter.case_id': 'Exactly this case.',
    'filter.after': `Dead-lettered then or later. ${time}`,
    'filter.before': `Dead-lettered earlier than that. ${time}`,
    'filter.max_replays':
      'What was replayed so often already stays, and is counted as guarded; 3 by default.',
    set: 'Fields to set in each receipt before it is sent, by the rules of a receipt; null takes one away.',
    ...prefixed('set', receiptFields),
    limit: 'Messages to send, at most; no limit by default.',
    rate_per_second: 'Messages to send in any window of one second, at most; no limit by default.',
    dry_run: 'Counts, and changes nothing.',
  },
  examples: [
    {},
    { filter: { failure_code: ['forbidden'] }, set: { group_id: '5f0c31b2a4' }, rate_per_second: 50 },
    {
      filter: {
        failure_code: ['unauthorized', 'unavailable', 'unknown'],
        case_id: '8f5a2c1e9b7d4e60',
        after: '2026-01-31T00:00:00Z',
        before: '2026-02-01T00:00:00+08:00',
        max_replays: 1,
      },
      set: { language: null },
      limit: 1000,
      dry_run: true,
    },
  ],
};

export const answerContract: Contract = {
  file: 'replay-answer.schema.json',
  schema: replayAnswerSchema,
  title: 'Replay answer',
  description: 'What a replay did: what the replay function answers, and the command line with --json.',
  fields: {
    scanned: 'Dead letters looked at.',
    matched: 'Among them, those that the filter asks for.',
    guarded: 'Among those, replayed too often already: they stay.',
    replayed: 'Sent back; in a dry run, what would be sent.',
    failed: 'Refused by SQS, or not mended by the repair: they stay.',
    duplicated:
      'Among the replayed, those that may come twice: they could not be deleted. Marking twice is harmless.',
    remaining: 'What the dead-letter queue still holds, as far as SQS knows.',
    stopped:
      'Why the run ended: all was seen, the limit, 100,000 letters held, its own deadline, or a person who interrupted it.',
    notes: 'What else a person should know, in sentences; absent where there is nothing.',
  },
  examples: [
    {
      scanned: 12,
      matched: 5,
      guarded: 1,
      replayed: 4,
      failed: 0,
      duplicated: 0,
      remaining: 8,
      stopped: 'done',
    },
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
};
