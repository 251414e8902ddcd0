import { type Answer, json, text } from './answer.ts';
import type { LoggedRequest } from './requests.ts';

/** What goes wrong with a request. */
export type Trouble =
  /** The service never hears of the request; this is answered. Objects go as JSON. */
  | { does: 'answer'; status: number; headers?: Record<string, string>; body?: unknown }
  | { does: 'error_code'; code: string; message?: string }
  /** 429; seconds as a number, anything else as it is, such as an HTTP date. */
  | { does: 'retry_after'; after: number | string }
  | { does: 'redirect'; to: string; status?: 301 | 302 | 303 | 307 | 308 }
  | { does: 'html502' }
  | { does: 'not_json' }
  /** No answer comes. `handled`: the service did its work before. */
  | { does: 'reset' | 'close' | 'hang' | 'not_http'; handled?: boolean }
  /** The service answers, later; further faults apply. */
  | { does: 'slow'; ms: number }
  /** The service answers, and its answer arrives in a bad state. */
  | { does: 'trickle'; msPerByte: number }
  | { does: 'big' }
  | { does: 'huge_headers' }
  | { does: 'half' };

type Matched = Pick<LoggedRequest, 'kind' | 'method' | 'path' | 'caseId' | 'language' | 'timeZone' | 'site'>;

export type Fault = Trouble & {
  /** All requests where absent. A function sees the body too. */
  match?: ((request: LoggedRequest) => boolean) | Partial<Matched>;
  /** How often it strikes, at most. @default Infinity */
  times?: number;
  /** How likely it strikes. @default 1 */
  probability?: number;
};

interface FaultHandle {
  remove(): void;
  /** How often it struck. */
  readonly hits: number;
}

export function createFaults(initial: Fault[]) {
  const active = new Set<{ fault: Fault; hits: number }>();

  function add(fault: Fault): FaultHandle {
    const state = { fault, hits: 0 };
    active.add(state);
    return {
      remove: () => void active.delete(state),
      get hits() {
        return state.hits;
      },
    };
  }

  function strikes({ fault, hits }: { fault: Fault; hits: number }, request: LoggedRequest): boolean {
    if (hits >= (fault.times ?? Number.POSITIVE_INFINITY)) return false;
    if (!matches(fault.match, request)) return false;
    return fault.probability === undefined || Math.random() < fault.probability;
  }

  for (const fault of initial) add(fault);
  return {
    /** The troubles of this request in the order they were added: any number of slow ones, then at most one other. */
    strike(request: LoggedRequest): { slowMs: number; trouble: Trouble | undefined } {
      let slowMs = 0;
      for (const state of active) {
        if (!strikes(state, request)) continue;
        state.hits += 1;
        if (state.fault.does !== 'slow') return { slowMs, trouble: state.fault };
        slowMs += state.fault.ms;
      }
      return { slowMs, trouble: undefined };
    },
    controls: { add, clear: () => active.clear() },
  };
}

/** What is answered in the service's place; undefined where the service itself has to answer. */
export function substituteFor(trouble: Trouble | undefined): Answer | undefined {
  switch (trouble?.does) {
    case 'answer':
      return withBody(trouble.status, trouble.headers ?? {}, trouble.body);
    case 'error_code':
      return json(200, { error_code: trouble.code, error_msg: trouble.message ?? 'Told to fail.' });
    case 'retry_after':
      return json(
        429,
        { error_code: 'APIGW.0308', error_msg: 'The throttling threshold has been reached' },
        { 'Retry-After': String(trouble.after) },
      );
    case 'redirect':
      return withBody(trouble.status ?? 302, { Location: trouble.to }, '');
    case 'html502':
      return text(502, 'text/html', '<html><body><h1>502 Bad Gateway</h1></body></html>');
    case 'not_json':
      return text(200, 'application/json', 'everything is fine');
    default:
      return undefined;
  }
}

/** Whether the service gets to see the request at all. */
export function isHandled(trouble: Trouble | undefined): boolean {
  switch (trouble?.does) {
    case 'reset':
    case 'close':
    case 'hang':
    case 'not_http':
      return trouble.handled ?? false;
    default:
      return substituteFor(trouble) === undefined;
  }
}

function withBody(status: number, headers: Record<string, string>, body: unknown): Answer {
  if (typeof body === 'object' && body !== null && !Buffer.isBuffer(body)) return json(status, body, headers);
  return {
    status,
    headers,
    body: Buffer.isBuffer(body) ? body : String(body ?? ''),
    errorCode: undefined,
  };
}

function matches(match: Fault['match'], request: LoggedRequest): boolean {
  if (match === undefined) return true;
  if (typeof match === 'function') return match(request);
  return Object.entries(match).every(([name, value]) => request[name as keyof Matched] === value);
}
