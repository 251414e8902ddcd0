import aws4 from 'aws4';
import * as z from 'zod/mini';
import type { Config } from '../config.ts';
import { type Failure, failure } from '../failure.ts';
import type { CreateClient } from '../huawei/http.ts';

const text = z.string().check(z.minLength(1));
/** What goes into a header as it is. */
const headerText = z.string().check(z.regex(/^[\x21-\x7e]+$/));

const scope = z.union([
  z.object({ domain: z.union([text, z.object({ name: text }), z.object({ id: text })]) }),
  z.object({ project: z.union([text, z.object({ name: text }), z.object({ id: text })]) }),
]);

/** The three kinds of stored credentials, told apart by `type`. */
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
]);
export type Credentials = z.infer<typeof credentialsSchema>;
export type PasswordCredentials = Extract<Credentials, { type: 'password' }>;

/** The secret as it was read. `text` tells whether it has changed; it never leaves memory. */
export interface Stored {
  text: string;
  credentials: Credentials;
}

const secretsManagerAnswer = z.object({ SecretString: z.string() });
const parameterAnswer = z.object({ Parameter: z.object({ Value: z.string() }) });

type Source = Pick<Config, 'credentialsFrom' | 'aws' | 'requestTimeoutMs'> & { createClient: CreateClient };

/** Two small signed calls do not need an AWS SDK client, which would double the cold start. */
const callAws = async (
  { credentialsFrom: { store }, aws: { region, endpoints, keys }, requestTimeoutMs, createClient }: Source,
  target: string,
  body: object,
): Promise<unknown> => {
  if (!keys.accessKeyId || !keys.secretAccessKey) throw new Error('needs AWS keys in the environment');
  const service = store === 'ssm' ? 'ssm' : 'secretsmanager';
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const client = createClient(
    endpoints[service] ?? `https://${service}.${region}.${domain}`,
    requestTimeoutMs,
  );
  const request = {
    host: client.host,
    service,
    region,
    method: 'POST' as const,
    path: '/',
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': target },
    body: JSON.stringify(body),
  };
  const { headers } = aws4.sign(request, keys as aws4.Credentials);
  const answer = await client.send({ ...request, headers: headers as Record<string, string>, fresh: true });
  if ('broken' in answer) throw new Error(`could not be read: ${answer.broken.detail}`);
  if (answer.status === 200) return JSON.parse(answer.body);
  const named = /"__type"\s*:\s*"(?:[^"#]*#)?(\w+)"/.exec(answer.body)?.[1];
  throw new Error(`could not be read: ${service} answered ${named ?? answer.status}`);
};

const readText = async (source: Source): Promise<string> => {
  const { store, id } = source.credentialsFrom;
  switch (store) {
    case 'file': {
      // Loaded only by those who use it.
      const { readFile } = await import('node:fs/promises');
      return readFile(id, 'utf8').catch(cause => {
        throw new Error(`could not be read: ${cause.code}`, { cause });
      });
    }
    case 'secretsmanager': {
      const answer = await callAws(source, 'secretsmanager.GetSecretValue', { SecretId: id });
      return secretsManagerAnswer.parse(answer).SecretString;
    }
    case 'ssm': {
      const answer = await callAws(source, 'AmazonSSM.GetParameter', { Name: id, WithDecryption: true });
      return parameterAnswer.parse(answer).Parameter.Value;
    }
    default:
      return store satisfies never;
  }
};

const parse = (text: string): Credentials => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message would quote the secret.
    throw new Error('is not JSON');
  }
  const result = credentialsSchema.safeParse(json);
  if (result.success) return result.data;
  const fields = result.error.issues.map(issue => issue.path.join('.') || 'type');
  throw new Error(`has the wrong shape: look at ${[...new Set(fields)].join(', ')}`);
};

/**
 * Makes a function that reads the stored credentials anew at each call; who calls it keeps what it makes of
 * them. It gives the failure `unauthorized` where they are missing, unreadable, not JSON or of a wrong shape:
 * the detail says what and where, without a word of the content.
 */
export const createCredentials = (source: Source) => async (): Promise<Stored | Failure> => {
  try {
    const text = await readText(source);
    return { text, credentials: parse(text) };
  } catch (error) {
    const { store, id } = source.credentialsFrom;
    const reason = error instanceof Error && error.name === 'Error' ? error.message : 'holds no text';
    return failure('unauthorized', `the stored credentials ${store}:${id} cannot be used: it ${reason}`);
  }
};
