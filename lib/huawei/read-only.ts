import * as z from 'zod/mini';
import { isObject, parseJson } from '../json.ts';
import type { Broken, Call, Timing } from './http.ts';
import type { Mark, OsmCall } from './mark-as-read.ts';
import { queryOf } from './messages.ts';
import { type Answer, classify } from './outcome.ts';

/** ListUnreadNewInstantMessages. */
const UNREAD = '/v2/servicerequest/cases/instant-messages/unread';

/** What an answer to the read-only call says of the credentials it was made with. */
export type Verdict = 'good' | 'refused' | 'undecided' | 'unasked';

/** Asks for the unread messages of a case that nobody has: it reads, and marks nothing. */
export const readOnlyCall = (headers: Record<string, string>): Call => ({
  method: 'GET',
  path: `${UNREAD}?case_ids=relay-doctor`,
  headers,
});

const TOKEN_EXPIRED = 'OSM.0002';

/**
 * Whether our credentials were refused. OSM says "token expired" in two ways; the code counts where it is one, not
 * the word: Huawei may repeat a receipt's own.
 */
export const isRefusal = (answer: Answer | Broken): answer is Answer =>
  'status' in answer && isRefused(answer);

const isRefused = (answer: Answer): boolean => {
  if (answer.status === 401) return true;
  if (!answer.body.includes(TOKEN_EXPIRED)) return false;
  const outcome = classify(answer, String);
  return outcome.code === 'unauthorized' && outcome.error_code === TOKEN_EXPIRED;
};

/** Whether credentials were looked at and taken. A gateway in trouble may answer before it looks. */
export const isProof = (answer: Answer | Broken): boolean =>
  verdictOf(answer) === 'good' ||
  ('status' in answer && answer.status === 403 && isObject(parseJson(answer.body)));

export const verdictOf = (answer: Answer | Broken): Verdict => {
  if ('broken' in answer) return answer.broken.code === 'unfinished' ? 'unasked' : 'undecided';
  if (isRefused(answer)) return 'refused';
  const outcome = classify(answer, String);
  if (outcome.code === 'marked') return 'good';
  return 'error_code' in outcome && outcome.error_code?.startsWith('OSM.') ? 'good' : 'undecided';
};

const unreadSchema = z.object({
  imunread: z.array(z.object({ incident_id: z.string(), unread_num: z.number() })),
});

/**
 * Asks how many messages of a case are unread, by the server's own count (ListUnreadNewInstantMessages), which
 * marks nothing. It never throws for what Huawei answers; undefined where the answer does not say.
 */
export const createUnreadCount =
  (call: OsmCall) =>
  async (
    { case_id, group_id }: Pick<Mark, 'case_id' | 'group_id'>,
    timing: Timing,
  ): Promise<number | undefined> => {
    const query = queryOf({ case_ids: case_id, group_id });
    const answer = await call({ method: 'GET', path: `${UNREAD}?${query}`, headers: {} }, timing);
    const read = unreadSchema.safeParse('broken' in answer ? undefined : parseJson(answer.body));
    return read.data?.imunread.find(({ incident_id }) => incident_id === case_id)?.unread_num;
  };

export type CountUnread = ReturnType<typeof createUnreadCount>;
