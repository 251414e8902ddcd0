import type { SQSRecord } from 'aws-lambda';
import type { Outcome } from '../failure.ts';
import type { Mark } from '../huawei/mark-as-read.ts';
import type { Receipt } from '../receipt/receipt.ts';

/** One record's story. */
export interface Entry {
  record: SQSRecord;
  mark?: Mark;
  /** When the person read, in milliseconds. */
  readAt?: number;
  /** What the receipt reaches up to, in milliseconds (late.ts). */
  bound?: number;
  /** Absent where our own code failed. */
  outcome?: Outcome;
  durationMs?: number;
  /** Its back-off. */
  delaySeconds?: number;
  /** What became of it. Only `marked`, `superseded` and `dead_lettered` are acknowledged. */
  result: 'marked' | 'superseded' | 'dead_lettered' | 'delayed' | 'left';
  /** Why the record is left as it is. */
  reason?: string;
}

/** One call to make, and all whose receipts asked for it. */
export interface Group {
  key: string;
  mark: Mark;
  /** The newest bound of its receipts: somebody has read up to there. */
  bound: number;
  entries: Entry[];
}

/** The mark that a receipt asks for; an empty group_id is none. */
export const markOf = ({ case_id, group_id, language, time_zone }: Receipt): Mark => ({
  case_id,
  ...(group_id && { group_id }),
  ...(language && { language }),
  ...(time_zone && { time_zone }),
});

/** Equal for marks that are one call, and for no others. */
const keyOf = ({ case_id, group_id, language, time_zone }: Mark): string =>
  JSON.stringify([case_id, group_id, language, time_zone]);

/** Groups what asks for the same mark: the call is made once and its outcome is everyone's. */
export const coalesce = (entries: Entry[]): Group[] => {
  const groups = new Map<string, Group>();
  for (const entry of entries) {
    const { mark, bound } = entry;
    if (!mark || bound === undefined) continue;
    const key = keyOf(mark);
    const group = groups.get(key);
    if (!group) groups.set(key, { key, mark, bound, entries: [entry] });
    else {
      group.entries.push(entry);
      group.bound = Math.max(group.bound, bound);
    }
  }
  return [...groups.values()];
};
