import { type Outcome, unfinished } from '../failure.ts';
import type { Redactor } from '../redact.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Broken, Call, Client } from './http.ts';
import { type Answer, classify } from './outcome.ts';
import { createRate } from './pace.ts';

/** What one call to Huawei says: these messages of this case were read. */
export interface Mark {
  case_id: string;
  group_id?: string;
  language?: string;
  time_zone?: string;
}

interface Dependencies {
  client: Client;
  session: {
    /** Makes a call in our name; what a refusal of our credentials means is decided there. */
    authorized: (call: Call, send: (call: Call) => Promise<Answer | Broken>) => Promise<Answer | Broken>;
  };
  redactor: Redactor;
  /** X-Language, X-Time-Zone and X-Site where the receipt names none. */
  headers: Record<string, string>;
  maxRequestsPerSecond: number;
  telemetry: Pick<Telemetry, 'count'>;
}

const callOf = ({ case_id, group_id, language, time_zone }: Mark, headers: Record<string, string>): Call => ({
  method: 'POST',
  path: `/v2/servicerequest/cases/${encodeURIComponent(case_id)}/instant-messages/unread`,
  headers: {
    ...headers,
    ...(language && { 'X-Language': language }),
    ...(time_zone && { 'X-Time-Zone': time_zone }),
    ...(group_id && { 'Content-Type': 'application/json' }),
  },
  ...(group_id && { body: JSON.stringify({ group_id }) }),
});

/**
 * "Marking a Message as Read" for one case. One call; at most two repeats, each once per mark: after a 401
 * with a fresh token, and after a kept connection broke before any answer (a frozen function wakes with dead
 * sockets) on a fresh one. Every start counts against the rate.
 *
 * @see https://support.huaweicloud.com/intl/en-us/api-ticket/UpdateNewInstantMessagesRead.html
 */
export const createOsm = (dependencies: Dependencies) => {
  const { client, session, redactor, headers, maxRequestsPerSecond, telemetry } = dependencies;
  const itsTurn = createRate(maxRequestsPerSecond);

  /** @param signal cuts the call short: its outcome is `unfinished` */
  return async (mark: Mark, signal: AbortSignal): Promise<Outcome> => {
    const start = async (call: Call): Promise<Answer | Broken> => {
      // Cut while it waits, it leaves its place to the next invocation.
      if (!(await itsTurn(signal))) return { broken: unfinished, stale: false };
      telemetry.count('Calls');
      return client.send({ ...call, signal });
    };

    let repeated = false;
    const send = async (call: Call) => {
      const answer = await start(call);
      if (repeated || !('broken' in answer) || !answer.stale) return answer;
      repeated = true;
      return start({ ...call, fresh: true });
    };

    const answer = await session.authorized(callOf(mark, headers), send);
    if ('broken' in answer) return answer.broken;
    if (answer.status === 429) telemetry.count('Throttles');
    return classify(answer, redactor.redact);
  };
};
