import * as z from 'zod';
import { parseJson } from '../../../lib/json.ts';
import { type Answer, json } from '../answer.ts';
import { account } from '../options.ts';
import { jsonOf, type LoggedRequest } from '../requests.ts';

/** By name, by id, or by both. */
const named = z
  .strictObject({ name: z.string().min(1).optional(), id: z.string().min(1).optional() })
  .refine(({ name, id }) => name !== undefined || id !== undefined);

const isNamed = (given: z.output<typeof named>, name: string, id: string): boolean =>
  (given.name ?? name) === name && (given.id ?? id) === id;

export const isAccount = (domain: z.output<typeof named>): boolean =>
  isNamed(domain, account.domain, account.domainId);

const scopeSchema = z
  .strictObject({ domain: named.optional(), project: named.optional() })
  .refine(({ domain, project }) => (domain === undefined) !== (project === undefined));

export const passwordSchema = z.strictObject({
  identity: z.strictObject({
    methods: z.tuple([z.literal('password')]),
    password: z.strictObject({
      user: z.strictObject({ domain: named, name: z.string().min(1), password: z.string().min(1) }),
    }),
  }),
  scope: scopeSchema.optional(),
});

export const idTokenSchema = z.strictObject({
  id_token: z.strictObject({ id: z.string().min(1) }),
  scope: scopeSchema.optional(),
});

/** What a log-in asks for, or the refusal of one that is not in the documented form. */
export const readLogIn = <Asked>(schema: z.ZodType<Asked>, request: LoggedRequest): Asked | Answer => {
  const parsed = z.strictObject({ auth: schema }).safeParse(parseJson(jsonOf(request) ?? ''));
  return parsed.success ? parsed.data.auth : iamError(400, 'The request body is invalid.');
};

export const scopeRefusal = (scope: z.output<typeof scopeSchema> | undefined): Answer | undefined => {
  const { domain, project } = scope ?? {};
  if (domain && !isAccount(domain)) {
    return iamError(403, 'You are not authorized to perform the requested action.');
  }
  if (project && !Object.entries(account.projects).some(([name, id]) => isNamed(project, name, id))) {
    return iamError(401, 'The project does not exist or the user has no access to it.');
  }
  return undefined;
};

const titles = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' };

export const iamError = (status: keyof typeof titles, message: string): Answer =>
  json(status, { error: { code: status, message, title: titles[status] } });
