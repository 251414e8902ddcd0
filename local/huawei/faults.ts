import { type Answer, json } from './answer.ts';
import type { LoggedRequest } from './requests.ts';

/** What goes wrong with a request. */
export type Trouble =
  /** The service never hears of the request; this is answered. Objects go as JSON. */
  | { does: 'answer'; status: number; headers?: Record<string, string>; body?: unknown }
  | { does: 'error_code'; code: string }
  /** 429. */
  | { does: 'retry_after'; after: number }
  | { does: 'html502' }
  /** The service never hears of the request, and no answer comes. */
  | { does: 'reset' | 'close' | 'hang' | 'not_http' }
  /** The service answers, and nothing or a part of it arrives. */
  | { does: 'lose' | 'half' }
  /** The service answers, later; further faults apply. */
  | { does: 'slow'; ms: number };

export type Fault = Trouble & {
  /** All requests where absent. A function sees the body too. */
  match?: ((request: LoggedRequest) => boolean) | Partial<Pick<LoggedRequest, 'kind' | 'caseId'>>;
  /** How often it strikes, at most. @default Infinity */
  times?: number;
};

export const createFaults = (initial: Fault[]) => {
  const active = new Set<{ fault: Fault; hits: number }>();

  const add = (fault: Fault) => {
    const state = { fault, hits: 0 };
    active.add(state);
    return { remove: () => void active.delete(state) };
  };
  for (const fault of initial) add(fault);

  return {
    /** The troubles of this request in the order they were added: any number of slow ones, then at most one other. */
    strike(request: LoggedRequest): { slowMs: number; trouble: Trouble | undefined } {
      let slowMs = 0;
      for (const state of active) {
        const { fault, hits } = state;
        const { times = Number.POSITIVE_INFINITY, match } = fault;
        if (hits >= times || !matches(match, request)) continue;
        state.hits += 1;
        if (fault.does !== 'slow') return { slowMs, trouble: fault };
        slowMs += fault.ms;
      }
      return { slowMs, trouble: undefined };
    },
    controls: { add, clear: () => active.clear() },
  };
};

const matches = (match: Fault['match'], request: LoggedRequest): boolean => {
  if (typeof match === 'function') return match(request);
  const { kind = request.kind, caseId = request.caseId } = match ?? {};
  return kind === request.kind && caseId === request.caseId;
};

/** What is answered in the service's place: nothing, or undefined where the service itself has to answer. */
export const substituteFor = (trouble: Trouble | undefined): Answer | 'nothing' | undefined => {
  switch (trouble?.does) {
    case 'answer': {
      const { status, headers = {}, body } = trouble;
      if (typeof body === 'object' && body !== null) return json(status, body, headers);
      return { status, headers, body: String(body ?? '') };
    }
    case 'error_code':
      return json(200, { error_code: trouble.code, error_msg: 'Told to fail.' });
    case 'retry_after':
      return json(
        429,
        { error_code: 'APIGW.0308', error_msg: 'The throttling threshold has been reached' },
        { 'Retry-After': String(trouble.after) },
      );
    case 'html502':
      return {
        status: 502,
        headers: { 'Content-Type': 'text/html' },
        body: '<html><body><h1>502 Bad Gateway</h1></body></html>',
      };
    case 'reset':
    case 'close':
    case 'hang':
    case 'not_http':
      return 'nothing';
    default:
      return undefined;
  }
};
