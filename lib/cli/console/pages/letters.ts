import { html } from 'hono/html';
import type { Letter } from '../../../dead-letters/dead-letter.ts';
import { letterCodes } from '../../../dead-letters/request.ts';
import { caseIdIn } from '../../../receipt/receipt.ts';
import { commandsFor } from '../../command.ts';
import { rowsOf } from '../../letters/entry.ts';
import { ago, count, number, shortCode } from '../../screen/text.ts';
import { type Asked, commandOf, queryOf } from '../form.ts';
import { chosenOf, reasonOf } from '../look.ts';
import { key } from './histogram.ts';
import {
  advised,
  alert,
  copy,
  type Html,
  iso,
  layout,
  lookedAt,
  setOut,
  shown,
  type View,
} from './layout.ts';

const PAGE_SIZE = 50;

const filterForm = ({ fields, wrong }: Asked): Html => {
  const field = (name: string, label: string, hint = '') =>
    html`<label>${label} <input name="${name}" value="${fields[name] ?? ''}" placeholder="${hint}"></label>`;
  return html`<form method="get" action="/letters"><label>Code <select name="code"><option value="">any</option>
${letterCodes.map(code => html`<option${fields.code === code ? html` selected` : ''}>${code}</option>`)}</select></label>
${field('case', 'Case')}${field('after', 'After', '12h or 2026-01-31T09:30:00Z')}${field('before', 'Before')}${field('reason', 'Reason')}
<button>Filter</button></form>${alert(wrong)}`;
};

const row = (letter: Letter): Html =>
  html`<tr><td>${key(letter.code)} ${shortCode(letter.code)}</td><td><a href="/letters/${encodeURIComponent(letter.messageId)}">${shown(caseIdIn(letter.message.body) ?? 'no case')}</a></td>
<td><time datetime="${iso(letter.deadLetteredAt)}">${ago(letter.deadLetteredAt)}</time></td><td class="number">${number(letter.replays)}</td><td>${shown(reasonOf(letter))}</td></tr>`;

const removal = (view: View, asked: Asked): Html => {
  const discard = commandOf('discard', asked, view.stage);
  return html`<h2>To remove these for good</h2>${
    discard
      ? html`<p>The command line writes them to a file first, and asks.</p>${copy(discard)}`
      : html`<p>The command line has no filter by reason: choose them by code, case or time, and the command stands here.</p>`
  }`;
};

/** What a filter chooses, a page at a time. */
export const lettersPage = (view: View, asked: Asked, page: number): Html => {
  const chosen = asked.wrong ? [] : chosenOf(view.seen, asked);
  const pages = Math.max(1, Math.ceil(chosen.length / PAGE_SIZE));
  const here = Math.min(Math.max(1, page), pages);
  const turn = (to: number, words: string) =>
    to >= 1 && to <= pages
      ? html`<a href="/letters?${queryOf(asked.fields, { page: `${to}` })}">${words}</a>`
      : '';
  return layout(
    view,
    'Letters',
    html`${lookedAt(view)}${filterForm(asked)}
<p>${count(chosen.length, 'dead letter')}. ${chosen.length > 0 ? html`<a href="/replay?${queryOf(asked.fields)}">Repair and replay these</a>` : ''}</p>
<div class="wide"><table><thead><tr><th>Code</th><th>Case</th><th>Died</th><th>Replays</th><th>Reason</th></tr></thead>
<tbody>${chosen.slice((here - 1) * PAGE_SIZE, here * PAGE_SIZE).map(row)}</tbody></table></div>
<nav aria-label="More letters">${turn(here - 1, 'Earlier page')} <span>Page ${here} of ${pages}</span> ${turn(here + 1, 'Next page')}</nav>
${asked.wrong ? '' : removal(view, asked)}`,
  );
};

export const gonePage = (view: View): Html =>
  layout(
    view,
    'Not here',
    html`<p>No letter of this id was seen in the last look: it is gone, or new.</p>${lookedAt(view)}`,
  );

/** Everything about one letter. */
export const letterPage = (view: View, letter: Letter): Html => {
  const { message, failure, messageId } = letter;
  const caseId = caseIdIn(message.body);
  return layout(
    view,
    'One letter',
    html`<p class="soft">As it was seen at ${iso(view.seen.at).slice(11, 16)} UTC.</p>
<div class="wide"><table><tbody>${rowsOf(letter).map(([name, value]) => html`<tr><th scope="row">${shown(name)}</th><td>${shown(value)}</td></tr>`)}</tbody></table></div>
<h2>What to do</h2>${advised(view, letter.code)}<h2>Body</h2><pre>${shown(setOut(message.body))}</pre>
${failure ? html`<h2>Failure</h2><pre>${shown(JSON.stringify(failure, undefined, 2))}</pre>` : ''}
${caseId ? html`<p><a href="/replay?${queryOf({ case: caseId })}">Repair and replay the letters of this case</a></p>` : ''}
<h2>The same on the command line</h2>${copy(commandsFor(view.stage)('show', messageId).trimStart())}`,
  );
};
