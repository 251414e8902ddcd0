import { type Outcome, unfinished } from '../failure.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Broken, Call, Client, Timing } from './http.ts';
import { type Answer, classify } from './outcome.ts';
import type { Pace } from './pace.ts';

type Send = (call: Call) => Promise<Answer | Broken>;

interface Outside {
  client: Client;
  pace: Pace;
  telemetry: Pick<Telemetry, 'count'>;
}

/** Sends one call of whatever kind when its turn has come: every start counts against the pace. */
export const createPacedSend =
  ({ client, pace, telemetry }: Outside) =>
  async (call: Call, { signal, timeoutMs, startBy, inHaste }: Timing): Promise<Answer | Broken> => {
    // What waits in vain leaves its place to the next invocation.
    if (!(await pace.turn(signal, inHaste))) return { broken: unfinished, stale: false };
    if (startBy !== undefined && Date.now() > startBy) return { broken: unfinished, stale: false };
    telemetry.count('Calls');
    const startedAt = performance.now();
    const answer = await client.send(timeoutMs === undefined ? call : { ...call, timeoutMs });
    if ('broken' in answer) return answer;
    pace.answered(answer.status, startedAt);
    if (answer.status === 429) telemetry.count('Throttles');
    return answer;
  };

interface Dependencies {
  send: ReturnType<typeof createPacedSend>;
  session: {
    /** Makes a call in our name; what it needs to be sure of the right to call goes through `send` too. */
    authorized: (call: Call, send: Send) => Promise<Answer | Broken>;
  };
  /** X-Language, X-Time-Zone and X-Site where the call names none. */
  headers: Record<string, string>;
}

/**
 * Calls OSM, for marks and looks alike. At most two repeats, each once: after a 401, by whoever holds the
 * credentials, and after a kept connection broke before any answer (a frozen function wakes with dead sockets)
 * on a fresh one. What failed before this call could be sent is `unsent`.
 */
export const createOsmCall =
  ({ send, session, headers }: Dependencies) =>
  async (call: Call, timing: Timing): Promise<Answer | Broken> => {
    const { startBy: _, ...ofOthers } = timing;
    let isSent = false;
    let isRepeated = false;
    const sendAgain: Send = async each => {
      // What others may share, such as the read-only call, has no such limit.
      const limits = each.path === call.path ? timing : ofOthers;
      const answer = await send(each, limits);
      const isStarted = !('broken' in answer) || answer.broken.code !== 'unfinished';
      if (isStarted && each.path === call.path) isSent = true;
      if (isRepeated || !('broken' in answer) || !answer.stale) return answer;
      isRepeated = true;
      return send({ ...each, fresh: true }, limits);
    };

    const answer = await session.authorized({ ...call, headers: { ...headers, ...call.headers } }, sendAgain);
    if (isSent || !('broken' in answer) || answer.broken.code === 'unfinished') return answer;
    return { ...answer, broken: { ...answer.broken, unsent: true } };
  };

export type OsmCall = ReturnType<typeof createOsmCall>;

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
