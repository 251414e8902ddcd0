import type { MessageAttributeValue } from 'fauxqs';
import { hostileBody } from './hostile.ts';
import type { Dice } from './random.ts';

/** What one call has to say; an absent field and an empty one are the same. */
export interface Wish {
  case_id: string;
  group_id?: string | undefined;
  language?: string | undefined;
  time_zone?: string | undefined;
}

/** What the contract says must become of a body: a mark, or a dead letter at once. */
export type Verdict = { mark: Wish } | { dead: 'malformed' | 'invalid' };

/** One receipt, as it is sent, and what has to become of it. */
export interface Receipt {
  id: number;
  /** The fault that is there when it is sent. */
  fault: string;
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  verdict: Verdict;
}

/** Names a receipt on its whole way: attributes are kept on dead letters and by replay. */
export const ID_ATTRIBUTE = 'soak_receipt';
/** SQS takes ten. */
const MOST_ATTRIBUTES = 10;

export const keyOf = ({ case_id, group_id, language, time_zone }: Wish): string =>
  JSON.stringify([case_id, group_id || null, language || null, time_zone || null]);

/** Bare, or in one of the three envelopes. */
export const wrap = (receipt: object, dice: Dice): string => {
  switch (dice.below(10)) {
    case 0:
      return JSON.stringify({ Type: 'Notification', Message: JSON.stringify(receipt) });
    case 1:
      return JSON.stringify({ 'detail-type': 'TicketRead', source: 'tickets', detail: receipt });
    case 2:
      return JSON.stringify({ specversion: '1.0', type: 'ticket.read', data: receipt });
    default:
      return JSON.stringify(receipt);
  }
};

/** A group now and then, so that the same case is asked for with several: those are different marks. */
const GROUPS = [undefined, undefined, undefined, null, '', 'team-1', 'team-2', 'группа 3'];
const LANGUAGES = [undefined, undefined, undefined, null, 'en-us', 'zh-cn'];
const ZONES = [undefined, undefined, undefined, null, 'GMT+8', 'GMT-3'];
/** Characters that a path, a header or a log line could trip over. */
const TAILS = ['', '', '', '', '', ' a/b', '?x=1#y', '%2e%2E', '\u{1F4A1}', '"quoted"', 'ü\\u0000'];

const plain = (fault: string, cases: number, dice: Dice): { body: string; verdict: Verdict } => {
  const number = dice.below(cases);
  const case_id = `${fault}-${number}${TAILS[number % TAILS.length]}`;
  const fields = {
    case_id,
    group_id: dice.pick(GROUPS),
    language: dice.pick(LANGUAGES),
    time_zone: dice.pick(ZONES),
    ...(dice.chance(0.5) && { read_at: '2026-01-31T17:30:00+08:00' }),
    ...(dice.chance(0.1) && { unknown: { field: [1, 2, 3] } }),
  };
  const { group_id, language, time_zone } = fields;
  const mark = {
    case_id,
    group_id: group_id || undefined,
    language: language || undefined,
    time_zone: time_zone || undefined,
  };
  return { body: wrap(fields, dice), verdict: { mark } };
};

const attributesOf = (id: number, dice: Dice): Receipt['attributes'] => {
  const attributes: Receipt['attributes'] = {
    [ID_ATTRIBUTE]: { DataType: 'Number', StringValue: String(id) },
  };
  if (dice.chance(0.1)) attributes.source = { DataType: 'String', StringValue: 'тикеты & co' };
  if (dice.chance(0.05)) attributes.blob = { DataType: 'Binary', BinaryValue: 'AAEC/w==' };
  // As many as SQS takes: a dead letter has no room for what we would add.
  if (dice.chance(0.01)) {
    for (let n = Object.keys(attributes).length; n < MOST_ATTRIBUTES; n++) {
      attributes[`own_${n}`] = { DataType: 'String', StringValue: 'x' };
    }
  }
  return attributes;
};

/** fauxqs takes characters beyond U+FFFF in their escaped form only. */
const escaped = (json: string): string =>
  json.replace(/[\ud800-\udfff]/g, unit => `\\u${unit.charCodeAt(0).toString(16)}`);

/** How many receipts a case gets on average: enough for calls to be shared. */
const RECEIPTS_PER_CASE = 2;
/** Poison is in every batch, not only in that of its own. */
const HOSTILE_SHARE = 0.03;

/** The receipts of one fault, from number `first` on. */
export const generate = (fault: string, first: number, count: number, dice: Dice): Receipt[] => {
  const cases = Math.max(1, Math.ceil(count / RECEIPTS_PER_CASE));
  const hostileShare = fault === 'hostile' ? 0.7 : HOSTILE_SHARE;
  return Array.from({ length: count }, (_, index) => {
    const id = first + index;
    const made = dice.chance(hostileShare) ? hostileBody(fault, id, dice) : plain(fault, cases, dice);
    return { id, fault, verdict: made.verdict, body: escaped(made.body), attributes: attributesOf(id, dice) };
  });
};
