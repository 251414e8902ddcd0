import type { LoggedRequest } from '../../local/huawei/requests.ts';
import { askedBy, meaningOf } from './oracle.ts';
import type { World } from './world.ts';

/** One call to OSM: when it arrived, and what its answer meant. */
export interface Call {
  at: number;
  meaning: string;
}

/** All calls by the mark that they ask for. */
export const callsOf = ({ huawei, troubles, pace }: World) => {
  const byKey = new Map<string, Call[]>();
  const others: LoggedRequest[] = [];
  for (const request of huawei.requests) {
    if (request.kind === 'log_in') continue;
    if (request.kind !== 'mark') {
      others.push(request);
      continue;
    }
    // A call that was cut before its body had arrived.
    if (request.body === undefined) continue;
    const meaning = meaningOf(request, troubles.get(request.requestId), pace.requestTimeoutMs);
    const key = askedBy(request);
    const call = { at: request.at, meaning };
    const known = byKey.get(key);
    if (known) known.push(call);
    else byKey.set(key, [call]);
  }
  return {
    others,
    keys: () => byKey.keys(),
    of: (key: string): Call[] => byKey.get(key) ?? [],
  };
};

export type Calls = ReturnType<typeof callsOf>;
