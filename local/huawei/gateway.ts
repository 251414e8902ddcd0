import { type Answer, json } from './answer.ts';
import type { createIam } from './iam/iam.ts';
import { iamError } from './iam/log-in.ts';
import type { createAccessKeys } from './iam/signature.ts';
import type { Clock, Identity, Settings } from './options.ts';
import type { createOsm } from './osm/osm.ts';
import type { LoggedRequest, Route } from './requests.ts';

/** What Huawei's API gateway takes in a request body. */
export const BODY_LIMIT_BYTES = 12 * 1024 * 1024;

/** A request that has arrived whole. */
export interface Call {
  entry: LoggedRequest;
  route: Route;
  /** Undefined where it was longer than the gateway takes. */
  body: Buffer | undefined;
  rawHeaders: string[];
}

interface Behind {
  iam: ReturnType<typeof createIam>;
  osm: ReturnType<typeof createOsm>;
  accessKeys: ReturnType<typeof createAccessKeys>;
}

/** What stands in front of IAM and OSM: sizes, routes, authentication, throttling, in this order. */
export function createGateway(settings: Settings, clock: Clock, { iam, osm, accessKeys }: Behind) {
  const calls = settings.requestsPerSecond;
  const limits = { mark: createLimit(calls), messages: createLimit(calls), unread: createLimit(calls) };

  function authenticate({ entry, body }: Call & { body: Buffer }): Identity | Answer {
    const refuse = (code: string, message: string) => gatewayError(401, code, message, entry);
    if (entry.headers.authorization !== undefined) {
      const verified = accessKeys.verify({ ...entry, body });
      return 'refused' in verified ? refuse('APIGW.0301', authenticationMessage(verified.refused)) : verified;
    }
    const token = entry.headers['x-auth-token']?.toString();
    if (!token) return refuse('APIGW.0301', authenticationMessage('x-auth-token not found'));
    const identified = iam.identify(token);
    if (!('refused' in identified)) return identified;
    return identified.refused === 'outdated'
      ? refuse('APIGW.0307', 'The token must be updated.')
      : refuse('APIGW.0301', authenticationMessage('decrypt token fail'));
  }

  async function pass(call: Call): Promise<Answer> {
    const { entry, route, body } = call;
    if (longestHeader(call.rawHeaders) > settings.headerLimitBytes) {
      return gatewayError(494, 'APIGW.0201', 'Request header or cookie too large', entry);
    }
    if (body === undefined) return gatewayError(413, 'APIGW.0201', 'Request entity too large', entry);
    switch (route.to) {
      case 'log_in':
        return iam.logIn(entry);
      case 'id_token':
        return iam.logInFederated(entry);
      case 'malformed_path':
        return gatewayError(400, 'APIGW.0201', 'Bad request', entry);
      case 'nowhere':
        return route.of === 'iam' ? iamError(404, 'Could not find the resource.') : noSuchApi(entry);
      case 'wrong_method':
        return route.of === 'iam' ? iamError(405, 'The method is not allowed.') : noSuchApi(entry);
      case 'mark':
      case 'messages':
      case 'unread': {
        const identity = authenticate({ ...call, body });
        if ('status' in identity) return identity;
        if (!limits[route.to](clock.now())) return throttled(calls, entry);
        return 'caseId' in route ? osm[route.to](entry, route.caseId, identity) : osm.unread(entry, identity);
      }
      default:
        return route satisfies never;
    }
  }

  return { pass };
}

/** Passes so many calls in any window of one second; refused calls do not count. */
function createLimit(calls: number | undefined) {
  if (calls === undefined) return () => true;
  const passedAt = new Float64Array(calls).fill(Number.NEGATIVE_INFINITY);
  let oldest = 0;
  return (now: number): boolean => {
    if (now - (passedAt[oldest] ?? 0) < 1_000) return false;
    passedAt[oldest] = now;
    oldest = (oldest + 1) % calls;
    return true;
  };
}

function longestHeader(rawHeaders: string[]): number {
  let longest = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    longest = Math.max(longest, (rawHeaders[index]?.length ?? 0) + 2 + (rawHeaders[index + 1]?.length ?? 0));
  }
  return longest;
}

function throttled(calls: number | undefined, entry: LoggedRequest): Answer {
  const policy = `policy user over ratelimit,limit:${calls},time:1 second`;
  return gatewayError(429, 'APIGW.0308', `The throttling threshold has been reached: ${policy}`, entry);
}

/** The gateway looks an API up by path and method, so that a wrong method is no 405. */
function noSuchApi(entry: LoggedRequest): Answer {
  const message = 'The API does not exist or has not been published in the environment';
  return gatewayError(404, 'APIGW.0101', message, entry);
}

function authenticationMessage(reason: string): string {
  return `Incorrect IAM authentication information: ${reason}`;
}

function gatewayError(status: number, code: string, message: string, entry: LoggedRequest): Answer {
  return json(status, { error_msg: message, error_code: code, request_id: entry.requestId });
}
