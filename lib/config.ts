import * as z from 'zod/mini';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const REFUSALS_IN = /^ssm:.+$/;
const CREDENTIALS_FROM = /^(?<store>secretsmanager|ssm|file):(?<id>.+)$/;

/** An origin that is safe to send secrets to. */
export const isEndpoint = (text: string): boolean => {
  const url = URL.parse(text);
  if (url?.pathname !== '/' || url.search || url.hash || url.username || url.password) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
};

const text = (rule: string, holds: (value: string) => boolean) =>
  z.custom<string>(value => typeof value === 'string' && holds(value), rule);

const integer = (least: number, most: number, unit: string) => {
  const rule = `must be a whole number of ${unit} from ${least} to ${most}`;
  return z.pipe(
    text(rule, value => /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most),
    z.transform(Number),
  );
};

const endpoint = text('must be https://HOST, without a path (plain http:// only to loopback)', isEndpoint);
const queueUrl = text('must be the URL of an SQS queue, https://sqs.…', value => URL.canParse(value));
const header = text('must be 1 to 32 visible ASCII characters', value => /^[\x21-\x7e]{1,32}$/.test(value));

/** Where the stored credentials are: a Secrets Manager id or ARN, a parameter's name, or a file's path. */
const credentialsFrom = z.pipe(
  z.transform((from: unknown) => CREDENTIALS_FROM.exec(String(from))?.groups),
  z.object(
    { store: z.enum(['secretsmanager', 'ssm', 'file']), id: z.string() },
    'must be secretsmanager:ID, ssm:NAME or file:PATH',
  ),
);

const queueVariables = { QUEUE_URL: queueUrl, DEAD_LETTER_QUEUE_URL: queueUrl };
const relayVariables = {
  ...queueVariables,
  OSM_ENDPOINT: endpoint,
  IAM_ENDPOINT: z.optional(endpoint),
  CREDENTIALS_FROM: credentialsFrom,
  OSM_LANGUAGE: z.optional(header),
  OSM_TIME_ZONE: z.optional(header),
  OSM_SITE: z.optional(text('must be 0 (China) or 1 (International)', value => /^[01]$/.test(value))),
  MAX_IN_FLIGHT: z._default(integer(1, 1000, 'requests'), 50),
  MAX_REQUESTS_PER_SECOND: z._default(integer(1, 100_000, 'requests'), 80),
  REQUEST_TIMEOUT_MS: z._default(integer(100, 60_000, 'milliseconds'), 5000),
  LATE_RECEIPTS: z._default(z.enum(['check', 'shadow', 'mark'], 'must be check, shadow or mark'), 'check'),
  LATE_AFTER_SECONDS: z._default(integer(0, 86_400, 'seconds'), 60),
  REFUSALS_IN: z.optional(text('must be ssm:NAME', value => REFUSALS_IN.test(value))),
  QUEUE_RETENTION_SECONDS: z._default(integer(3600, 1_209_600, 'seconds'), 604_800),
  MAX_ATTEMPTS: z._default(integer(1, 100, 'receives'), 8),
  MAX_AGE_SECONDS: z._default(integer(1, 864_000, 'seconds'), 86_400),
};

const read = <S extends z.core.$ZodShape>(variables: S, env: NodeJS.ProcessEnv) => {
  // An empty variable is an unset one: a deployment tool cannot always leave a variable out.
  const set = Object.entries(env).filter(([, value]) => value !== '');
  const result = z.safeParse(z.object(variables), Object.fromEntries(set));
  const wrong = (result.error?.issues ?? []).map(issue => {
    const name = String(issue.path[0]);
    return `${name} ${issue.message} (it is ${env[name] ? 'set to something else' : 'not set'})`;
  });
  if (env.QUEUE_URL && env.QUEUE_URL === env.DEAD_LETTER_QUEUE_URL)
    wrong.push('QUEUE_URL and DEAD_LETTER_QUEUE_URL name the same queue: each needs one of its own');
  if (result.success && wrong.length === 0) return result.data;
  throw new Error(`The configuration is wrong. Set these environment variables: ${wrong.join('; ')}.`);
};

/**
 * The two queue URLs, all that replay and the command line need.
 *
 * @throws Error that names every bad variable and what it should be
 */
export const loadQueues = (env = process.env) => {
  const set = read(queueVariables, env);
  return { queueUrl: set.QUEUE_URL, deadLetterQueueUrl: set.DEAD_LETTER_QUEUE_URL };
};

/** Where a stage is looked for, by the rule of serverless.yml. */
export const loadRegion = (env: NodeJS.ProcessEnv = process.env) =>
  env.AWS_REGION || env.AWS_DEFAULT_REGION || 'ap-southeast-1';

/**
 * Everything mark-as-read needs, checked once at cold start.
 *
 * @throws Error that names every bad variable and what it should be
 */
export const loadConfig = (env = process.env) => {
  const set = read(relayVariables, env);
  return {
    queueUrl: set.QUEUE_URL,
    deadLetterQueueUrl: set.DEAD_LETTER_QUEUE_URL,
    osmEndpoint: set.OSM_ENDPOINT,
    iamEndpoint: set.IAM_ENDPOINT,
    credentialsFrom: set.CREDENTIALS_FROM,
    headers: {
      ...(set.OSM_LANGUAGE && { 'X-Language': set.OSM_LANGUAGE }),
      ...(set.OSM_TIME_ZONE && { 'X-Time-Zone': set.OSM_TIME_ZONE }),
      ...(set.OSM_SITE && { 'X-Site': set.OSM_SITE }),
    },
    maxInFlight: set.MAX_IN_FLIGHT,
    maxRequestsPerSecond: set.MAX_REQUESTS_PER_SECOND,
    requestTimeoutMs: set.REQUEST_TIMEOUT_MS,
    lateReceipts: set.LATE_RECEIPTS,
    lateAfterSeconds: set.LATE_AFTER_SECONDS,
    /** Name of the parameter that remembers a refused log-in for all instances. */
    refusalsIn: set.REFUSALS_IN?.slice('ssm:'.length),
    queueRetentionSeconds: set.QUEUE_RETENTION_SECONDS,
    maxAttempts: set.MAX_ATTEMPTS,
    maxAgeSeconds: set.MAX_AGE_SECONDS,
    aws: {
      region: loadRegion(env),
      endpoints: {
        secretsmanager: env.AWS_ENDPOINT_URL_SECRETS_MANAGER || env.AWS_ENDPOINT_URL,
        ssm: env.AWS_ENDPOINT_URL_SSM || env.AWS_ENDPOINT_URL,
        sts: env.AWS_ENDPOINT_URL_STS || env.AWS_ENDPOINT_URL,
      },
      keys: {
        accessKeyId: env.AWS_ACCESS_KEY_ID,
        secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
        sessionToken: env.AWS_SESSION_TOKEN,
      },
    },
  };
};

export type Config = ReturnType<typeof loadConfig>;
