// Only types come from elsewhere: what other log-ins load as well would be split off from the function's bundle.
import type { Failure, FailureCode } from '../failure.ts';
import type { Redactor } from '../redact.ts';
import type { AwsCall } from './aws-call.ts';
import type { LogIn, Token } from './log-in.ts';
import type { CredentialsOf } from './secret-store.ts';

/** What the signed token says of us; its words are no secret, the token is. */
type Claims = Record<'sub' | 'aud' | 'iss' | 'kid', string>;

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
  if (/^AccessDenied/.test(code))
    return `at AWS, allow the role sts:GetWebIdentityToken for this audience: deploy with --param="webIdentityAudience=${audience}"`;
  return 'at AWS, look at the region, its STS endpoint and the AWS keys';
};

const codeOf = (status: number, name: string): FailureCode => {
  if (status === 429 || name === 'Throttling') return 'rate_limited';
  return status >= 400 && status < 500 ? 'unauthorized' : 'unavailable';
};

/** Undefined where one is missing, or the token cannot be read. */
const claimsOf = (token: string): Claims | undefined => {
  try {
    const parts = token.split('.', 2).map(part => Buffer.from(part, 'base64url').toString());
    const [head, body] = parts.map(part => JSON.parse(part));
    const claims = { sub: body.sub, aud: `${body.aud ?? ''}`, iss: body.iss, kid: head.kid };
    return Object.values(claims).every(each => typeof each === 'string' && each) ? claims : undefined;
  } catch {
    return undefined;
  }
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
  // Without a signal nothing cuts it, so it is a failure.
  if ('broken' in answer) return { ...(answer.broken as Failure), detail: `STS: ${answer.broken.detail}` };
  const { status, body } = answer;
  if (status === 200) {
    const token = TOKEN.exec(body)?.[1];
    redactor.learn(token);
    const claims = token && claimsOf(token);
    if (claims) return { token, claims };
    return { code: 'unavailable', detail: 'STS answered 200 without a token that can be read', status };
  }
  const [name = '', message = ''] = [/<Code>([^<]*)</, /<Message>([^<]*)</].map(
    field => field.exec(body)?.[1],
  );
  const said = redactor.redact(`${name} ${message}`.trim()).slice(0, MOST_CHARACTERS) || 'no reason';
  const detail = `STS answered ${status}: ${said}; ${atAws(name, audience)}`;
  return { code: codeOf(status, name), detail, status };
};

/** What IAM's words point at; the words themselves are not documented. */
const atHuawei = (said: string, provider: string, { iss, aud, kid, sub }: Claims): string => {
  const hints: [RegExp, string][] = [
    [/sign|jwk|kid|\bkeys?\b/i, `paste the keys of ${iss} again: AWS signed with ${kid}`],
    [/aud|client/i, `the client id must be ${aud}`],
    [
      /provider|idp|issuer|"iss"/i,
      `there must be an OIDC identity provider ${provider} with the issuer ${iss}`,
    ],
    [
      /group|mapping|rule|user/i,
      `a conversion rule must turn the sub ${sub} into a user group that may act on tickets`,
    ],
    [
      /scope|domain|project|not authorized/i,
      "the secret's scope must be the account, or a project that the group may use",
    ],
    [/\bexp\b|expired|clock/i, 'the clocks must agree'],
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
  const got = await logIn({
    kind: 'oidc',
    path: '/v3.0/OS-AUTH/id-token/tokens',
    headers: { 'X-Idp-Id': identity_provider },
    identity: { id_token: { id: identity.token } },
    scope,
  });
  // IAM answers 404 where it knows no such identity provider.
  if (!('code' in got) || (got.code !== 'unauthorized' && got.status !== 404)) return got;
  const detail = `${got.detail}; ${atHuawei(got.detail, identity_provider, identity.claims)}`;
  return { ...got, code: 'unauthorized', detail };
};
