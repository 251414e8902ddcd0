import type { Clock, Owner } from '../engine/clock.ts';
import type { Random } from '../engine/random.ts';
import type { Accounts } from './accounts.ts';
import type { Faults } from './faults.ts';
import type { Reply, Request } from './wire.ts';

export interface Message {
  at: number;
  /** Written by the customer's side. */
  isOwn: boolean;
}
export interface Case {
  id: string;
  index: number;
  /** Those who act for a colleague must name it. */
  group: string | undefined;
  messages: Message[];
  unread: Message[];
  /** When persons truly read it, in order. */
  reads: number[];
  /** Closed: no mark is possible any more. */
  isClosed: boolean;
}

/** What the other side did with a mark, in the words of its answer. */
export interface Answered {
  status: number | 'hang' | 'reset';
  errorCode?: string;
  isJson: boolean;
}
export interface Look {
  case: Case;
  /** Nothing could be told from it, or it was trouble. */
  kind: 'told' | 'odd' | 'trouble';
  /** Its times were of another zone. */
  isShifted?: boolean;
}
interface Watch {
  onAnswered: (owner: Owner, key: string, answered: Answered) => void;
  onMarked: (owner: Owner, key: string, of: Case, cleared: Message[]) => void;
  onLooked: (owner: Owner, look: Look) => void;
}

/** Equal for marks that are one call. */
export const keyOf = (caseId: string, group = '', language = '', zone = '') =>
  `${caseId}|${group}|${language}|${zone}`;

const HTML = '<html><head><title>Error</title></head><body>nginx</body></html>';
const json = (status: number, body: object, afterMs = 20): Reply => ({
  kind: 'answer',
  status,
  body: JSON.stringify(body),
  afterMs,
});
const html = (status: number): Reply => ({ kind: 'answer', status, body: HTML, afterMs: 20 });
const osm = (code: string): Reply => json(200, { error_code: code, error_msg: `said by ${code}` });
const apigw = (status: number, code: string): Reply =>
  json(status, { error_code: `APIGW.${code}`, error_msg: 'said by the gateway', request_id: 'r-1' });

const REFUSALS = [
  html(400),
  html(413),
  apigw(402, '0501'),
  apigw(403, '0302'),
  apigw(421, '0201'),
  html(494),
];
const HOUR_MS = 3_600_000;
const ZONE_MS = 8 * HOUR_MS;

/** The six ways in which the times of a list have been seen or are read by Huawei's own SDKs. */
const formats: ((at: number) => string)[] = [
  at => `${new Date(at).toISOString().slice(0, 19)}Z`,
  at => new Date(at).toISOString(),
  at => `${new Date(at + ZONE_MS).toISOString().slice(0, 19)}+08:00`,
  at => `${new Date(at + ZONE_MS).toISOString().slice(0, 19)}+0800`,
  at => new Date(at + ZONE_MS).toISOString().slice(0, 19).replace('T', ' '),
  at => new Date(at + ZONE_MS).toISOString().slice(0, 23),
];

const isPoison = ({ index }: Case) => index % 25 === 7;
const isRefused = ({ index }: Case) => index % 25 === 11;

/** OSM behind its gateway: cases whose messages arrive over the days, and what goes wrong with it. */
export const createHuawei = (
  clock: Clock,
  random: Random,
  faults: Faults,
  accounts: Accounts,
  { onAnswered, onMarked, onLooked }: Watch,
) => {
  const cases = new Map<string, Case>();
  let passed = 0;
  let refused = 0;
  let allowed = { perSecond: 200, second: 0, used: 0 };

  /** What the gateway says before OSM sees anything; undefined where it passes. */
  const gateway = (): Reply | undefined => {
    if (faults.on('rate_limit')) {
      const second = Math.floor(clock.now() / 1000);
      if (second !== allowed.second) allowed = { ...allowed, second, used: 0 };
      if (++allowed.used > allowed.perSecond) {
        refused++;
        return apigw(429, '0308');
      }
    }
    passed++;
    if (faults.on('osm_unavailable')) return random.chance(0.5) ? apigw(503, '0613') : html(502);
    if (faults.on('osm_hangs')) return { kind: 'hang', afterMs: 0 };
    if (faults.on('osm_resets')) return { kind: 'reset', afterMs: 5 };
    if (faults.on('osm_refuses')) return random.pick(REFUSALS);
    if (faults.on('osm_flaky') && random.chance(0.5)) return apigw(500, '0601');
    if (faults.on('osm_errors_in_200')) return random.chance(0.5) ? osm('OSM.01010014') : html(200);
    return undefined;
  };

  const ofCase = (of: Case): Reply | undefined => {
    if (faults.on('case_401') && isRefused(of))
      return of.index % 2 ? apigw(401, '0301') : json(401, { error_code: 'OSM.0002' });
    if (!faults.on('poison') || !isPoison(of)) return undefined;
    const hang: Reply = { kind: 'hang', afterMs: 0 };
    const kinds = [hang, apigw(500, '0601'), osm('OSM.01019999'), hang, hang];
    return kinds[Math.floor(of.index / 25) % kinds.length];
  };

  /** A look so answered is worth another one later; any other answer tells nothing, for ever. */
  const isTrouble = (reply: Reply): boolean => {
    const { status, isJson, errorCode } = answeredOf(reply);
    if (status === 401 || errorCode === 'OSM.0002') return !faults.on('case_401');
    if (status === 200) return !isJson || errorCode === 'OSM.01010014';
    return typeof status === 'string' || status === 429 || status >= 500;
  };

  const clear = (owner: Owner, key: string, of: Case) => {
    const cleared = of.unread;
    of.unread = [];
    onMarked(owner, key, of, cleared);
  };

  const mark = (request: Request, caseId: string): Reply => {
    const { group_id } = request.body ? JSON.parse(request.body) : {};
    const of = cases.get(caseId);
    const key = keyOf(caseId, group_id, request.headers['X-Language'], request.headers['X-Time-Zone']);
    const reply =
      gateway() ??
      accounts.refusal(request) ??
      (of ? ofCase(of) : osm('OSM.01010015')) ??
      (of?.isClosed ? osm('OSM.01010062') : undefined) ??
      (of?.group && of.group !== group_id ? osm('OSM.01010002') : undefined);
    if (!reply && of) clear(request.owner, key, of);
    // Half of what is never answered was done.
    if (reply?.kind === 'hang' && of && !of.isClosed && random.chance(0.5)) clear(request.owner, key, of);
    const answer =
      reply ?? json(200, random.pick([{}, { group_id: '123456' }, { error_code: '', error_msg: '' }]));
    if (faults.on('osm_slow')) answer.afterMs = 3000;
    onAnswered(request.owner, key, answeredOf(answer));
    return answer;
  };

  const list = (request: Request, caseId: string, query: URLSearchParams): Reply => {
    const of = cases.get(caseId);
    const reply =
      gateway() ??
      accounts.refusal(request) ??
      (faults.on('list_down')
        ? random.pick<Reply>([
            apigw(503, '0613'),
            { kind: 'hang', afterMs: 0 },
            apigw(429, '0308'),
            osm('OSM.01010014'),
          ])
        : undefined) ??
      (of ? ofCase(of) : osm('OSM.01010015'));
    const looked = (kind: Look['kind'], isShifted = false) =>
      of && onLooked(request.owner, { case: of, kind, isShifted });
    if (reply || !of) {
      looked(reply && isTrouble(reply) ? 'trouble' : 'odd');
      return reply ?? osm('OSM.01010015');
    }
    const odd = faults.on('list_odd') ? random.int(0, 5) : -1;
    if (odd >= 0 && odd < 3) {
      looked('odd');
      return [json(403, { error_code: 'OSM.0003', error_msg: 'no right' }), apigw(404, '0101'), html(403)][
        odd
      ] as Reply;
    }
    const offset = Number(query.get('offset') ?? 0);
    const limit = Number(query.get('limit') ?? 10);
    const format = formats[of.index % formats.length] as (at: number) => string;
    const ordered = of.index % 2 ? of.messages : of.messages.toReversed();
    const message_list = ordered.slice(offset, offset + limit).map(({ at, isOwn }) => ({
      type: isOwn ? 0 : 1,
      replier_type: isOwn ? 0 : 1,
      replier: 'somebody',
      content: 's3cr3t words of a message',
      create_time: odd === 3 ? 'yesterday' : format(odd === 4 ? at + 9 * HOUR_MS : at),
    }));
    looked(odd === 3 || odd === 4 ? 'odd' : 'told', odd === 4);
    const answer = json(200, { count: of.messages.length, message_list });
    if (faults.on('osm_slow')) answer.afterMs = 3000;
    return answer;
  };

  return {
    cases,
    isOdd: (of: Case) => isPoison(of) || isRefused(of),
    /** Calls that the gateway let pass. */
    get passed() {
      return passed;
    },
    /** Calls that it answered with 429. */
    get refused() {
      return refused;
    },
    setLimit(perSecond: number) {
      allowed = { perSecond, second: 0, used: 0 };
    },
    serve(request: Request): Reply {
      const [path = '', search] = request.path.split('?');
      const parts = path.split('/').slice(4);
      const id = decodeURIComponent(parts[0] ?? '');
      if (request.method === 'POST') return mark(request, id);
      if (parts[1] === 'messages') return list(request, id, new URLSearchParams(search));
      // The read-only call that proves credentials.
      return gateway() ?? accounts.refusal(request) ?? json(200, { imunread: [] });
    },
  };
};

export type Huawei = ReturnType<typeof createHuawei>;

const answeredOf = (reply: Reply): Answered => {
  if (reply.kind !== 'answer') return { status: reply.kind, isJson: false };
  const isJson = reply.body.startsWith('{');
  const code: string | undefined = isJson ? JSON.parse(reply.body).error_code : undefined;
  return { status: reply.status, isJson, ...(code && { errorCode: code }) };
};
