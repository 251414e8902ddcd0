import * as z from 'zod';
import { count } from '../../lib/cli/screen/text.ts';
import { parseJson } from '../../lib/json.ts';
import { cases } from './receipts.ts';
import { say, type What } from './screen.ts';

const lineSchema = z.looseObject({
  message: z.string(),
  message_id: z.string().default(''),
  case_id: z.string().default(''),
  attempt: z.number().default(1),
  code: z.string().optional(),
  detail: z.string().optional(),
  reason: z.string().optional(),
  request_id: z.string().default(''),
  bound: z.string().default(''),
  newer: z.string().default(''),
  delay_s: z.number().optional(),
  coalesced: z.number().default(0),
  log_ins: z.number().default(0),
});
type Line = z.infer<typeof lineSchema>;

const metricsSchema = z.object({ _aws: z.object({}) });

/**
 * Tells a person what the function writes to its log, and keeps what became of every message.
 *
 * @param unread unread messages of a case at Huawei, now
 */
export const createNarrator = (unread: (caseId: string) => number | undefined) => {
  /** How the screen calls a message, by its id. */
  const names = new Map<string, string>();
  /** Messages that came to their end, by id: marked, superseded, or the code of their dead letter. */
  const ends = new Map<string, string>();
  /** Messages that were told to come back, and how often. */
  const delays = new Map<string, number>();
  const counts = { coalesced: 0, logIns: 0, breakerOpened: 0 };
  /** Unread messages of every case as the last batch found them. */
  const before = new Map<string, number | undefined>();
  const toldRequests = new Set<string>();

  const why = ({ code, detail, reason }: Line) => [code, reason ?? detail].filter(Boolean).join(': ');
  const about = (what: What, { message_id, case_id }: Line, text: string) =>
    say(what, names.get(message_id) || case_id || message_id.slice(0, 8), text);

  const markedText = ({ case_id, request_id, attempt }: Line) => {
    if (toldRequests.has(request_id)) return 'by the same call';
    toldRequests.add(request_id);
    const again = attempt > 1 ? `, at attempt ${attempt}` : '';
    return `unread at Huawei ${before.get(case_id) ?? '?'} → ${unread(case_id) ?? '?'}${again}`;
  };
  const clock = (time: string) => new Date(time).toTimeString().slice(0, 8);

  const events: Record<string, (line: Line) => void> = {
    'receipt.marked'(line) {
      ends.set(line.message_id, 'marked');
      about('marked', line, markedText(line));
    },
    'receipt.superseded'(line) {
      ends.set(line.message_id, 'superseded');
      const times = `read at ${clock(line.bound)}, the other side wrote at ${clock(line.newer)}`;
      about('superseded', line, `${times}: nothing is marked`);
    },
    'receipt.dead_lettered'(line) {
      ends.set(line.message_id, line.code ?? 'unknown');
      about('dead letter', line, why(line));
    },
    'receipt.delayed'(line) {
      delays.set(line.message_id, (delays.get(line.message_id) ?? 0) + 1);
      about('later', line, `back in ${line.delay_s ?? '?'} s. ${why(line)}`);
    },
    'receipt.left': line => about('later', line, `left in the queue. ${why(line)}`),
    'batch.settled'({ coalesced, log_ins }) {
      counts.coalesced += coalesced;
      counts.logIns += log_ins;
      if (log_ins > 0) say('log-in', '', 'for this batch the function logged in and got a token');
    },
    'breaker.opened'() {
      counts.breakerOpened++;
      say('breaker', '', 'five marks failed and none succeeded: the rest wait, one at a time may try');
    },
  };

  return {
    names,
    ends,
    delays,
    counts,
    batch(size: number) {
      for (const caseId of Object.keys(cases)) before.set(caseId, unread(caseId));
      say('batch', '', `Lambda hands ${count(size, 'receipt')} to the function`);
    },
    /** Takes one line of the function's output. */
    tell(text: string) {
      const json = parseJson(text);
      if (metricsSchema.safeParse(json).success) return;
      const { data: line } = lineSchema.safeParse(json);
      const event = line && events[line.message];
      if (event) event(line);
      else say('function', '', line ? [line.message, why(line)].filter(Boolean).join(': ') : text);
    },
  };
};

export type Narrator = ReturnType<typeof createNarrator>;
