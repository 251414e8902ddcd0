import * as z from 'zod';
import { parseJson } from '../../lib/json.ts';
import { say, type What } from './screen.ts';

const lineSchema = z.looseObject({
  message: z.string(),
  message_id: z.string().optional(),
  case_id: z.string().optional(),
  attempt: z.number().optional(),
  code: z.string().optional(),
  detail: z.string().optional(),
  reason: z.string().optional(),
  request_id: z.string().optional(),
  bound: z.string().optional(),
  newer: z.string().optional(),
  delay_s: z.number().optional(),
  coalesced: z.number().default(0),
  log_ins: z.number().default(0),
});
type Line = z.infer<typeof lineSchema>;

const metricsSchema = z.object({ _aws: z.object({}) });

interface Sources {
  /** Unread messages of a case at Huawei, now. */
  unread: (caseId: string) => number | undefined;
  /** Log-ins that IAM has answered with a token, and calls that OSM has refused with 401. */
  logIns: () => number;
  refusals: () => number;
}

/** Tells a person what the function writes to its log, and keeps what became of every message. */
export const createNarrator = ({ unread, logIns, refusals }: Sources) => {
  const names = new Map<string, string>();
  /** Unread messages of every case as the last invocation found them. */
  let before = new Map<string, number>();
  const toldRequests = new Set<string>();
  /** Messages that came to their end, by id: marked, superseded, or the code of their dead letter. */
  const ends = new Map<string, string>();
  /** How often a message was told to come back. */
  const delays = new Map<string, number>();
  const counts = { marked: 0, superseded: 0, coalesced: 0, logIns: 0, breakerOpened: 0 };

  const whoOf = ({ message_id = '', case_id }: Line) =>
    names.get(message_id) ?? case_id ?? message_id.slice(0, 8);
  const why = ({ code, detail, reason }: Line) => [code, reason ?? detail].filter(Boolean).join(': ');
  const end = ({ message_id = '' }: Line, how: string) => void ends.set(message_id, how);

  const markedText = ({ case_id = '', request_id = '', attempt = 1 }: Line) => {
    if (toldRequests.has(request_id)) return 'by the same call';
    toldRequests.add(request_id);
    const again = attempt > 1 ? `, at attempt ${attempt}` : '';
    return `unread at Huawei ${before.get(case_id) ?? '?'} → ${unread(case_id) ?? '?'}${again}`;
  };

  const other = (line: Line): [What, string, string] => [
    'function',
    '',
    [line.message, why(line)].filter(Boolean).join(': '),
  ];
  const events: Record<string, (line: Line) => [What, string, string] | undefined> = {
    'receipt.marked': line => {
      end(line, 'marked');
      counts.marked++;
      return ['marked', whoOf(line), markedText(line)];
    },
    'receipt.superseded': line => {
      end(line, 'superseded');
      counts.superseded++;
      const clock = (time = '') => new Date(time).toTimeString().slice(0, 8);
      const what = `read at ${clock(line.bound)}, the other side wrote at ${clock(line.newer)}`;
      return ['superseded', whoOf(line), `${what}: nothing is marked`];
    },
    'receipt.dead_lettered': line => {
      end(line, line.code ?? 'unknown');
      return ['dead letter', whoOf(line), why(line)];
    },
    'receipt.delayed': line => {
      const id = line.message_id ?? '';
      delays.set(id, (delays.get(id) ?? 0) + 1);
      return ['later', whoOf(line), `back in ${line.delay_s ?? '?'} s. ${why(line)}`];
    },
    'receipt.left': line => ['later', whoOf(line), `left in the queue. ${why(line)}`],
    // To a person, the lines above it say it all.
    'batch.settled': line => {
      counts.coalesced += line.coalesced;
      counts.logIns += line.log_ins;
      return undefined;
    },
    'breaker.opened': () => {
      counts.breakerOpened++;
      return ['breaker', '', 'five marks failed and none succeeded: the rest wait, one at a time may try'];
    },
  };

  const told = { logIns: 0, refusals: 0 };
  /** The function says nothing of a log-in that went well: IAM does. */
  const tellLogIns = () => {
    const now = { logIns: logIns(), refusals: refusals() };
    if (now.logIns > told.logIns) {
      const refused = now.refusals > told.refusals ? 'OSM answered 401, so ' : '';
      say('log-in', '', `${refused}the function logged in and got a ${refused ? 'fresh ' : ''}token`);
    }
    Object.assign(told, now);
  };

  return {
    names,
    ends,
    delays,
    counts,
    /** Notes how things stand at Huawei before an invocation. */
    beforeInvocation(unreadByCase: Map<string, number>) {
      before = unreadByCase;
    },
    /** Takes one line of the function's output. */
    tell(text: string) {
      const json = parseJson(text);
      if (metricsSchema.safeParse(json).success) return;
      const line = lineSchema.safeParse(json);
      if (!line.success) return say('function', '', text);
      tellLogIns();
      const event = events[line.data.message] ?? other;
      const words = event(line.data);
      if (words) say(...words);
    },
  };
};

export type Narrator = ReturnType<typeof createNarrator>;
