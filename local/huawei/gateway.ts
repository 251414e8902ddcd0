import { type Answer, json } from './answer.ts';
import type { createAccessKeys } from './iam/access-keys.ts';
import type { createIam } from './iam/iam.ts';
import type { Clock, Settings } from './options.ts';
import type { createOsm } from './osm/osm.ts';
import type { LoggedRequest } from './requests.ts';

interface Behind {
  iam: ReturnType<typeof createIam>;
  osm: ReturnType<typeof createOsm>;
  accessKeys: ReturnType<typeof createAccessKeys>;
}

/** What stands in front of IAM and OSM: sizes, routes, authentication, throttling, in this order. */
export const createGateway = (
  { requestsPerSecond, headerLimitBytes }: Settings,
  clock: Clock,
  { iam, osm, accessKeys }: Behind,
) => {
  const limits = {
    mark: createLimit(requestsPerSecond),
    messages: createLimit(requestsPerSecond),
    unread: createLimit(requestsPerSecond),
  };

  /** Why the caller may not call; undefined where it may. */
  const refusalOf = (request: LoggedRequest): Answer | undefined => {
    const { authorization, 'x-auth-token': token } = request.headers;
    const reason =
      authorization !== undefined ? accessKeys.refusalOf(request) : iam.refusalOf(token?.toString() ?? '');
    if (reason === undefined) return undefined;
    if (reason === 'outdated') return gatewayError(401, 'APIGW.0307', 'The token must be updated.', request);
    return gatewayError(401, 'APIGW.0301', `Incorrect IAM authentication information: ${reason}`, request);
  };

  return {
    async pass(request: LoggedRequest): Promise<Answer> {
      const { kind } = request;
      const isTooLong = ([name, value]: [string, unknown]) =>
        name.length + 2 + String(value).length > headerLimitBytes;
      if (Object.entries(request.headers).some(isTooLong)) {
        return gatewayError(494, 'APIGW.0201', 'Request header or cookie too large', request);
      }
      switch (kind) {
        case 'log_in':
          return iam.logIn(request);
        case 'id_token':
          return iam.logInFederated(request);
        case 'other': {
          // The gateway looks an API up by path and method, so that a wrong method is no 405.
          const message = 'The API does not exist or has not been published in the environment';
          return gatewayError(404, 'APIGW.0101', message, request);
        }
        case 'mark':
        case 'messages':
        case 'unread': {
          const refusal = refusalOf(request);
          if (refusal) return refusal;
          if (limits[kind](clock.now())) return osm[kind](request);
          const policy = `policy user over ratelimit,limit:${requestsPerSecond},time:1 second`;
          const message = `The throttling threshold has been reached: ${policy}`;
          return gatewayError(429, 'APIGW.0308', message, request);
        }
        default:
          return kind satisfies never;
      }
    },
  };
};

/** Passes so many calls in any window of one second; refused calls do not count. */
const createLimit = (perSecond: number) => {
  const passedAt: number[] = [];
  return (now: number): boolean => {
    if (perSecond === Number.POSITIVE_INFINITY) return true;
    while (now - (passedAt[0] ?? now) >= 1_000) passedAt.shift();
    return passedAt.length < perSecond && passedAt.push(now) > 0;
  };
};

const gatewayError = (status: number, code: string, message: string, { requestId }: LoggedRequest): Answer =>
  json(status, { error_msg: message, error_code: code, request_id: requestId });
