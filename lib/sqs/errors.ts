import { isObject } from '../json.ts';
import { createRedactor } from '../redact.ts';

/** What went wrong at SQS, or on the way there. */
export interface SqsError {
  /** The other side's own code (AccessDenied), or that of the failure on the way (ECONNREFUSED, TimeoutError). */
  code: string;
  /** What it says, free of secrets; names of roles, queues and keys stay. */
  message: string;
  /** It will be the same for every other message, until a person does something about it. */
  isLasting: boolean;
  /** Nobody knows whether the call was carried out. */
  mayHaveHappened: boolean;
}

/** What is wrong for every message, by code, and what a person should do about it. */
const LASTING: [codes: RegExp, words: (url: string, said: string) => string][] = [
  [
    /^(AWS\.SimpleQueueService\.NonExistentQueue|QueueDoesNotExist)$/,
    url => `there is no queue ${url}: check the URL, its region and its account, or name the stage`,
  ],
  [
    /^(InvalidAddress|InvalidQueueUrl|ERR_INVALID_URL|SyntaxError)$/,
    url =>
      `${url} does not answer as an SQS queue does: the URL should be https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`,
  ],
  [
    /^(AccessDenied|AccessDeniedException|AuthorizationError|KmsAccessDenied|KMS\.AccessDeniedException)$/,
    (url, said) =>
      `these AWS credentials may not do this with ${url} (${said}): use a profile or role that may (dead letters need sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility and GetQueueAttributes; the queue of receipts needs sqs:SendMessage)`,
  ],
  [
    /^(ExpiredToken|ExpiredTokenException|TokenRefreshRequired|RequestExpired)$/,
    () => 'the AWS credentials have expired: log in again (aws sso login, or new temporary keys)',
  ],
  [
    /^(InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidSecurity|InvalidSignatureException|IncompleteSignature|MissingAuthenticationToken)$/,
    () => 'AWS does not accept these credentials: check the profile (AWS_PROFILE) or the keys, and the clock',
  ],
  [
    /^(CredentialsProviderError|TokenProviderError|CredentialsError)$/,
    () => 'there are no AWS credentials: choose a profile (AWS_PROFILE), log in (aws sso login) or set keys',
  ],
  [
    /^RegionMissing$/,
    () => 'the AWS region is not known: set AWS_REGION, or use a queue URL that names its region',
  ],
  [/^ECONNREFUSED$/, url => `nothing answers at ${url}: connection refused. Check the host and the port`],
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    url => `the host of ${url} has no address: check the URL and this machine's network`,
  ],
  [
    /^(CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|ERR_TLS)/,
    url => `the certificate of ${url} is not trusted here: check the URL and NODE_EXTRA_CA_CERTS`,
  ],
];
const wordsFor = (code: string) => LASTING.find(([codes]) => codes.test(code))?.[1];

const { redact } = createRedactor();

const made = (code: unknown, message: unknown, mayHaveHappened: boolean): SqsError => ({
  code: redact(`${code}`),
  // Where a signature is wrong, AWS repeats what it was sent, the session's token too.
  message: redact(`${message}`),
  isLasting: wordsFor(`${code}`) !== undefined,
  mayHaveHappened,
});

/** SQS answered, and said nothing about this item. */
export const notNamed: SqsError = {
  code: 'NoAnswer',
  message: 'SQS did not name it in its answer',
  isLasting: false,
  mayHaveHappened: true,
};

/** Reads what the SDK threw, or an entry of the `Failed` list of an answer. */
export const sqsErrorOf = (thrown: unknown): SqsError => {
  const error = isObject(thrown) ? thrown : {};
  const { Code = 'Unknown', Message = '', name, message, code, errors, $metadata } = error;
  if (message === undefined) return made(Code, Message, false);
  const status = isObject($metadata) ? $metadata.httpStatusCode : undefined;
  // Only a 4xx says that it was not carried out; of another answer nobody knows.
  const isRefusal = Number(status) >= 400 && Number(status) < 500;
  if (status !== undefined) return made(name === 'Error' ? `Status${status}` : name, message, !isRefusal);
  // Where a name has several addresses, the reasons are inside.
  const inner: unknown = Array.isArray(errors) ? errors[0] : undefined;
  const first = isObject(inner) ? inner : {};
  const [system] = /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)\b/.exec(`${message}`) ?? [];
  const known = [code, first.code, system].find(each => typeof each === 'string');
  const deepest = known ?? (message === 'Region is missing' ? 'RegionMissing' : name);
  // What lasts and was not answered never left this machine.
  const left = wordsFor(`${deepest}`) === undefined;
  return made(deepest, message || first.message || deepest, left);
};

export const isSqsError = (value: object): value is SqsError => 'mayHaveHappened' in value;

/** In one line, for a log. */
export const lineOf = ({ code, message }: SqsError): string => (message ? `${code}: ${message}` : code);

/** For people: what is wrong, with which queue, and what to do. */
export const explain = (error: SqsError, queueUrl: string): string => {
  const words = wordsFor(error.code);
  if (words) return `${words(queueUrl, error.message)}.`;
  return `${queueUrl} ${error.mayHaveHappened ? 'gave no clear answer' : 'refused'}: ${lineOf(error)}.`;
};
