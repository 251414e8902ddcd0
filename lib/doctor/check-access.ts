import type { Config } from '../config.ts';
import type { Credentials, Stored } from '../credentials/secret-store.ts';
import type { Session } from '../credentials/session.ts';
import type { Outcome } from '../failure.ts';
import type { Call, createClient } from '../huawei/http.ts';
import type { Answer } from '../huawei/outcome.ts';
import { type Findings, type Found, failed, passed, skipped } from './check.ts';

interface Dependencies {
  config: Pick<Config, 'osmEndpoint' | 'requestTimeoutMs'>;
  session: Pick<Session, 'once'>;
  createClient: typeof createClient;
  classify: (answer: Answer) => Outcome;
}

const PERMIT =
  'In IAM, grant the user or key\'s owner "Ticket Administrator" in the Global project; check the site (OSM_ENDPOINT) and arrears.';

interface Kind {
  /** What is tried. */
  check: string;
  /** What IAM took before OSM was asked. */
  took?: string;
  /** What to do about a refusal. */
  refusedByIam: string;
  refusedByOsm: string;
}
const byLogIn = {
  check: 'log-in',
  refusedByOsm:
    'IAM took it, OSM does not take the token: check the site (OSM_ENDPOINT with IAM_ENDPOINT) and the scope.',
};
const kinds: Record<Credentials['type'], Kind> = {
  password: {
    ...byLogIn,
    took: 'IAM took the password',
    refusedByIam:
      'Do not try again and again: Huawei locks the user. Put domain, user and password right where they are stored; the user needs programmatic access and no MFA at log-in.',
  },
  oidc: {
    ...byLogIn,
    took: 'IAM took the AWS identity',
    refusedByIam: 'Follow "Log-in without a stored secret" in docs/operating.md, on the side that is named.',
  },
  token: {
    check: 'token',
    refusedByIam: 'Store a new token.',
    refusedByOsm: 'Store a new token, of the site and scope that OSM_ENDPOINT needs.',
  },
  aksk: {
    check: 'signature',
    refusedByIam: 'Put the key right where it is stored.',
    refusedByOsm:
      'Check access_key and secret_key, security_token for a temporary key, domain_id, and the clock. Do not try again and again: Huawei locks the key.',
  },
};

const permissionBy = ({ code }: Outcome, says: string): Found => {
  switch (code) {
    case 'marked':
    case 'superseded':
      return passed('OSM lets us read unread counts; nothing was marked');
    case 'rejected':
    case 'failed':
      // OSM looked at the question: it was let in.
      return passed(`OSM lets us in and has no such case (${says}); nothing was marked`);
    case 'rate_limited':
    case 'unavailable':
    case 'unreachable':
    case 'timeout':
    case 'unfinished':
      return failed(says, 'OSM has trouble: try again in some minutes.');
    case 'unauthorized':
    case 'forbidden':
    case 'misconfigured':
    case 'malformed':
    case 'invalid':
      return failed(says, PERMIT);
    default:
      return code satisfies never;
  }
};

/** The one try: a log-in or a signature, and with it one call that only reads. */
export const checkAccess = async (
  stored: Stored,
  { config, session, createClient, classify }: Dependencies,
): Promise<Findings> => {
  const { check, took, refusedByIam, refusedByOsm } = kinds[stored.credentials.type];
  const client = createClient(config.osmEndpoint, config.requestTimeoutMs);
  let asked = false;
  const answer = await session.once(stored, (call: Call) => {
    asked = true;
    return client.send({ ...call, fresh: true });
  });
  const outcome = 'broken' in answer ? answer.broken : classify(answer);
  const says = 'detail' in outcome ? outcome.detail : '';
  const refused = (todo: string): Findings => ({
    [check]: failed(says, todo),
    permission: skipped(`nothing could be asked without the ${check}`),
  });

  if (!asked)
    return refused(
      outcome.code === 'unauthorized'
        ? refusedByIam
        : 'IAM has trouble, or IAM_ENDPOINT is wrong: try again in some minutes.',
    );
  if ('broken' in answer)
    return {
      [check]: took ? passed(took) : skipped('OSM did not answer'),
      permission: failed(says, 'OSM did not answer the call: try again in some minutes.'),
    };
  if (answer.status === 401) return refused(refusedByOsm);
  return {
    [check]: passed(took ? `${took}, OSM the token` : `OSM took the ${check}`),
    permission: permissionBy(outcome, says),
  };
};
