import { createRedactor } from '../redact.ts';

const { redact } = createRedactor();

/** Trouble of which SQS says nothing about the single message: no other would fare better. */
const LASTING: [RegExp, (queueUrl: string) => string][] = [
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
    url =>
      `these AWS credentials may not do this with ${url}: use a profile or role that may (dead letters need sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility and GetQueueAttributes; the queue of receipts needs sqs:SendMessage)`,
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

/** The request surely had no effect: it never left, or it was answered. */
const NEVER_LEFT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|CredentialsProviderError|TokenProviderError|RegionMissing)$/;
/** A call of which nobody knows whether SQS has carried it out. */
const UNANSWERED = 'NoAnswer';

interface SdkError extends Error {
  code?: string;
  errors?: SdkError[];
  $metadata?: { httpStatusCode?: number };
}

/**
 * One line for what went wrong with a whole call, `Code: what the other side said`. The code is `NoAnswer` where
 * the call may have been carried out all the same.
 */
export const describeError = (error: unknown): string => {
  if (!(error instanceof Error)) return `Unknown: ${error}`;
  // Where a name has several addresses, the reasons are inside.
  const { name, message, code, errors, $metadata } = error as SdkError;
  const system = code ?? errors?.[0]?.code ?? /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)\b/.exec(message)?.[0];
  const deepest = system ?? (message === 'Region is missing' ? 'RegionMissing' : name);
  const answered = $metadata?.httpStatusCode !== undefined;
  // Where a signature is wrong, AWS repeats what it was sent, the session's token too.
  const said = redact(message || errors?.[0]?.message || deepest);
  if (answered) return `${name === 'Error' ? `Status${$metadata?.httpStatusCode}` : name}: ${said}`;
  return NEVER_LEFT.test(deepest) || isLasting(`${deepest}:`)
    ? `${deepest}: ${said}`
    : `${UNANSWERED}: ${deepest}, ${said}`;
};

const codeOf = (line: string): string => line.split(':', 1)[0] ?? '';

/** Nobody knows whether what the line tells of was carried out. */
export const isUnanswered = (line: string): boolean => codeOf(line) === UNANSWERED;

/** It will be the same for every other message, until a person does something about it. */
export const isLasting = (line: string): boolean => LASTING.some(([pattern]) => pattern.test(codeOf(line)));

/** The same for people: what is wrong, with which queue, and what to do. */
export const explain = (line: string, queueUrl: string): string => {
  const known = LASTING.find(([pattern]) => pattern.test(codeOf(line)));
  if (known) return `${known[1](queueUrl)}.`;
  if (isUnanswered(line)) return `${queueUrl} gave no answer: ${line.slice(UNANSWERED.length + 2)}.`;
  return `${queueUrl} refused: ${line}.`;
};
