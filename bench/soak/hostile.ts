import type { Dice } from './random.ts';
import type { Verdict } from './receipts.ts';

type Made = { body: string; verdict: Verdict };

const malformed = (body: string): Made => ({ body, verdict: { dead: 'malformed' } });
const invalid = (receipt: unknown): Made => ({
  body: JSON.stringify(receipt),
  verdict: { dead: 'invalid' },
});
const marked = (body: string, case_id: string, group_id?: string): Made => ({
  body,
  verdict: { mark: { case_id, group_id } },
});

const LONG = 200_000;
const EMOJI = '\u{1F600}';

/** Bodies that are out to hurt, and what the contract says of each. `id` makes their cases theirs alone. */
const KINDS: ((id: string, dice: Dice) => Made)[] = [
  // Not JSON, or nothing inside.
  id => malformed(`not json ${id}`),
  id => malformed(`{"case_id":"${id}"`),
  () => malformed('\t'),
  id => malformed(`{"case_id":'${id}'}`),
  () => malformed(JSON.stringify({ Type: 'Notification' })),
  id => malformed(JSON.stringify({ Type: 'Notification', Message: `{${id}` })),
  () => malformed(JSON.stringify({ 'detail-type': 'x', detail: null })),
  () => malformed(JSON.stringify({ specversion: '1.0' })),
  (_, dice) => malformed('['.repeat(10_000 + dice.below(10))),
  // JSON, but not a receipt.
  () => invalid(null),
  () => invalid([]),
  () => invalid('case'),
  () => invalid(42),
  () => invalid({}),
  () => invalid({ case_id: '' }),
  () => invalid({ case_id: '.' }),
  () => invalid({ case_id: '..' }),
  () => invalid({ case_id: 7 }),
  () => invalid({ case_id: null, Type: 'Notification', Message: '{"case_id":"x"}' }),
  id => invalid({ case_id: `${id}\u0000` }),
  id => invalid({ case_id: `${id}\ud800` }),
  id => invalid({ case_id: `${id}\n` }),
  () => invalid({ case_id: EMOJI.repeat(65) }),
  () => invalid({ case_id: 'x'.repeat(LONG) }),
  id => invalid({ case_id: id, group_id: 'g'.repeat(65) }),
  id => invalid({ case_id: id, group_id: { toString: 1 } }),
  id => invalid({ case_id: id, language: 'en us' }),
  id => invalid({ case_id: id, language: 'en\r\nX-Auth-Token: stolen' }),
  id => invalid({ case_id: id, language: '' }),
  id => invalid({ case_id: id, time_zone: 'GMT+8'.repeat(7) }),
  id => invalid({ case_id: id, time_zone: 'время' }),
  id => invalid({ case_id: id, read_at: 'yesterday' }),
  () => invalid({ Type: 'Notification', Message: '[]' }),
  () => ({ body: '[{"case_id":"x"}]', verdict: { dead: 'invalid' } }),
  // Strange, and a receipt all the same.
  id => marked(`\n\t {"case_id" : "${id}" } \r\n`, id),
  id => marked(`{"case_id":"first","case_id":"${id}"}`, id),
  id => marked(JSON.stringify({ case_id: id, padding: 'x'.repeat(LONG) }), id),
  id => marked(`{"case_id":"${id}","__proto__":{"group_id":"polluted"}}`, id),
  id => marked(JSON.stringify({ case_id: id, Type: 'Notification', Message: 'no' }), id),
  id => marked(JSON.stringify({ case_id: `../../${id}` }), `../../${id}`),
  id => marked(JSON.stringify({ case_id: `${id}//..%2f` }), `${id}//..%2f`),
  id => marked(`{"case_id":"${id}\\ufffe\\uffff"}`, `${id}\ufffe\uffff`),
  id => marked(JSON.stringify({ case_id: fill(id) }), fill(id)),
  id => marked(JSON.stringify({ case_id: id, group_id: EMOJI.repeat(64) }), id, EMOJI.repeat(64)),
  id => marked(JSON.stringify({ case_id: id, group_id: 'a\u0000"b' }), id, 'a\u0000"b'),
];

/** 64 characters, most of them two UTF-16 units each. */
const fill = (id: string): string => id + EMOJI.repeat(64 - id.length);

export const hostileBody = (fault: string, id: number, dice: Dice): Made =>
  dice.pick(KINDS)(`${fault}!${id}`, dice);
