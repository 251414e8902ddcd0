import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

type RequestKind = 'log_in' | 'id_token' | 'mark' | 'messages' | 'unread' | 'other';

/** One request as it arrived, and what became of it; there from the moment its headers are read. */
export interface LoggedRequest {
  /** Milliseconds since the epoch by the machine's clock, with fractions. */
  at: number;
  method: string;
  /** Percent-decoded where possible, without the query. */
  path: string;
  /** The request target as it was sent. */
  rawPath: string;
  query: string;
  /** As sent, tokens and all. */
  headers: IncomingHttpHeaders;
  /** Undefined until it has arrived whole. */
  body: string | undefined;
  kind: RequestKind;
  caseId: string | undefined;
  groupId: string | undefined;
  language: string | undefined;
  timeZone: string | undefined;
  site: string | undefined;
  /** Undefined while unanswered, and for good where the connection broke instead. */
  status: number | undefined;
  errorCode: string | undefined;
  requestId: string;
  /** This request cleared the case's unread state, whether or not the answer got through. */
  marked: boolean;
}

const IAM_PATHS: Record<string, 'log_in' | 'id_token'> = {
  '/v3/auth/tokens': 'log_in',
  '/v3.0/OS-AUTH/id-token/tokens': 'id_token',
};
const UNREAD_PATH = '/v2/servicerequest/cases/instant-messages/unread';
const CASE_PATH = /^\/v2\/servicerequest\/cases\/([^/]+)\/(instant-messages\/unread|messages)$/;

const METHODS = { log_in: 'POST', id_token: 'POST', unread: 'GET', mark: 'POST', messages: 'GET' } as const;

export type Route =
  | { to: 'log_in' | 'id_token' | 'unread' }
  | { to: 'mark' | 'messages'; caseId: string }
  /** The path is one of ours, the method is not. */
  | { to: 'wrong_method'; of: 'iam' | 'osm' }
  | { to: 'malformed_path' }
  | { to: 'nowhere'; of: 'iam' | 'osm' };

/** Where a request goes by its method and undecoded path. */
function routeOf(method: string, rawPath: string): Route {
  const logIn = IAM_PATHS[rawPath];
  if (logIn) return method === METHODS[logIn] ? { to: logIn } : { to: 'wrong_method', of: 'iam' };
  if (rawPath === UNREAD_PATH) {
    return method === METHODS.unread ? { to: 'unread' } : { to: 'wrong_method', of: 'osm' };
  }
  const [, segment, operation] = CASE_PATH.exec(rawPath) ?? [];
  if (segment === undefined) return { to: 'nowhere', of: /^\/v3(\.0)?\//.test(rawPath) ? 'iam' : 'osm' };
  const caseId = decoded(segment);
  if (caseId === undefined) return { to: 'malformed_path' };
  // Servers resolve dot segments, encoded or not, before they look for the operation.
  if (caseId === '.' || caseId === '..') return { to: 'nowhere', of: 'osm' };
  const to = operation === 'messages' ? 'messages' : 'mark';
  return method === METHODS[to] ? { to, caseId } : { to: 'wrong_method', of: 'osm' };
}

export function entryFor(request: IncomingMessage, requestId: string): [LoggedRequest, Route] {
  const rawPath = request.url ?? '/';
  const method = request.method ?? '';
  const mark = rawPath.indexOf('?');
  const pathOnly = mark === -1 ? rawPath : rawPath.slice(0, mark);
  const route = routeOf(method, pathOnly);
  const header = (name: string) => request.headers[name]?.toString();
  const entry: LoggedRequest = {
    at: performance.timeOrigin + performance.now(),
    method,
    path: decoded(pathOnly) ?? pathOnly,
    rawPath,
    query: mark === -1 ? '' : rawPath.slice(mark + 1),
    headers: request.headers,
    body: undefined,
    kind: route.to in METHODS ? (route.to as keyof typeof METHODS) : 'other',
    caseId: 'caseId' in route ? route.caseId : undefined,
    groupId: undefined,
    language: header('x-language'),
    timeZone: header('x-time-zone'),
    site: header('x-site'),
    status: undefined,
    errorCode: undefined,
    requestId,
    marked: false,
  };
  return [entry, route];
}

export function isJson({ headers }: Pick<LoggedRequest, 'headers'>): boolean {
  return /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
