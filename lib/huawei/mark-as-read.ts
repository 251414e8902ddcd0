import type { Outcome } from '../failure.ts';
import type { Call, Timing } from './http.ts';
import type { OsmCall } from './osm-call.ts';
import { classify } from './outcome.ts';

/** What one call to Huawei says: these messages of this case were read. */
export interface Mark {
  case_id: string;
  group_id?: string;
  language?: string;
  time_zone?: string;
}

const callOf = ({ case_id, group_id, language, time_zone }: Mark): Call => ({
  method: 'POST',
  path: `/v2/servicerequest/cases/${encodeURIComponent(case_id)}/instant-messages/unread`,
  headers: {
    ...(language && { 'X-Language': language }),
    ...(time_zone && { 'X-Time-Zone': time_zone }),
    ...(group_id && { 'Content-Type': 'application/json' }),
  },
  ...(group_id && { body: JSON.stringify({ group_id }) }),
});

/**
 * "Marking a Message as Read" for one case, in one call. It never throws for what Huawei answers; where no call
 * could start in time, the outcome is `unfinished`.
 *
 * @param redact takes our secrets out of what Huawei wrote
 * @see https://support.huaweicloud.com/intl/en-us/api-ticket/UpdateNewInstantMessagesRead.html
 */
export const createMarkAsRead =
  (call: OsmCall, redact: (text: string) => string) =>
  async (mark: Mark, timing: Timing): Promise<Outcome> => {
    const answer = await call(callOf(mark), timing);
    return 'broken' in answer ? answer.broken : classify(answer, redact);
  };
