import type { Owner } from '../engine/clock.ts';
import { type Answered, type Case, keyOf, type LookKind } from '../model.ts';
import type { Accounts } from './accounts.ts';
import type { Parts } from './parts.ts';
import { formats } from './times.ts';
import { answer, hang, json, type Reply, type Request } from './wire.ts';

const html = (status: number) =>
  answer(status, '<html><head><title>Error</title></head><body>nginx</body></html>', 20);
const osm = (code: string) => json(200, { error_code: code, error_msg: `said by ${code}` });
const apigw = (status: number, code: string) =>
  json(status, { error_code: `APIGW.${code}`, error_msg: 'said by the gateway', request_id: 'r-1' });

const REFUSALS = [
  html(400),
  html(413),
  apigw(402, '0501'),
  apigw(403, '0302'),
  apigw(421, '0201'),
  html(494),
];
const LIST_TROUBLES = [apigw(503, '0613'), hang, apigw(429, '0308'), osm('OSM.01010014')];
const LIST_REFUSALS = [
  json(403, { error_code: 'OSM.0003', error_msg: 'no right' }),
  apigw(404, '0101'),
  html(403),
];
const POISON = [hang, apigw(500, '0601'), osm('OSM.01019999'), hang, hang];
/** Of so many cases one is poison, and one always gets 401. */
export const STRIDE = 25;
/** Where a zone was misread. */
const SHIFT_MS = 9 * 3_600_000;

const isPoison = ({ index }: Case) => index % STRIDE === 7;
const isRefused = ({ index }: Case) => index % STRIDE === 11;

const answeredOf = (reply: Reply): Answered => {
  if (reply.kind !== 'answer') return { status: reply.kind, isJson: false };
  const isJson = reply.body.startsWith('{');
  const code: string | undefined = isJson ? JSON.parse(reply.body).error_code : undefined;
  return { status: reply.status, isJson, ...(code && { errorCode: code }) };
};

/** OSM behind its gateway: cases whose messages arrive over the days, and what goes wrong with it. */
export const createHuawei = (
  { clock, random: randomFor, faults, oracle }: Parts,
  accounts: Pick<Accounts, 'refusal'>,
) => {
  const random = randomFor('huawei');
  const cases = new Map<string, Case>();
  /** What the gateway let pass, and what it answered with 429. */
  const calls = { passed: 0, refused: 0 };
  let allowed = { perSecond: 200, second: 0, used: 0 };

  /** What the gateway says before OSM sees anything; undefined where it passes. */
  const gateway = (): Reply | undefined => {
    if (faults.on('rate_limit')) {
      const second = Math.floor(clock.now() / 1000);
      if (second !== allowed.second) allowed = { ...allowed, second, used: 0 };
      if (++allowed.used > allowed.perSecond) {
        calls.refused++;
        return apigw(429, '0308');
      }
    }
    calls.passed++;
    if (faults.on('osm_unavailable')) return random.chance(0.5) ? apigw(503, '0613') : html(502);
    if (faults.on('osm_hangs')) return hang;
    if (faults.on('osm_resets')) return { kind: 'reset', afterMs: 5 };
    if (faults.on('osm_refuses')) return random.pick(REFUSALS);
    if (faults.on('osm_flaky') && random.chance(0.5)) return apigw(500, '0601');
    if (faults.on('osm_errors_in_200')) return random.chance(0.5) ? osm('OSM.01010014') : html(200);
    return undefined;
  };

  const ofCase = (of: Case): Reply | undefined => {
    if (faults.on('case_401') && isRefused(of))
      return of.index % 2 ? apigw(401, '0301') : json(401, { error_code: 'OSM.0002' });
    const isOdd = faults.on('poison') && isPoison(of);
    return isOdd ? POISON[Math.floor(of.index / STRIDE) % POISON.length] : undefined;
  };

  const slowly = (reply: Reply): Reply => (faults.on('osm_slow') ? { ...reply, afterMs: 3000 } : reply);

  const mark = ({ owner, body = '{}', headers }: Request, caseId: string, refusal?: Reply): Reply => {
    const { group_id } = JSON.parse(body);
    const of = cases.get(caseId);
    const key = keyOf(caseId, group_id, headers['X-Language'], headers['X-Time-Zone']);
    const reply =
      refusal ??
      (of ? ofCase(of) : osm('OSM.01010015')) ??
      (of?.isClosed ? osm('OSM.01010062') : undefined) ??
      (of?.group && of.group !== group_id ? osm('OSM.01010002') : undefined);
    // Half of what is never answered was done.
    if (of && (!reply || (reply.kind === 'hang' && !of.isClosed && random.chance(0.5))))
      oracle.marked(owner, key, of, of.unread.splice(0));
    const given = reply ?? json(200, random.pick([{}, { group_id: '123456' }, { error_code: '' }]));
    oracle.answered(owner, key, answeredOf(given));
    return slowly(given);
  };

  /** A look so answered is worth another one later; any other answer tells nothing, for ever. */
  const isTrouble = (reply: Reply): boolean => {
    const { status, isJson, errorCode } = answeredOf(reply);
    if (status === 401) return !faults.on('case_401');
    if (status === 200) return !isJson || errorCode === 'OSM.01010014';
    return typeof status === 'string' || status === 429 || status >= 500;
  };

  const messagesOf = (of: Case, query: URLSearchParams, spell: (at: number) => string) => {
    const offset = Number(query.get('offset') ?? 0);
    const limit = Number(query.get('limit') ?? 10);
    const ordered = of.index % 2 ? of.messages : of.messages.toReversed();
    return ordered.slice(offset, offset + limit).map(({ at, isOwn }) => ({
      type: isOwn ? 0 : 1,
      replier_type: isOwn ? 0 : 1,
      replier: 'somebody',
      content: 's3cr3t words of a message',
      create_time: spell(at),
    }));
  };

  const list = (owner: Owner, caseId: string, query: URLSearchParams, refusal?: Reply): Reply => {
    const of = cases.get(caseId);
    const trouble = refusal ?? (faults.on('list_down') ? random.pick(LIST_TROUBLES) : undefined);
    if (!of) return trouble ?? osm('OSM.01010015');
    const looked = (kind: LookKind, isShifted = false) => oracle.looked(owner, of, kind, isShifted);
    const reply = trouble ?? ofCase(of);
    if (reply) {
      looked(isTrouble(reply) ? 'trouble' : 'odd');
      return reply;
    }
    const odd = faults.on('list_odd') ? random.int(0, 5) : -1;
    const [isUnreadable, isShifted] = [odd === 3, odd === 4];
    const refused = LIST_REFUSALS[odd];
    looked(refused || isUnreadable || isShifted ? 'odd' : 'told', isShifted);
    if (refused) return refused;
    const format = formats[of.index % formats.length] as (at: number) => string;
    const spell = (at: number) => (isUnreadable ? 'yesterday' : format(isShifted ? at + SHIFT_MS : at));
    return slowly(json(200, { count: of.messages.length, message_list: messagesOf(of, query, spell) }));
  };

  return {
    cases,
    calls,
    isOdd: (of: Case) => isPoison(of) || isRefused(of),
    setLimit(perSecond: number) {
      allowed = { perSecond, second: 0, used: 0 };
    },
    serve(request: Request): Reply {
      const [path = '', search] = request.path.split('?');
      const [id = '', what] = path.split('/').slice(4);
      const refusal = gateway() ?? accounts.refusal(request);
      if (request.method === 'POST') return mark(request, decodeURIComponent(id), refusal);
      if (what === 'messages')
        return list(request.owner, decodeURIComponent(id), new URLSearchParams(search), refusal);
      // The read-only call that proves credentials.
      return refusal ?? json(200, { imunread: [] });
    },
  };
};

export type Huawei = ReturnType<typeof createHuawei>;
