// The contract once more, in plain words and tables: nothing here is shared with the code under test.
import { type Answered, type Held, keyOf } from '../model.ts';

export const RECEIPT_CODES = new Set(['malformed', 'invalid', 'rejected', 'forbidden', 'failed']);

const OSM_CODES: Record<string, string> = {
  'OSM.01010001': 'rejected',
  'OSM.01010010': 'rejected',
  'OSM.01010015': 'rejected',
  'OSM.01010062': 'rejected',
  'OSM.0001': 'rejected',
  'OSM.01010002': 'forbidden',
  'OSM.0003': 'forbidden',
  'OSM.01010011': 'unauthorized',
  'OSM.01010014': 'unavailable',
  'OSM.0004': 'unavailable',
};
const OURS = new Set([402, 407, 421, 431, 451, 494]);

/** What an answer to a mark is by the table of the contract; `refused` where credentials decide. */
export const codeOf = ({ status, errorCode = '', isJson }: Answered): string => {
  if (status === 'hang') return 'timeout';
  if (status === 'reset') return 'unreachable';
  if (status === 401 || errorCode === 'OSM.0002') return 'refused';
  const known = OSM_CODES[errorCode];
  if (status === 200) return isJson ? (known ?? (errorCode ? 'failed' : 'marked')) : 'unavailable';
  if (status === 429) return 'rate_limited';
  if (OURS.has(status)) return 'misconfigured';
  if (status === 408 || status === 425 || status >= 500 || status < 400) return 'unavailable';
  if (known) return known;
  const isOsm = errorCode.startsWith('OSM.');
  if (status === 403) return isOsm ? 'forbidden' : 'misconfigured';
  if (status === 404 || status === 405) return isOsm ? 'rejected' : 'misconfigured';
  return isJson ? 'rejected' : 'misconfigured';
};

const BELIEVED_MS = 30 * 86_400_000;

const timeOf = (text: unknown): number =>
  typeof text === 'string' ? Date.parse(text) : Number.POSITIVE_INFINITY;

/** A receipt as the oracle reads it from a body that its own world wrote; undefined where it is none. */
export const read = ({ body, sentAt }: Held) => {
  try {
    const outer = JSON.parse(body);
    const { Message, detail, data, Timestamp, time } = outer;
    const inner = outer.case_id ? outer : Message ? JSON.parse(Message) : (detail ?? data);
    const { case_id: caseId, group_id, language, time_zone, read_at, n } = inner;
    const readAt = timeOf(read_at);
    if (typeof caseId !== 'string' || Number.isNaN(readAt)) return undefined;
    const believed = readAt < sentAt - BELIEVED_MS ? Number.POSITIVE_INFINITY : readAt;
    return {
      n,
      caseId,
      key: keyOf(caseId, group_id, language, time_zone),
      /** The earliest time that receipt and envelope name; Infinity where they name none. */
      namedAt: inner === outer ? believed : Math.min(believed, timeOf(Timestamp ?? time)),
    };
  } catch {
    return undefined;
  }
};

export type Reading = NonNullable<ReturnType<typeof read>>;

/** The number that every body of the simulation carries, be it JSON or not. */
export const numberIn = (body: string): number => Number(/\bn\\?"?[:=](\d+)/.exec(body)?.[1]);
