import type { letterCodes } from '../dead-letters/request.ts';

const advice: Record<(typeof letterCodes)[number], string> = {
  malformed:
    'not JSON, or an envelope with nothing inside: mend the producer, then discard these and send them anew',
  invalid:
    'JSON, but not a receipt: mend the producer; relay replay --code invalid --case CASE --set FIELD=VALUE cures a wrong field',
  rejected: 'Huawei knows no such case, or not on this site: check the case, then replay or discard',
  forbidden: 'often a missing group: relay replay --code forbidden --set group_id=GROUP',
  failed:
    'Huawei gave a code that nobody knows: read the detail, ask Huawei with the request id, then replay',
  unauthorized: 'the credentials were refused for a day: relay doctor, put the secret right, then replay',
  misconfigured:
    'the gateway refused us for a day, an endpoint, a grant or a bill: relay doctor, then replay',
  rate_limited: 'Huawei refused for too many calls: replay slowly, relay replay --rate 20',
  unavailable: 'Huawei was down for a day: replay when it is up',
  unreachable: 'no connection for a day, DNS, network or TLS: relay doctor, then replay',
  timeout: 'no answer in time for a day: replay when Huawei is well',
  unknown:
    'nobody wrote why: SQS moved it (look for errors in the log) or a person put it there; replay once',
};

/** What to do about dead letters of a code, in a few words. */
export const adviceFor = (code: string): string =>
  code in advice ? advice[code as keyof typeof advice] : 'a code of another version: read the detail';
