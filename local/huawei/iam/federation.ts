import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { parseJson } from '../../../lib/json.ts';
import type { Answer } from '../answer.ts';
import type { Clock, IdentityProvider } from '../options.ts';
import type { LoggedRequest } from '../requests.ts';
import { iamError, idTokenSchema, readLogIn, scopeRefusal } from './log-in.ts';

/**
 * Identity providers of the kind OpenID Connect: whose tokens IAM takes for its own.
 *
 * @see https://support.huaweicloud.com/intl/en-us/api-iam/iam_13_0605.html
 */
export const createFederation = (given: Record<string, IdentityProvider>, clock: Clock) => {
  const providers = structuredClone(given);

  return {
    /** Why `POST /v3.0/OS-AUTH/id-token/tokens` gets no token; undefined where it does. */
    async refusalOf(request: LoggedRequest): Promise<Answer | undefined> {
      const asked = readLogIn(idTokenSchema, request);
      if ('status' in asked) return asked;
      const id = request.headers['x-idp-id']?.toString() ?? '';
      const provider = Object.hasOwn(providers, id) ? providers[id] : undefined;
      if (!provider) return iamError(404, `Could not find identity provider: ${id}.`);
      const keys = createLocalJWKSet(parseJson(provider.keys) as JSONWebKeySet);
      try {
        const { payload } = await jwtVerify(asked.id_token.id, keys, {
          issuer: provider.issuer,
          audience: provider.audience,
          algorithms: ['RS256'],
          currentDate: new Date(clock.now()),
          requiredClaims: ['sub', 'exp'],
        });
        if (provider.rules.some(({ sub }) => sub === payload.sub)) return scopeRefusal(asked.scope);
        return iamError(403, 'No conversion rule maps the identity to a user group.');
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
        return iamError(401, `The ID token is invalid: ${error.message}`);
      }
    },

    /** Changes an identity provider, as an administrator does: pastes another key set, say. */
    setProvider(id: string, changed: Partial<IdentityProvider>): void {
      Object.assign(providers[id] ?? {}, changed);
    },
  };
};
