import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import * as z from 'zod';
import { parseJson } from '../../../lib/json.ts';
import type { Answer } from '../answer.ts';
import type { Account, Clock, IdentityProvider, Settings } from '../options.ts';
import { isJson, type LoggedRequest } from '../requests.ts';
import { iamError, type Scope, scopeRefusal, scopeSchema } from './log-in.ts';

const logInSchema = z.strictObject({
  auth: z.strictObject({
    id_token: z.strictObject({ id: z.string().min(1) }),
    scope: scopeSchema.optional(),
  }),
});

interface Federated {
  account: Account;
  scope: Scope | undefined;
  provider: string;
  /** The user that the identity becomes, and the groups that its rules give it. */
  name: string;
  groups: string[];
}

/**
 * Identity providers of the kind OpenID Connect: whose tokens IAM takes for its own.
 *
 * @see https://support.huaweicloud.com/intl/en-us/api-iam/iam_13_0605.html
 */
export function createFederation(settings: Pick<Settings, 'accounts' | 'identityProviders'>, clock: Clock) {
  const providers = structuredClone(settings.identityProviders);

  async function subjectOf(token: string, provider: IdentityProvider): Promise<string | Answer> {
    const keys = createLocalJWKSet(parseJson(provider.keys) as JSONWebKeySet);
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: provider.issuer,
        audience: provider.audience,
        algorithms: ['RS256'],
        currentDate: new Date(clock.now()),
        requiredClaims: ['sub', 'exp'],
      });
      return payload.sub ?? '';
    } catch (error) {
      if (error instanceof errors.JOSEError)
        return iamError(401, `The ID token is invalid: ${error.message}`);
      throw error;
    }
  }

  return {
    /** Reads `POST /v3.0/OS-AUTH/id-token/tokens`: whom it speaks for, or its refusal. */
    async logIn(entry: LoggedRequest): Promise<Federated | Answer> {
      const parsed = logInSchema.safeParse(parseJson(entry.body ?? ''));
      if (!isJson(entry) || !parsed.success) return iamError(400, 'The request body is invalid.');
      const { id_token, scope } = parsed.data.auth;
      const id = entry.headers['x-idp-id']?.toString();
      if (!id) return iamError(400, 'X-Idp-Id is missing.');
      const provider = Object.hasOwn(providers, id) ? providers[id] : undefined;
      const account = settings.accounts.find(({ domain }) => domain === provider?.domain);
      if (!provider || !account) return iamError(404, `Could not find identity provider: ${id}.`);

      const subject = await subjectOf(id_token.id, provider);
      if (typeof subject !== 'string') return subject;
      const rules = provider.rules.filter(({ sub }) => sub === subject);
      if (rules.length === 0) return iamError(403, 'No conversion rule maps the identity to a user group.');
      return (
        scopeRefusal(account, scope) ?? {
          account,
          scope,
          provider: id,
          name: 'FederationUser',
          groups: rules.map(({ group }) => group),
        }
      );
    },

    controls: {
      /** Changes an identity provider, as an administrator does: pastes another key set, say. */
      setProvider(id: string, changed: Partial<IdentityProvider>): void {
        const provider = providers[id];
        if (provider === undefined) throw new Error(`No identity provider is called ${id} here.`);
        Object.assign(provider, changed);
      },
    },
  };
}
