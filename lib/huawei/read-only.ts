import type { Broken, Call } from './http.ts';
import { type Answer, classify } from './outcome.ts';

/** What an answer to the read-only call says of the credentials it was made with. */
export type Verdict = 'good' | 'refused' | 'undecided';

/** Asks for the unread messages of a case that nobody has: it reads, and marks nothing. */
export const readOnlyCall = (headers: Record<string, string>): Call => ({
  method: 'GET',
  path: '/v2/servicerequest/cases/instant-messages/unread?case_ids=relay-doctor',
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
  'status' in answer && !isRefused(answer) && answer.status < 500 && answer.status !== 429;

export const verdictOf = (answer: Answer | Broken): Verdict => {
  if ('broken' in answer) return 'undecided';
  if (isRefused(answer)) return 'refused';
  if (answer.status === 200) return 'good';
  const outcome = classify(answer, String);
  return 'error_code' in outcome && outcome.error_code?.startsWith('OSM.') ? 'good' : 'undecided';
};
