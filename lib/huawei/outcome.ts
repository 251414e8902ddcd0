import type { Failure, FailureCode, Outcome } from '../failure.ts';
import { isObject, parseJson } from '../json.ts';

/** An HTTP answer. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** The body was longer than the call's cap: `body` is only its beginning. */
  isCut?: true;
}

// Huawei's appendix of error codes; most arrive with status 200.
const osmCodes = new Map<string, FailureCode>([
  ['OSM.01010001', 'rejected'], // parameter validation failed
  ['OSM.01010010', 'rejected'], // verification not passed
  ['OSM.01010015', 'rejected'], // this case does not exist
  ['OSM.01010062', 'rejected'], // workflow node does not exist
  ['OSM.0001', 'rejected'], // parameters
  ['OSM.01010002', 'forbidden'], // no operation permission, often a missing group_id
  ['OSM.0003', 'forbidden'], // illegal operation
  ['OSM.01010011', 'unauthorized'], // no customer in the token: wrong identity, scope or site
  ['OSM.0002', 'unauthorized'], // token expired
  ['OSM.01010014', 'unavailable'], // internal exception
  ['OSM.0004', 'unavailable'], // internal error
]);

const isOsm = (errorCode: string | undefined): boolean => errorCode?.startsWith('OSM.') ?? false;

/** The gateway, a proxy or a firewall refuses us, not this receipt: quota, arrears, headers, law. */
const refusesUs = new Set([402, 407, 421, 431, 451, 494]);
/** Refusals of another kind: too slow, or too early. */
const refusesNow = new Set([408, 425]);

/**
 * What an answer to "Marking a Message as Read" means. In front of OSM stands a gateway whose codes say
 * little, so trouble is read from the status first; OSM's own codes decide among 200 and the other 4xx.
 */
const codeOf = (status: number, body: unknown, errorCode: string | undefined): FailureCode | 'marked' => {
  if (status === 200) {
    if (!isObject(body)) return 'unavailable';
    return errorCode ? (osmCodes.get(errorCode) ?? 'failed') : 'marked';
  }
  if (status < 400 || status >= 500 || refusesNow.has(status)) return 'unavailable';
  if (status === 401) return 'unauthorized';
  if (status === 429) return 'rate_limited';
  if (refusesUs.has(status)) return 'misconfigured';
  const known = errorCode && osmCodes.get(errorCode);
  if (known) return known;
  if (status === 403) return isOsm(errorCode) ? 'forbidden' : 'misconfigured';
  if (status === 404 || status === 405) return isOsm(errorCode) ? 'rejected' : 'misconfigured';
  // OSM and its gateway speak JSON: what does not has not looked at the receipt.
  return isObject(body) ? 'rejected' : 'misconfigured';
};

/**
 * What an answer to a log-in means, unless it is the 201 that brings a token: the same, but that IAM refuses
 * with 400, 401 and 403, and that nothing of it is at a receipt's fault.
 */
const logInCodeOf = (status: number, body: unknown): FailureCode => {
  if (status === 400 || status === 401 || status === 403)
    return isObject(body) ? 'unauthorized' : 'misconfigured';
  const code = codeOf(status, undefined, undefined);
  return code === 'marked' ? 'unavailable' : code;
};

const RETRY_AFTER_MOST_SECONDS = 3600;

/** `Date.parse` takes much that is no HTTP date: "+3600" is a year to it, and so is the end of "until 2050". */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/;

/** Seconds or an HTTP date; a malformed Retry-After loses only its timing. */
const retryAfterSeconds = (header: unknown, now: number): number | undefined => {
  if (typeof header !== 'string') return undefined;
  const until = HTTP_DATE.test(header) ? Date.parse(header) : Number.NaN;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (until - now) / 1000;
  return seconds > 0 ? Math.min(Math.ceil(seconds), RETRY_AFTER_MOST_SECONDS) : undefined;
};

const DETAIL_MOST_CHARACTERS = 500;

/** What is no text may hold our secrets too: in its texts, and in its names. */
const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value);
  } catch {
    return '(nested too deep to be shown)';
  }
};

/** Reads softly what an error body may hold: {error_code, error_msg}, IAM's {error: {…}}, or neither. */
const read = ({ headers, body: text }: Answer, redact: (text: string) => string) => {
  const body = parseJson(text);
  const fields = isObject(body) ? body : {};
  const inner = isObject(fields.error) ? fields.error : {};
  const clean = (value: unknown, most: number): string | undefined => {
    if (value === undefined || value === null || value === '') return undefined;
    const text = redact(textOf(value));
    return text.length > most ? `${text.slice(0, most)}…` : text;
  };
  return {
    body,
    error_code: clean(fields.error_code, 100),
    message: clean(fields.error_msg ?? inner.message, DETAIL_MOST_CHARACTERS),
    request_id: clean(fields.request_id ?? headers['x-request-id'], 100),
  };
};

const SKEW_LEAST_SECONDS = 60;
/** Signatures and tokens live by the clock: a refusal is read beside the difference of the two clocks. */
const skewOf = ({ status, headers: { date } }: Answer): string => {
  const seconds = Math.round((Date.now() - Date.parse(String(date))) / 1000);
  if (status !== 401 || !(Math.abs(seconds) >= SKEW_LEAST_SECONDS)) return '';
  return `; our clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} theirs`;
};

const failureBy = (
  who: 'OSM' | 'IAM',
  code: FailureCode,
  answer: Answer,
  { body, error_code, message, request_id }: ReturnType<typeof read>,
): Failure => {
  const reason = [error_code, message].filter(Boolean).join(' ');
  const retryAfter = retryAfterSeconds(answer.headers['retry-after'], Date.now());
  return {
    code,
    detail: `${who} answered ${answer.status}: ${reason || (isObject(body) ? 'no reason' : 'not a JSON object')}${skewOf(answer)}`,
    status: answer.status,
    ...(error_code && { error_code }),
    ...(request_id && { request_id }),
    ...(retryAfter && { retryAfterSeconds: retryAfter }),
  };
};

/**
 * Turns an answer of OSM into an outcome.
 *
 * @param redact takes our secrets out of what Huawei wrote, should it repeat them
 */
export const classify = (answer: Answer, redact: (text: string) => string): Outcome => {
  const said = read(answer, redact);
  const code = codeOf(answer.status, said.body, said.error_code);
  if (code !== 'marked') return failureBy('OSM', code, answer, said);
  return { code, status: answer.status, ...(said.request_id && { request_id: said.request_id }) };
};

/** Turns an answer of IAM that brought no token into the failure of every mark that waited for it. */
export const classifyLogIn = (answer: Answer, redact: (text: string) => string): Failure => {
  const said = read(answer, redact);
  return failureBy('IAM', logInCodeOf(answer.status, said.body), answer, said);
};
