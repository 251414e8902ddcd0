import * as z from 'zod/mini';
import type { Config } from '../config.ts';
import { type Failure, failure } from '../failure.ts';
import { parseJson } from '../json.ts';
import { type AwsCall, callJson } from './aws-call.ts';

const text = z.string().check(z.minLength(1));
/** What goes into a header as it is. */
const headerText = z.string().check(z.regex(/^[\x21-\x7e]+$/));

const nameOrId = z.union([text, z.object({ name: text }), z.object({ id: text })]);
const scope = z.union([z.object({ domain: nameOrId }), z.object({ project: nameOrId })]);
export type Scope = z.infer<typeof scope>;

/** The four kinds of stored credentials, told apart by `type`. */
const credentialsSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('password'),
    domain: text,
    user: text,
    password: text,
    scope: z.optional(scope),
  }),
  z.object({
    type: z.literal('token'),
    token: headerText,
    expires_at: z.nullish(z.iso.datetime({ offset: true })),
  }),
  z.object({
    type: z.literal('aksk'),
    access_key: headerText,
    secret_key: text,
    security_token: z.nullish(headerText),
    domain_id: z.nullish(headerText),
  }),
  z.object({
    type: z.literal('oidc'),
    identity_provider: headerText,
    audience: text,
    // An unscoped token cannot call OSM, and there is no user whose domain would be the default.
    scope,
  }),
]);
export type Credentials = z.infer<typeof credentialsSchema>;
export type CredentialsOf<T extends Credentials['type']> = Extract<Credentials, { type: T }>;

/** The credentials as they were read. */
export interface Stored {
  /** The store's own name for what it holds now: VersionId, the parameter's Version, the file's time. */
  version: string;
  credentials: Credentials;
}

// A store that names no version has one only.
const secretAnswer = z.object({ SecretString: z.string(), VersionId: z._default(z.string(), 'unknown') });
const parameterAnswer = z.object({
  Parameter: z.object({ Value: z.string(), Version: z._default(z.number(), 0) }),
});

type Read = { version: string; text: string } | { problem: string };

const readFile = async (path: string): Promise<Read> => {
  // Loaded only by those who use it.
  const { readFile, stat } = await import('node:fs/promises');
  try {
    // The time first: what is written between the two is read again, not taken for known.
    const version = String((await stat(path)).mtimeMs);
    return { version, text: await readFile(path, 'utf8') };
  } catch (error) {
    return { problem: `could not be read: ${(error as NodeJS.ErrnoException).code}` };
  }
};

const readFrom = async ({ store, id }: Config['credentialsFrom'], call: AwsCall): Promise<Read> => {
  if (store === 'file') return readFile(id);
  const [target, body] =
    store === 'ssm'
      ? ['AmazonSSM.GetParameter', { Name: id, WithDecryption: true }]
      : ['secretsmanager.GetSecretValue', { SecretId: id }];
  const said = await callJson(call, store, { target, body });
  if ('problem' in said) return { problem: `could not be read: ${said.problem}` };
  const secret = secretAnswer.safeParse(said.json).data;
  if (secret) return { version: secret.VersionId, text: secret.SecretString };
  const parameter = parameterAnswer.safeParse(said.json).data?.Parameter;
  if (parameter) return { version: String(parameter.Version), text: parameter.Value };
  return { problem: 'holds no text' };
};

/** Not a word of the content, where it is wrong: neither the parser's message nor a value. */
const parse = (read: Read): Stored | { problem: string } => {
  if ('problem' in read) return read;
  const json = parseJson(read.text);
  if (json === undefined) return { problem: 'is not JSON' };
  const { data, error } = credentialsSchema.safeParse(json);
  if (data) return { version: read.version, credentials: data };
  const fields = new Set(error.issues.map(issue => issue.path.join('.') || 'type'));
  return { problem: `has the wrong shape: look at ${[...fields].join(', ')}` };
};

/**
 * Makes a function that reads the stored credentials anew at each call; who calls it keeps what it makes of
 * them. It gives the failure `unauthorized` where they are missing, unreadable, not JSON or of a wrong shape:
 * the detail says what and where, without a word of the content. It never throws.
 */
export const createSecretStore =
  ({ credentialsFrom }: Pick<Config, 'credentialsFrom'>, call: AwsCall) =>
  async (): Promise<Stored | Failure> => {
    const stored = parse(await readFrom(credentialsFrom, call));
    if (!('problem' in stored)) return stored;
    const { store, id } = credentialsFrom;
    return failure(
      'unauthorized',
      `the stored credentials ${store}:${id} cannot be used: it ${stored.problem}`,
    );
  };
