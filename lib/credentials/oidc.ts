import * as z from 'zod/mini';
import { type Failure, type FailureCode, failure } from '../failure.ts';
import { parseJson } from '../json.ts';
import type { Redactor } from '../redact.ts';
import type { AwsCall } from './aws-call.ts';
import { type LogIn, scopeOf, type Token } from './log-in.ts';
import type { CredentialsOf } from './secret-store.ts';

/** What the signed token says of us; its words are no secret, the token is. */
const claimsSchema = z.object({
  sub: z.string(),
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  kid: z.string(),
});
export type Claims = z.infer<typeof claimsSchema>;

interface Dependencies {
  call: AwsCall;
  redactor: Redactor;
}

/** Long enough for one log-in; STS takes 60 to 3600. */
const LIFE_SECONDS = '300';
const TOKEN = /<WebIdentityToken>\s*([\w-]+\.[\w-]+\.[\w-]+)\s*<\/WebIdentityToken>/;
const MOST_CHARACTERS = 300;

const atAws = (code: string, audience: string): string => {
  if (code === 'OutboundWebIdentityFederationDisabled')
    return 'at AWS, switch it on, once for the account: aws iam enable-outbound-web-identity-federation';
  if (code === 'AccessDenied' || code === 'AccessDeniedException')
    return `at AWS, allow the role sts:GetWebIdentityToken for this audience: deploy with --param="webIdentityAudience=${audience}"`;
  return 'at AWS, look at the region, its STS endpoint and the AWS keys';
};

const codeOf = (status: number, name: string): FailureCode => {
  if (status === 429 || name === 'Throttling') return 'rate_limited';
  return status >= 400 && status < 500 ? 'unauthorized' : 'unavailable';
};

const claimsOf = (token: string): Claims | undefined => {
  const [head, body] = token.split('.').map(part => parseJson(Buffer.from(part, 'base64url').toString()));
  return z.safeParse(claimsSchema, { ...Object(body), kid: Object(head).kid }).data;
};

/**
 * Asks STS for a token that proves the AWS identity this runs under.
 *
 * @param audience whom it is for: the client id at Huawei's identity provider
 * @returns the token, a secret, and what it says; or the failure, which names what to do at AWS. It never throws
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
 */
export const getIdentity = async (
  audience: string,
  { call, redactor }: Dependencies,
): Promise<{ token: string; claims: Claims } | Failure> => {
  const form = new URLSearchParams({
    Action: 'GetWebIdentityToken',
    Version: '2011-06-15',
    'Audience.member.1': audience,
    SigningAlgorithm: 'RS256',
    DurationSeconds: LIFE_SECONDS,
  });
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const answer = await call({ service: 'sts', headers, body: form.toString() });
  if ('broken' in answer) return failure(answer.broken.code as FailureCode, `STS: ${answer.broken.detail}`);
  if (answer.status === 200) {
    const token = TOKEN.exec(answer.body)?.[1];
    const claims = token && claimsOf(token);
    if (!claims) return failure('unavailable', 'STS answered 200 without a token that can be read');
    redactor.learn(token);
    return { token, claims };
  }
  const [name = '', message = ''] = ['Code', 'Message'].map(
    field => new RegExp(`<${field}>([^<]*)</${field}>`).exec(answer.body)?.[1],
  );
  const said = redactor.redact(`${name} ${message}`.trim()).slice(0, MOST_CHARACTERS) || 'no reason';
  const detail = `STS answered ${answer.status}: ${said}; ${atAws(name, audience)}`;
  return { ...failure(codeOf(answer.status, name), detail), status: answer.status };
};

/** What IAM's words point at; the words themselves are not documented. */
const atHuawei = (said: string, provider: string, { iss, aud, kid, sub }: Claims): string => {
  const hints: [RegExp, string][] = [
    [/sign|jwk|kid|\bkeys?\b/i, `paste the keys of ${iss} again: AWS signed with ${kid}`],
    [/aud|client/i, `the client id must be ${aud}`],
    [/provider|idp|issuer/i, `there must be an OIDC identity provider ${provider} with the issuer ${iss}`],
    [
      /group|mapping|rule|user/i,
      `a conversion rule must turn the sub ${sub} into a user group that may act on tickets`,
    ],
    [/scope|domain|project/i, "the secret's scope must be the account or a project that the group may use"],
  ];
  const found = hints.filter(([words]) => words.test(said));
  const todo = (found.length > 0 ? found : hints).map(([, hint]) => hint);
  return `at Huawei Cloud, in IAM's identity provider ${provider}: ${todo.join('; ')}`;
};

/**
 * Logs in without a secret: Huawei's IAM trades the token that STS signs for an ordinary one. It never throws.
 *
 * @see https://support.huaweicloud.com/intl/en-us/api-iam/iam_13_0605.html
 */
export const logInByIdentity = async (
  { identity_provider, audience, scope }: CredentialsOf<'oidc'>,
  { logIn, ...dependencies }: Dependencies & { logIn: LogIn },
): Promise<Token | Failure> => {
  const identity = await getIdentity(audience, dependencies);
  if ('code' in identity) return identity;
  const got = await logIn('oidc', {
    path: '/v3.0/OS-AUTH/id-token/tokens',
    headers: { 'X-Idp-Id': identity_provider },
    auth: { id_token: { id: identity.token }, scope: scopeOf(scope) },
  });
  if (!('code' in got) || (got.code !== 'unauthorized' && got.status !== 404)) return got;
  return {
    ...got,
    code: 'unauthorized',
    detail: `${got.detail}; ${atHuawei(got.detail, identity_provider, identity.claims)}`,
  };
};
