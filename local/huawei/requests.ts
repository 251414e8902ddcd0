import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

type RequestKind = 'log_in' | 'id_token' | 'mark' | 'messages' | 'unread' | 'other';

/** One request as it arrived, and what became of it; there from the moment its headers are read. */
export interface LoggedRequest {
  method: string;
  /** The request target as it was sent. */
  rawPath: string;
  /** As sent, tokens and all. */
  headers: IncomingHttpHeaders;
  /** Undefined until it has arrived whole. */
  body: string | undefined;
  kind: RequestKind;
  caseId: string | undefined;
  /** Undefined while unanswered, and for good where the connection broke instead. */
  status: number | undefined;
  requestId: string;
  /** This request cleared the case's unread state, whether or not the answer got through. */
  marked: boolean;
}

const routes: [RequestKind, RegExp][] = [
  ['log_in', /^POST \/v3\/auth\/tokens$/],
  ['id_token', /^POST \/v3\.0\/OS-AUTH\/id-token\/tokens$/],
  ['unread', /^GET \/v2\/servicerequest\/cases\/instant-messages\/unread$/],
  ['mark', /^POST \/v2\/servicerequest\/cases\/([^/]+)\/instant-messages\/unread$/],
  ['messages', /^GET \/v2\/servicerequest\/cases\/([^/]+)\/messages$/],
];

/** What a request asks for, by its method and undecoded path. */
const routeOf = (method: string, path: string): Pick<LoggedRequest, 'kind' | 'caseId'> => {
  for (const [kind, pattern] of routes) {
    const found = pattern.exec(`${method} ${path}`);
    const caseId = found?.[1] === undefined ? undefined : decoded(found[1]);
    // Servers resolve dot segments, encoded or not, before they look for the operation.
    if (found && !/^\.{0,2}$/.test(caseId ?? 'none')) return { kind, caseId };
  }
  return { kind: 'other', caseId: undefined };
};

/** Empty where the text is not percent-encoded UTF-8. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
};

export const entryFor = (request: IncomingMessage, requestId: string): LoggedRequest => {
  const { method = '', url: rawPath = '/', headers } = request;
  return {
    method,
    rawPath,
    headers,
    body: undefined,
    ...routeOf(method, rawPath.split('?', 1)[0] ?? ''),
    status: undefined,
    requestId,
    marked: false,
  };
};

/** What came with a request in JSON; undefined where it says that it is something else. */
export const jsonOf = ({ headers, body = '' }: LoggedRequest): string | undefined =>
  /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '') ? body : undefined;

export const queryOf = ({ rawPath }: LoggedRequest): URLSearchParams =>
  new URLSearchParams(rawPath.split(/\?(.*)/s)[1]);
