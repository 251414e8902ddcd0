import * as z from 'zod';
import { parseJson } from '../../../lib/json.ts';
import { type Answer, json } from '../answer.ts';
import type { Account } from '../options.ts';
import { isJson, type LoggedRequest } from '../requests.ts';

const byNameOrId = z
  .strictObject({ name: z.string().min(1).optional(), id: z.string().min(1).optional() })
  .refine(given => given.name !== undefined || given.id !== undefined);

export const scopeSchema = z
  .strictObject({ domain: byNameOrId.optional(), project: byNameOrId.optional() })
  .refine(given => (given.domain === undefined) !== (given.project === undefined));

const logInSchema = z.strictObject({
  auth: z.strictObject({
    identity: z.strictObject({
      methods: z.tuple([z.literal('password')]),
      password: z.strictObject({
        user: z.strictObject({ domain: byNameOrId, name: z.string().min(1), password: z.string().min(1) }),
      }),
    }),
    scope: scopeSchema.optional(),
  }),
});

export type Scope = z.output<typeof scopeSchema>;

/** What a log-in asks for, or the refusal of one that is not in the documented form. */
export function readLogIn(entry: LoggedRequest) {
  if (!isJson(entry)) {
    return iamError(400, 'Expecting to find application/json in Content-Type header.');
  }
  const parsed = logInSchema.safeParse(parseJson(entry.body ?? ''));
  if (!parsed.success) return iamError(400, 'The request body is invalid.');
  const { identity, scope } = parsed.data.auth;
  return { user: identity.password.user, scope };
}

export function iamError(status: 400 | 401 | 403 | 404 | 405, message: string): Answer {
  const titles = {
    400: 'Bad Request',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'Not Found',
    405: 'Method Not Allowed',
  };
  return json(status, { error: { code: status, message, title: titles[status] } });
}

export function scopeRefusal(account: Account, scope: Scope | undefined): Answer | undefined {
  if (scope?.domain && !isNamed(scope.domain, account.domain, domainIdOf(account))) {
    return iamError(403, 'You are not authorized to perform the requested action.');
  }
  const project = scope?.project;
  if (project && !Object.entries(account.projects).some(([name, id]) => isNamed(project, name, id))) {
    return iamError(401, 'The project does not exist or the user has no access to it.');
  }
  return undefined;
}

export function domainIdOf(account: Account): string {
  return account.domainId ?? `id-of-${account.domain}`;
}

export function isNamed(
  given: { name?: string | undefined; id?: string | undefined },
  name: string,
  id: string,
): boolean {
  if (given.name === undefined && given.id === undefined) return false;
  return (given.name ?? name) === name && (given.id ?? id) === id;
}
