import type { CredentialsOf } from '../credentials/secret-store.ts';
import type { Session } from '../credentials/session.ts';
import type { CreateClient } from '../huawei/http.ts';
import { type Check, failed, passed, skipped } from './check.ts';

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
const checkKey = async (iss: string, kid: string, dependencies: Dependencies): Promise<Check> => {
  const check = 'issuer keys';
  const { jwks_uri } = await read(`${iss.replace(/\/$/, '')}/.well-known/openid-configuration`, dependencies);
  const { keys } = await read(jwks_uri, dependencies);
  if (!Array.isArray(keys)) return skipped(check, `what ${iss} publishes could not be read from here`);
  const pasted = `Huawei's identity provider must hold the ${keys.length} published keys as they are now`;
  if (keys.some(key => Object(key).kid === kid))
    return passed(check, `${iss} publishes the key that signed; ${pasted}`);
  return failed(check, `${iss} does not publish the key ${kid}, which signed`, `${pasted}. ${TODO}`);
};

/** What AWS says of us, for credentials of the type `oidc`: everything but the token. */
export const checkIdentity = async (
  { audience }: CredentialsOf<'oidc'>,
  dependencies: Dependencies,
): Promise<Check[]> => {
  const check = 'AWS identity';
  const identity = await dependencies.session.identify(audience);
  if ('code' in identity)
    return [failed(check, identity.detail, TODO), skipped('issuer keys', 'not asked without an identity')];
  const { sub, aud, iss, kid } = identity.claims;
  return [
    passed(check, `sub ${sub}, aud ${aud}, iss ${iss}, kid ${kid}`),
    await checkKey(iss, kid, dependencies),
  ];
};
