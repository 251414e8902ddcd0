import type { Config } from '../config.ts';
import type { Stored } from '../credentials/secret-store.ts';
import type { Session } from '../credentials/session.ts';
import type { Failure, Outcome } from '../failure.ts';
import type { createClient } from '../huawei/http.ts';
import type { Answer } from '../huawei/outcome.ts';
import type { Queue } from '../sqs/queue.ts';
import { type Check, failed, passed, skipped } from './check.ts';
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
): Check => {
  const check = 'credentials';
  if ('code' in stored) {
    const todo = /AccessDenied|NotAuthorized/.test(stored.detail)
      ? 'Allow who runs this to read it (param credentialsFrom, and credentialsKeyArn for a KMS key of yours).'
      : `Store the JSON there that docs/operating.md shows, or point CREDENTIALS_FROM elsewhere.`;
    return failed(check, stored.detail, todo);
  }
  const { type } = stored.credentials;
  const what = { password: 'a password', oidc: 'an AWS identity', token: 'a token', aksk: 'a key' }[type];
  if (usesIam(stored) && !iamEndpoint)
    return failed(
      check,
      `${what} needs IAM_ENDPOINT to log in`,
      'Set IAM_ENDPOINT, or store a token or a key.',
    );
  return passed(check, `${store}:${id} holds ${what} of the right shape`);
};

interface Reached {
  line: Check;
  skewSeconds?: number;
}

/** DNS, TCP, TLS and HTTP in one: any answer will do, and it tells the time. */
const reach = async (
  check: string,
  variable: string,
  endpoint: string,
  { config, createClient }: Parts,
): Promise<Reached> => {
  const { host, send } = createClient(endpoint, config.requestTimeoutMs);
  const asked = performance.now();
  const answer = await send({ method: 'GET', path: '/', headers: {}, fresh: true });
  const tookMs = Math.round(performance.now() - asked);
  if ('broken' in answer) {
    const { detail } = answer.broken;
    return { line: failed(check, detail, networkTodo(detail, variable)) };
  }
  const skewSeconds = (Date.now() - Date.parse(String(answer.headers.date))) / 1000;
  const how = endpoint.startsWith('https:') ? 'name and certificate are good' : 'over plain http';
  return { line: passed(check, `${host} answers, ${how} (${tookMs} ms)`), skewSeconds };
};

const checkClock = (skews: (number | undefined)[]): Check => {
  const check = 'clock';
  const known = skews.filter(skew => skew !== undefined && !Number.isNaN(skew)) as number[];
  const [skew] = known.sort((a, b) => Math.abs(b) - Math.abs(a));
  if (skew === undefined) return skipped(check, 'nobody at Huawei told the time');
  const apart = `our clock is ${Math.abs(Math.round(skew))} s ${skew > 0 ? 'ahead of' : 'behind'} Huawei's`;
  if (Math.abs(skew) <= SKEW_MOST_SECONDS)
    return passed(check, Math.abs(skew) < 2 ? "our clock and Huawei's agree" : apart);
  return failed(check, `${apart}; signatures bear 15 minutes`, 'Set the clock of this machine (NTP).');
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
    const { config, source, deadLetters } = parts;
    const stored = await parts.session.readCredentials();
    const iamEndpoint = 'credentials' in stored && usesIam(stored) ? config.iamEndpoint : undefined;
    const none: Reached = { line: skipped('IAM', 'not needed') };
    const attributes = (queue: Parts['source']) =>
      queue.attributes().then(read => ('error' in read ? read.error : read.attributes));
    const [osm, iam, here, there] = await Promise.all([
      reach('OSM', 'OSM_ENDPOINT', config.osmEndpoint, parts),
      iamEndpoint ? reach('IAM', 'IAM_ENDPOINT', iamEndpoint, parts) : none,
      attributes(source),
      attributes(deadLetters),
    ]);
    const secret = checkSecret(stored, config);
    const broken = [osm, iam].some(({ line }) => line.status === 'failed');
    const tried =
      'code' in stored || secret.status === 'failed' || broken
        ? [
            skipped('log-in', 'not tried before the above is right'),
            skipped('permission', 'not tried before the above is right'),
          ]
        : await checkAccess(stored, parts);
    const identity =
      'credentials' in stored && stored.credentials.type === 'oidc'
        ? await checkIdentity(stored.credentials, parts)
        : [];
    const { maxAttempts, maxAgeSeconds, queueRetentionSeconds } = config;
    return [
      passed('configuration', 'every variable is set as it should be'),
      secret,
      osm.line,
      iam.line,
      checkClock([osm.skewSeconds, iam.skewSeconds]),
      ...identity,
      ...tried,
      ...checkQueues({
        source: here,
        deadLetters: there,
        maxAttempts,
        maxAgeSeconds,
        queueRetentionSeconds,
        functionSeconds,
      }),
    ];
  };
