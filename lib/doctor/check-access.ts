import type { Config } from '../config.ts';
import type { Stored } from '../credentials/secret-store.ts';
import type { Session } from '../credentials/session.ts';
import type { Outcome } from '../failure.ts';
import type { Call, createClient } from '../huawei/http.ts';
import type { Answer } from '../huawei/outcome.ts';
import { type Check, failed, passed, skipped } from './check.ts';

interface Dependencies {
  config: Pick<Config, 'osmEndpoint' | 'requestTimeoutMs' | 'headers'>;
  session: Pick<Session, 'once'>;
  createClient: typeof createClient;
  classify: (answer: Answer) => Outcome;
}

/** No case has this id: its unread messages are asked for, not marked. */
const UNREAD = '/v2/servicerequest/cases/instant-messages/unread?case_ids=relay-doctor';

const GRANT =
  'In IAM, grant the user or key\'s owner "Ticket Administrator" in the Global project; check the site (OSM_ENDPOINT) and arrears.';

const shown = { password: 'log-in', token: 'token', aksk: 'signature' } as const;

const checkPermission = (check: string, { code }: Outcome, says: string): Check => {
  switch (code) {
    case 'marked':
    case 'superseded':
      return passed(check, 'OSM lets us read unread counts; nothing was marked');
    case 'rejected':
    case 'failed':
      // OSM looked at the question: it was let in.
      return passed(check, `OSM lets us in and has no such case (${says}); nothing was marked`);
    case 'rate_limited':
    case 'unavailable':
    case 'unreachable':
    case 'timeout':
    case 'unfinished':
      return failed(check, says, 'OSM has trouble: try again in some minutes.');
    case 'unauthorized':
    case 'forbidden':
    case 'misconfigured':
    case 'malformed':
    case 'invalid':
      return failed(check, says, GRANT);
    default:
      return code satisfies never;
  }
};

/** The one try: a log-in or a signature, and with it one call that only reads. */
export const checkAccess = async (
  stored: Stored,
  { config, session, createClient, classify }: Dependencies,
): Promise<Check[]> => {
  const { type } = stored.credentials;
  const check = shown[type];
  const client = createClient(config.osmEndpoint, config.requestTimeoutMs);
  let asked = false;
  const send = (call: Call) => {
    asked = true;
    return client.send({ ...call, fresh: true });
  };
  const call: Call = { method: 'GET', path: UNREAD, headers: config.headers };
  const answer = await session.once(stored, call, send);
  const outcome = 'broken' in answer ? answer.broken : classify(answer);
  const says = 'detail' in outcome ? outcome.detail : '';
  const permission = 'permission';
  const unseen = skipped(permission, `nothing could be asked without the ${check}`);

  if (!asked) {
    const todo =
      outcome.code === 'unauthorized'
        ? 'Do not try again and again: Huawei locks the user. Put domain, user and password right where they are stored; the user needs programmatic access and no MFA at log-in.'
        : 'IAM has trouble, or IAM_ENDPOINT is wrong: try again in some minutes.';
    return [failed(check, says, todo), unseen];
  }
  if ('status' in answer && answer.status === 401) {
    const todo = {
      password:
        'IAM took the password, OSM does not take the token: check the site (OSM_ENDPOINT with IAM_ENDPOINT) and the scope.',
      token: 'Store a new token, of the site and scope that OSM_ENDPOINT needs.',
      aksk: 'Check access_key and secret_key, security_token for a temporary key, domain_id, and the clock. Do not try again and again: Huawei locks the key.',
    }[type];
    return [failed(check, says, todo), unseen];
  }
  if ('broken' in answer) {
    const tried =
      type === 'password' ? passed(check, 'IAM took the password') : skipped(check, 'OSM did not answer');
    return [tried, failed(permission, says, 'OSM did not answer the call: try again in some minutes.')];
  }
  return [
    passed(
      check,
      type === 'password'
        ? 'IAM took the password, OSM the token'
        : `OSM took the ${type === 'aksk' ? 'signature' : 'token'}`,
    ),
    checkPermission(permission, outcome, says),
  ];
};
