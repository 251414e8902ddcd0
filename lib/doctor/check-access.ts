import type { Config } from '../config.ts';
import type { Stored } from '../credentials/secret-store.ts';
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

const TOKEN_NOT_TAKEN =
  'IAM took it, OSM does not take the token: check the site (OSM_ENDPOINT with IAM_ENDPOINT) and the scope.';

/** By kind of credentials: what is tried, what IAM took before OSM was asked, and what to do about a refusal. */
const kinds = {
  password: {
    check: 'log-in',
    took: 'IAM took the password',
    refused:
      'Do not try again and again: Huawei locks the user. Put domain, user and password right where they are stored; the user needs programmatic access and no MFA at log-in.',
  },
  oidc: {
    check: 'log-in',
    took: 'IAM took the AWS identity',
    refused: 'Follow "Log-in without a stored secret" in docs/operating.md, on the side that is named.',
  },
  token: {
    check: 'token',
    took: undefined,
    refused: 'Store a new token, of the site and scope that OSM_ENDPOINT needs.',
  },
  aksk: {
    check: 'signature',
    took: undefined,
    refused:
      'Check access_key and secret_key, security_token for a temporary key, domain_id, and the clock. Do not try again and again: Huawei locks the key.',
  },
} as const;

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
  const { check, took, refused } = kinds[stored.credentials.type];
  const client = createClient(config.osmEndpoint, config.requestTimeoutMs);
  let asked = false;
  const answer = await session.once(stored, (call: Call) => {
    asked = true;
    return client.send({ ...call, fresh: true });
  });
  const outcome = 'broken' in answer ? answer.broken : classify(answer);
  const says = 'detail' in outcome ? outcome.detail : '';
  const notTaken = (todo: string): Findings => ({
    [check]: failed(says, todo),
    permission: skipped(`nothing could be asked without the ${check}`),
  });

  if (!asked)
    return notTaken(
      outcome.code === 'unauthorized'
        ? refused
        : 'IAM has trouble, or IAM_ENDPOINT is wrong: try again in some minutes.',
    );
  if ('broken' in answer)
    return {
      [check]: took ? passed(took) : skipped('OSM did not answer'),
      permission: failed(says, 'OSM did not answer the call: try again in some minutes.'),
    };
  if (answer.status === 401) return notTaken(took ? TOKEN_NOT_TAKEN : refused);
  return {
    [check]: passed(took ? `${took}, OSM the token` : `OSM took the ${check}`),
    permission: permissionBy(outcome, says),
  };
};
