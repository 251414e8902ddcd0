import { html } from 'hono/html';
import { letterCodes } from '../../../dead-letters/request.ts';
import type { Depth } from '../../../sqs/queue.ts';
import { ago, count, number, plain, shortCode } from '../../screen/text.ts';
import { queryOf } from '../form.ts';
import { groupsOf, reasonOf } from '../look.ts';
import { histogram, key } from './histogram.ts';
import { advised, type Html, layout, lookedAt, shown, type View } from './layout.ts';

const MOST_GROUPS = 50;

type Told = Depth | { error: unknown };
const told = (depth: Told, of: (depth: Depth) => number): string =>
  'error' in depth ? 'SQS does not say' : number(of(depth));

const row = ({ count, oldest }: ReturnType<typeof groupsOf>[number]): Html => {
  const { code, deadLetteredAt } = oldest;
  const reason = reasonOf(oldest);
  // There is no filter by somebody else's code.
  const isOurs = (letterCodes as readonly string[]).includes(code);
  return html`<tr><td class="short">${key(code)} ${shortCode(code)}</td><td class="number">${number(count)}</td><td class="short">${ago(deadLetteredAt)}</td>
<td>${isOurs ? html`<a href="/letters?${queryOf({ code, reason })}">${shown(reason)}</a>` : shown(reason)}</td></tr>`;
};

/** How full both queues are, when letters died, why, and what to do. */
export const glancePage = (view: View, { receipts, dead }: Record<'receipts' | 'dead', Told>): Html => {
  const { letters, trouble } = view.seen;
  // Where nothing could be read, nothing is known: not that there are none.
  const isKnown = !trouble || letters.length > 0;
  const groups = groupsOf(letters);
  const oldest = Math.min(...groups.map(group => group.oldest.deadLetteredAt));
  const codes = Map.groupBy(groups, group => group.oldest.code);
  const numbers = {
    'receipts waiting': told(receipts, ({ visible }) => visible),
    'receipts in flight or backing off': told(receipts, ({ hidden, delayed }) => hidden + delayed),
    'dead letters': told(dead, ({ visible, hidden }) => visible + hidden),
    ...(isKnown && { 'oldest dead letter': letters.length > 0 ? ago(oldest) : 'none' }),
  };
  const deaths = letters.map(({ code, deadLetteredAt }) => ({ code, at: deadLetteredAt }));
  const picture = html`<h2>When they died</h2>${histogram(deaths)}
<h2>Why they died</h2><div class="wide"><table><thead><tr><th>Code</th><th>Count</th><th>Oldest</th><th>Reason</th></tr></thead>
<tbody>${groups.slice(0, MOST_GROUPS).map(row)}</tbody></table></div>`;
  return layout(
    view,
    'At a glance',
    html`${lookedAt(view)}
<ul class="numbers">${Object.entries(numbers).map(([name, value]) => html`<li><b>${value}</b>${name}</li>`)}</ul>
${isKnown ? picture : ''}
${groups.length > MOST_GROUPS ? html`<p>And ${count(groups.length - MOST_GROUPS, 'more reason')}.</p>` : ''}
${codes.size > 0 ? html`<h2>What to do</h2><dl>${Array.from(codes, ([code, [group]]) => html`<dt><b>${plain(code)}</b></dt><dd>${group ? advised(view, code, group.oldest.messageId) : ''}</dd>`)}</dl>` : ''}`,
  );
};
