import type { CredentialsOf } from '../credentials/secret-store.ts';
import type { Session } from '../credentials/session.ts';
import type { CreateClient } from '../huawei/http.ts';
import { type Findings, type Found, failed, passed, skipped } from './check.ts';

interface Dependencies {
  config: { requestTimeoutMs: number };
  session: Pick<Session, 'identify'>;
  createClient: CreateClient;
}

const TODO = 'Follow "Log-in without a stored secret" in docs/operating.md.';

/** A JSON document that the issuer publishes; an empty object where there is none. */
const read = async (
  address: unknown,
  { createClient, config }: Dependencies,
): Promise<Record<string, unknown>> => {
  const url = typeof address === 'string' && /^https?:/.test(address) ? URL.parse(address) : null;
  if (!url) return {};
  const { send } = createClient(url.origin, config.requestTimeoutMs);
  const answer = await send({ method: 'GET', path: url.pathname + url.search, headers: {}, fresh: true });
  try {
    return Object(JSON.parse('status' in answer && answer.status === 200 ? answer.body : '{}'));
  } catch {
    return {};
  }
};

/** Whether the key that signed is one that the issuer publishes: those are to be pasted at Huawei. */
const checkKey = async (iss: string, kid: string, dependencies: Dependencies): Promise<Found> => {
  const { jwks_uri } = await read(`${iss.replace(/\/$/, '')}/.well-known/openid-configuration`, dependencies);
  const { keys } = await read(jwks_uri, dependencies);
  if (!Array.isArray(keys)) return skipped(`what ${iss} publishes could not be read from here`);
  const pasted = `Huawei's identity provider must hold the ${keys.length} published keys as they are now`;
  if (keys.some(key => Object(key).kid === kid))
    return passed(`${iss} publishes the key that signed; ${pasted}`);
  return failed(`${iss} does not publish the key ${kid}, which signed`, `${pasted}. ${TODO}`);
};

/** What AWS says of us, for credentials of the type `oidc`: everything but the token. */
export const checkIdentity = async (
  { audience }: CredentialsOf<'oidc'>,
  dependencies: Dependencies,
): Promise<Findings> => {
  const identity = await dependencies.session.identify(audience);
  if ('code' in identity)
    return {
      'AWS identity': failed(identity.detail, TODO),
      'issuer keys': skipped('not asked without an identity'),
    };
  const { sub, aud, iss, kid } = identity.claims;
  return {
    'AWS identity': passed(`sub ${sub}, aud ${aud}, iss ${iss}, kid ${kid}`),
    'issuer keys': await checkKey(iss, kid, dependencies),
  };
};
