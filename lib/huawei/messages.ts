import * as z from 'zod/mini';
import type { Failure } from '../failure.ts';
import { isObject, parseJson } from '../json.ts';
import type { Timing } from './http.ts';
import type { Mark, OsmCall } from './mark-as-read.ts';
import { askedZone, writtenBy, type Zone } from './message-time.ts';
import { type Answer, classify } from './outcome.ts';

/** What is kept of a message of a case: never its text. */
export interface Message {
  /** Written by the customer's side, ours. */
  isOwn: boolean;
  /** Milliseconds epoch, the end of the second that the time may mean; undefined where it cannot be read. */
  writtenAt: number | undefined;
  /** The time as it was sent, for people: what no time is written with is masked. Empty where there is none. */
  sentAs: string;
}

/** What a look at a case's messages found. */
export type Looked =
  | {
      kind: 'messages';
      /** How many the case has, by the server's own word. */
      count: number;
      messages: Message[];
      /** Why the rest of a list of more than 100 cannot be read; absent where all was. */
      missing?: string;
    }
  /** Trouble with the service: worth another look later. */
  | { kind: 'trouble'; failure: Failure }
  /** The function's time ran out first. */
  | { kind: 'unfinished' }
  /** It cannot be told what the case holds, nor will a later look tell. */
  | { kind: 'unreadable'; detail: string };

/** ListMessages' own limit. */
const PAGE = 100;
/** The order is not documented and one may have come between: the second page overlaps the first by so many. */
const LAST_PAGE = 80;
/** How many messages two pages show; a case with fewer shows all. */
export const MOST_SEEN = PAGE + LAST_PAGE;
/** ListMessages' own limit. */
const MOST_OFFSET = 65_535;
/** 100 texts of 400 characters, escaped, and room for what is listed beside them. */
const MOST_LIST_BYTES = 1_048_576;
/** Longer than any time; what follows is no time and is not kept. */
const MOST_TIME_CHARACTERS = 40;

const listSchema = z.object({
  count: z.optional(z.unknown()),
  message_list: z.nullish(z.array(z.unknown())),
});

/** All else that a message holds, its text above all, is dropped here. */
const messageFrom = (message: unknown, zone: Zone): Message => {
  const { type, replier_type, create_time } = isObject(message) ? message : {};
  const time = typeof create_time === 'string' ? create_time : '';
  return {
    isOwn: type === 0 && (replier_type === undefined || replier_type === null || replier_type === 0),
    writtenAt: writtenBy(time, zone),
    sentAs: time.slice(0, MOST_TIME_CHARACTERS).replace(/[^-\d\s:.,+/TZ]/g, '?'),
  };
};

const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && (count as number) >= 0;

/**
 * What an answer to ListMessages says, by the same table as an answer to a mark: trouble with the service is
 * that; any other answer that is no list cannot be read.
 */
export const readList = (
  answer: Answer,
  redact: (text: string) => string,
  zone: Zone = askedZone,
): Exclude<Looked, { kind: 'unfinished' }> => {
  if (answer.isCut && answer.status === 200)
    return { kind: 'unreadable', detail: `OSM's list is longer than ${MOST_LIST_BYTES} bytes` };
  const outcome = classify(answer, redact);
  switch (outcome.code) {
    case 'unavailable':
    case 'unreachable':
    case 'timeout':
    case 'rate_limited':
    case 'unauthorized':
      return { kind: 'trouble', failure: outcome };
    case 'marked':
      break;
    default:
      return { kind: 'unreadable', detail: 'detail' in outcome ? outcome.detail : outcome.code };
  }
  const read = listSchema.safeParse(parseJson(answer.body));
  if (!read.success) return { kind: 'unreadable', detail: 'OSM answered 200 without a list of messages' };
  const { message_list, count } = read.data;
  const messages = (message_list ?? []).map(message => messageFrom(message, zone));
  // An empty list may be left out; where there is no count either, nothing speaks of messages.
  if (isCount(count) && (message_list || count === 0)) return { kind: 'messages', count, messages };
  if (message_list && messages.length < PAGE) return { kind: 'messages', count: messages.length, messages };
  return { kind: 'unreadable', detail: 'OSM answered 200 without a count of messages' };
};

/** A case as a receipt names it. */
type CaseOf = Pick<Mark, 'case_id' | 'group_id'>;

/** What is empty is left out. Not every server reads "+" as a space. */
export const queryOf = (fields: Record<string, string | number | undefined>): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  return query.toString().replaceAll('+', '%20');
};

interface Dependencies {
  call: OsmCall;
  /** Takes our secrets out of what Huawei wrote. */
  redact: (text: string) => string;
}

/**
 * Looks at the messages of a case (ListMessages), at most twice: a list of more than 100 has its last ones on
 * another page. It never throws for what Huawei answers.
 *
 * @returns a function of the case and the time a look has; `zone` is asked for, and read where a time has none
 * @see https://support.huaweicloud.com/intl/en-us/api-ticket/ListMessages.html
 */
export const createLook = ({ call, redact }: Dependencies) => {
  const page = async (
    { case_id, group_id }: CaseOf,
    timing: Timing,
    zone: Zone,
    offset?: number,
  ): Promise<Looked> => {
    const query = queryOf({ group_id, offset, limit: PAGE });
    const path = `/v2/servicerequest/cases/${encodeURIComponent(case_id)}/messages?${query}`;
    const headers = { 'X-Time-Zone': zone.name };
    const answer = await call({ method: 'GET', path, headers, mostBodyBytes: MOST_LIST_BYTES }, timing);
    if (!('broken' in answer)) return readList(answer, redact, zone);
    const { broken } = answer;
    if (broken.code === 'unfinished') return { kind: 'unfinished' };
    // A refusal of this call alone, by credentials that were proved good: a later look would be refused too.
    if (broken.code === 'failed') return { kind: 'unreadable', detail: broken.detail };
    return { kind: 'trouble', failure: broken };
  };

  return async (of: CaseOf, timing: Timing, zone: Zone = askedZone): Promise<Looked> => {
    const first = await page(of, timing, zone);
    if (first.kind !== 'messages' || first.count <= PAGE) return first;
    const offset = first.count - LAST_PAGE;
    if (offset > MOST_OFFSET) return { ...first, missing: `no page begins at ${offset}` };
    const last = await page(of, timing, zone, offset);
    if (last.kind === 'unreadable') return { ...first, missing: last.detail };
    if (last.kind !== 'messages') return last;
    return { kind: 'messages', count: last.count, messages: [...first.messages, ...last.messages] };
  };
};

export type Look = ReturnType<typeof createLook>;
