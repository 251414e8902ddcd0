import type { Config } from '../config.ts';
import type { Stored } from '../credentials/secret-store.ts';
import type { Session } from '../credentials/session.ts';
import type { Failure, Outcome } from '../failure.ts';
import type { createClient } from '../huawei/http.ts';
import type { Answer } from '../huawei/outcome.ts';
import type { Queue } from '../sqs/queue.ts';
import { type Check, checksOf, type Found, failed, passed, skipped } from './check.ts';
import { checkAccess } from './check-access.ts';
import { checkIdentity } from './check-identity.ts';
import { checkQueues } from './check-queues.ts';

/** Everything comes from who made it: nothing of this is loaded, or split off, for the batches' sake. */
export interface Parts {
  config: Config;
  session: Pick<Session, 'once' | 'readCredentials' | 'identify'>;
  createClient: typeof createClient;
  classify: (answer: Answer) => Outcome;
  source: Pick<Queue, 'attributes'>;
  deadLetters: Pick<Queue, 'attributes'>;
}

/** A third of what signatures and tokens bear. */
const SKEW_MOST_SECONDS = 300;

const networkTodo = (detail: string, variable: string): string => {
  if (/ENOTFOUND|EAI_AGAIN|EAI_NODATA/.test(detail))
    return `No such name: check ${variable}, and the DNS of this network.`;
  if (/CERT|SELF_SIGNED|UNABLE_TO|SSL|TLS|EPROTO/.test(detail))
    return `TLS: check ${variable}; a proxy that opens TLS needs its certificate in NODE_EXTRA_CA_CERTS.`;
  return `No way there: check ${variable}, the subnet's route to the internet (a function in a VPC needs a NAT), firewall and proxy.`;
};

const usesIam = ({ credentials: { type } }: Stored): boolean => type === 'password' || type === 'oidc';

const checkSecret = (
  stored: Stored | Failure,
  { credentialsFrom: { store, id }, iamEndpoint }: Config,
): Found => {
  if ('code' in stored)
    return failed(
      stored.detail,
      /AccessDenied|NotAuthorized/.test(stored.detail)
        ? 'Allow who runs this to read it (param credentialsFrom, and credentialsKeyArn for a KMS key of yours).'
        : 'Store the JSON there that docs/operating.md shows, or point CREDENTIALS_FROM elsewhere.',
    );
  const { type } = stored.credentials;
  const what = { password: 'a password', oidc: 'an AWS identity', token: 'a token', aksk: 'a key' }[type];
  if (usesIam(stored) && !iamEndpoint)
    return failed(`${what} needs IAM_ENDPOINT to log in`, 'Set IAM_ENDPOINT, or store a token or a key.');
  return passed(`${store}:${id} holds ${what} of the right shape`);
};

/** DNS, TCP, TLS and HTTP in one: any answer will do, and it tells the time. */
const reach = async (
  variable: 'OSM_ENDPOINT' | 'IAM_ENDPOINT',
  endpoint: string,
  { config, createClient }: Parts,
): Promise<{ found: Found; skewSeconds?: number }> => {
  const { host, send } = createClient(endpoint, config.requestTimeoutMs);
  const asked = performance.now();
  const answer = await send({ method: 'GET', path: '/', headers: {}, fresh: true });
  const tookMs = Math.round(performance.now() - asked);
  if ('broken' in answer) {
    const { detail } = answer.broken;
    return { found: failed(detail, networkTodo(detail, variable)) };
  }
  const how = endpoint.startsWith('https:') ? 'name and certificate are good' : 'over plain http';
  return {
    found: passed(`${host} answers, ${how} (${tookMs} ms)`),
    skewSeconds: (Date.now() - Date.parse(String(answer.headers.date))) / 1000,
  };
};

const checkClock = (skews: (number | undefined)[]): Found => {
  const known = skews.filter(skew => skew !== undefined && !Number.isNaN(skew)) as number[];
  const [skew] = known.sort((a, b) => Math.abs(b) - Math.abs(a));
  if (skew === undefined) return skipped('nobody at Huawei told the time');
  if (Math.abs(skew) < 2) return passed("our clock and Huawei's agree");
  const apart = `our clock is ${Math.abs(Math.round(skew))} s ${skew > 0 ? 'ahead of' : 'behind'} Huawei's`;
  if (Math.abs(skew) <= SKEW_MOST_SECONDS) return passed(apart);
  return failed(`${apart}; signatures bear 15 minutes`, 'Set the clock of this machine (NTP).');
};

/**
 * Checks everything that must be right, in the place it runs in. Marks nothing, and tries the credentials once:
 * not at all while their refusal stands.
 *
 * @param functionSeconds the function's timeout
 */
export const createDoctor =
  (parts: Parts) =>
  async (functionSeconds: number): Promise<Check[]> => {
    const { config, session, source, deadLetters } = parts;
    const stored = await session.readCredentials();
    const iamEndpoint = 'credentials' in stored && usesIam(stored) ? config.iamEndpoint : undefined;
    const attributes = (queue: Parts['source']) =>
      queue.attributes().then(read => ('error' in read ? read.error : read.attributes));
    const [osm, iam, here, there] = await Promise.all([
      reach('OSM_ENDPOINT', config.osmEndpoint, parts),
      iamEndpoint ? reach('IAM_ENDPOINT', iamEndpoint, parts) : { found: skipped('not needed') },
      attributes(source),
      attributes(deadLetters),
    ]);
    const secret = checkSecret(stored, config);
    const isReady = [secret, osm.found, iam.found].every(({ status }) => status !== 'failed');
    const notTried = skipped('not tried before the above is right');
    const access =
      'credentials' in stored && isReady
        ? await checkAccess(stored, parts)
        : { 'log-in': notTried, permission: notTried };
    const identity =
      'credentials' in stored && stored.credentials.type === 'oidc'
        ? await checkIdentity(stored.credentials, parts)
        : {};
    return checksOf({
      configuration: passed('every variable is set as it should be'),
      credentials: secret,
      OSM: osm.found,
      IAM: iam.found,
      clock: checkClock([osm.skewSeconds, 'skewSeconds' in iam ? iam.skewSeconds : undefined]),
      ...identity,
      ...access,
      ...checkQueues({ ...config, source: here, deadLetters: there, functionSeconds }),
    });
  };
