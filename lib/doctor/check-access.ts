import type { Config } from '../config.ts';
import type { Stored } from '../credentials/secret-store.ts';
import type { Session } from '../credentials/session.ts';
import type { Outcome } from '../failure.ts';
import type { Call, createClient } from '../huawei/http.ts';
import type { Answer } from '../huawei/outcome.ts';
import { type Check, failed, passed, skipped } from './check.ts';

interface Dependencies {
  config: Pick<Config, 'osmEndpoint' | 'requestTimeoutMs'>;
  session: Pick<Session, 'once'>;
  createClient: typeof createClient;
  classify: (answer: Answer) => Outcome;
}

const PERMIT =
  'In IAM, grant the user or key\'s owner "Ticket Administrator" in the Global project; check the site (OSM_ENDPOINT) and arrears.';

const HUAWEI_TAKES =
  'IAM took it, OSM does not take the token: check the site (OSM_ENDPOINT with IAM_ENDPOINT) and the scope.';

/** By kind of credentials: what is tried, what IAM took before OSM was asked, and what to do about a refusal. */
const kinds = {
  password: {
    check: 'log-in',
    took: 'IAM took the password',
    refusedByIam:
      'Do not try again and again: Huawei locks the user. Put domain, user and password right where they are stored; the user needs programmatic access and no MFA at log-in.',
    refusedByOsm: HUAWEI_TAKES,
  },
  oidc: {
    check: 'log-in',
    took: 'IAM took the AWS identity',
    refusedByIam: 'Follow "Log-in without a stored secret" in docs/operating.md, on the side that is named.',
    refusedByOsm: HUAWEI_TAKES,
  },
  token: {
    check: 'token',
    took: undefined,
    refusedByIam: 'Store a new token.',
    refusedByOsm: 'Store a new token, of the site and scope that OSM_ENDPOINT needs.',
  },
  aksk: {
    check: 'signature',
    took: undefined,
    refusedByIam: 'Put the key right where it is stored.',
    refusedByOsm:
      'Check access_key and secret_key, security_token for a temporary key, domain_id, and the clock. Do not try again and again: Huawei locks the key.',
  },
} as const;

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
      return failed(check, says, PERMIT);
    default:
      return code satisfies never;
  }
};

/** The one try: a log-in or a signature, and with it one call that only reads. */
export const checkAccess = async (
  stored: Stored,
  { config, session, createClient, classify }: Dependencies,
): Promise<Check[]> => {
  const { check, took, refusedByIam, refusedByOsm } = kinds[stored.credentials.type];
  const client = createClient(config.osmEndpoint, config.requestTimeoutMs);
  let asked = false;
  const send = (call: Call) => {
    asked = true;
    return client.send({ ...call, fresh: true });
  };
  const answer = await session.once(stored, send);
  const outcome = 'broken' in answer ? answer.broken : classify(answer);
  const says = 'detail' in outcome ? outcome.detail : '';
  const permission = 'permission';
  const unseen = skipped(permission, `nothing could be asked without the ${check}`);

  if (!asked) {
    const todo =
      outcome.code === 'unauthorized'
        ? refusedByIam
        : 'IAM has trouble, or IAM_ENDPOINT is wrong: try again in some minutes.';
    return [failed(check, says, todo), unseen];
  }
  if ('status' in answer && answer.status === 401) return [failed(check, says, refusedByOsm), unseen];
  if ('broken' in answer) {
    const tried = took ? passed(check, took) : skipped(check, 'OSM did not answer');
    return [tried, failed(permission, says, 'OSM did not answer the call: try again in some minutes.')];
  }
  return [
    passed(check, took ? `${took}, OSM the token` : `OSM took the ${check}`),
    checkPermission(permission, outcome, says),
  ];
};
