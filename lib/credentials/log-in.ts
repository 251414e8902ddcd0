import * as z from 'zod/mini';
import type { Config } from '../config.ts';
import { type Failure, failure } from '../failure.ts';
import type { CreateClient } from '../huawei/http.ts';
import { classifyLogIn } from '../huawei/outcome.ts';
import { parseJson } from '../json.ts';
import type { Redactor } from '../redact.ts';
import type { CredentialsOf, Scope } from './secret-store.ts';

/** A token and when it ends, in milliseconds epoch; without an end it lives until a 401. */
export interface Token {
  token: string;
  expiresAt: number;
}

const named = (value: string | { name: string } | { id: string }) =>
  typeof value === 'string' ? { name: value } : value;

/** What IAM is asked for: `identity` as the kind of log-in spells it. */
interface LogInRequest {
  kind: 'password' | 'oidc';
  path: string;
  headers?: Record<string, string>;
  identity: object;
  scope: Scope;
}

export const passwordLogIn = ({
  domain,
  user,
  password,
  scope,
}: CredentialsOf<'password'>): LogInRequest => ({
  kind: 'password',
  path: '/v3/auth/tokens?nocatalog=true',
  identity: {
    identity: {
      methods: ['password'],
      password: { user: { domain: { name: domain }, name: user, password } },
    },
  },
  scope: scope ?? { domain },
});

const answerSchema = z.object({ token: z.object({ expires_at: z.iso.datetime() }) });

/** A token that seems to have ended already tells of two clocks that differ: only a 401 will tell. */
const expiryOf = (body: string): number => {
  const answer = answerSchema.safeParse(parseJson(body));
  const time = answer.success ? Date.parse(answer.data.token.expires_at) : 0;
  return time > Date.now() ? time : Number.POSITIVE_INFINITY;
};

/**
 * Logs in at IAM, over a connection of its own: log-ins are hours apart.
 *
 * @returns a function that gives the token from the header X-Subject-Token; or the failure, `unauthorized`
 * where IAM refused. It never throws
 * @see https://support.huaweicloud.com/intl/en-us/api-iam/iam_30_0001.html
 */
export const createLogIn = (
  { iamEndpoint, requestTimeoutMs }: Pick<Config, 'iamEndpoint' | 'requestTimeoutMs'>,
  createClient: CreateClient,
  { redact }: Redactor,
) => {
  const client = iamEndpoint && createClient(iamEndpoint, requestTimeoutMs);

  return async ({ kind, path, headers, identity, scope }: LogInRequest): Promise<Token | Failure> => {
    if (!client) return failure('misconfigured', `${kind} credentials need the variable IAM_ENDPOINT`);
    const answer = await client.send({
      method: 'POST',
      path,
      headers: { 'Content-Type': 'application/json;charset=utf8', ...headers },
      body: JSON.stringify({
        auth: {
          ...identity,
          scope: 'project' in scope ? { project: named(scope.project) } : { domain: named(scope.domain) },
        },
      }),
      fresh: true,
    });
    // Without a signal nothing cuts a log-in, so it is a failure.
    if ('broken' in answer) return answer.broken as Failure;
    if (answer.status !== 201) return classifyLogIn(answer, redact);
    const token = answer.headers['x-subject-token'];
    if (typeof token === 'string' && token) return { token, expiresAt: expiryOf(answer.body) };
    return failure('unavailable', 'IAM answered 201 without a token in X-Subject-Token');
  };
};

export type LogIn = ReturnType<typeof createLogIn>;
