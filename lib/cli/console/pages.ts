import { html } from 'hono/html';
import { firstSentAt, type Letter } from '../../dead-letters/dead-letter.ts';
import { letterCodes } from '../../dead-letters/request.ts';
import { caseIdIn } from '../../receipt/receipt.ts';
import type { Depth } from '../../sqs/queue.ts';
import { adviceFor } from '../advice.ts';
import { commandsFor } from '../command.ts';
import { ago, count, number, plain } from '../screen/text.ts';
import { discardCommand, showCommand } from './commands.ts';
import { type Html, histogram, key } from './picture.ts';
import { type Choice, chosenOf, groupsOf, reasonOf, type Seen } from './seen.ts';

/** What every page knows. */
export interface View {
  stage: string | undefined;
  /** For people: the stage, or the name of the queue. */
  place: string;
  token: string;
  seen: Seen;
}

const PAGE_SIZE = 50;

const iso = (at: number): string => new Date(at).toISOString();

export const queryOf = ({ filter, reason }: Choice, more: Record<string, string> = {}): string => {
  const { failure_code, case_id, after, before } = filter;
  const fields = { code: failure_code?.[0], case: case_id, after, before, reason, ...more };
  const set = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(set).toString();
};

/** Text of others is shown as text, without what a screen obeys (direction marks, controls but line ends). */
export const shown = (text: string): string => text.split('\n').map(plain).join('\n');

export const post = (view: View, to: string, button: Html | string, fields: Html | string = ''): Html =>
  html`<form method="post" action="${to}"><input type="hidden" name="token" value="${view.token}">${fields}${button}</form>`;

export const copy = (text: string): Html =>
  html`<pre>${text}</pre><button type="button" data-copy="${text}" hidden>Copy</button>`;

export const layout = (view: View, title: string, body: Html): Html =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · read-receipt-relay</title><link rel="stylesheet" href="/style.css"><script type="module" src="/page.js"></script></head>
<body><header><strong>read-receipt-relay · ${view.place}</strong>
<nav aria-label="Pages"><a href="/">At a glance</a><a href="/letters">Letters</a><a href="/replay">Repair and replay</a></nav></header>
<main><h1>${title}</h1>${body}</main></body></html>`;

const lookedAt = (view: View): Html => {
  const { letters, at, about } = view.seen;
  const of = about > letters.length ? ` of about ${number(about)}` : '';
  return html`<div class="row"><span>${number(letters.length)}${of} looked at, at <time datetime="${iso(at)}">${iso(at).slice(11, 16)} UTC</time>. ${
    about > letters.length ? 'The others are new, hidden by another run, or too many to hold here.' : ''
  }</span>${post(view, '/look', html`<button>Look again</button>`)}</div>`;
};

const told = (depth: Depth | { error: unknown }, of: (depth: Depth) => number): string =>
  'error' in depth ? 'SQS does not say' : number(of(depth));

/** The runbook's words, and its command. */
const advised = ({ stage }: View, { code, messageId }: Letter): Html => {
  const lines = adviceFor(code, commandsFor(stage), messageId)
    .split('\n')
    .map(line => line.trim());
  return html`${lines.map(line => (line.startsWith('npx ') ? copy(line) : html`<p>${line}</p>`))}`;
};

const numbers = (list: [string, string][]): Html =>
  html`<ul class="numbers">${list.map(([name, value]) => html`<li><b>${value}</b>${name}</li>`)}</ul>`;

export const overview = (
  view: View,
  depths: Record<'receipts' | 'dead', Depth | { error: unknown }>,
): Html => {
  const { letters } = view.seen;
  const groups = groupsOf(letters);
  const oldest = groups.reduce((at, group) => Math.min(at, group.oldest), Number.POSITIVE_INFINITY);
  const codes = [...new Set(groups.map(({ code }) => code))];
  const { receipts, dead } = depths;
  return layout(
    view,
    'At a glance',
    html`${lookedAt(view)}
${numbers([
  ['receipts waiting', told(receipts, ({ visible }) => visible)],
  ['receipts in flight or backing off', told(receipts, ({ hidden, delayed }) => hidden + delayed)],
  ['dead letters', told(dead, ({ visible, hidden }) => visible + hidden)],
  ['oldest dead letter', letters.length > 0 ? ago(oldest) : 'none'],
])}
<h2>When they died</h2>${histogram(letters.map(({ code, deadLetteredAt }) => ({ code, at: deadLetteredAt })))}
<h2>Why they died</h2><div class="wide"><table><thead><tr><th>Code</th><th>Count</th><th>Oldest</th><th>Reason</th></tr></thead><tbody>
${groups.slice(0, PAGE_SIZE).map(
  group => html`<tr><td class="short">${key(group.code)} ${plain(group.code)}</td><td class="number">${number(group.count)}</td><td class="short">${ago(group.oldest)}</td>
<td><a href="/letters?${queryOf({ filter: { failure_code: [group.code] as never }, reason: group.reason })}">${shown(group.reason)}</a></td></tr>`,
)}</tbody></table></div>
${groups.length > PAGE_SIZE ? html`<p>And ${count(groups.length - PAGE_SIZE, 'more reason')}.</p>` : ''}
${codes.length > 0 ? html`<h2>What to do</h2><dl>${codes.map(code => html`<dt><b>${plain(code)}</b></dt><dd>${advised(view, letters.find(letter => letter.code === code) as Letter)}</dd>`)}</dl>` : ''}`,
  );
};

const filterForm = (choice: Choice, wrong: string | undefined): Html => {
  const { failure_code, case_id, after, before } = choice.filter;
  const field = (name: string, label: string, value: string | undefined, hint = '') =>
    html`<label>${label} <input name="${name}" value="${value ?? ''}" placeholder="${hint}"></label>`;
  return html`<form method="get" action="/letters"><label>Code <select name="code"><option value="">any</option>
${letterCodes.map(code => html`<option${failure_code?.[0] === code ? html` selected` : ''}>${code}</option>`)}</select></label>
${field('case', 'Case', case_id)}${field('after', 'After', after, '12h or 2026-01-31T09:30:00Z')}${field('before', 'Before', before)}${field('reason', 'Reason', choice.reason)}
<button>Filter</button></form>${wrong ? html`<p class="wrong" role="alert">${wrong}</p>` : ''}`;
};

export const letters = (view: View, choice: Choice, page: number, wrong?: string): Html => {
  const chosen = wrong ? [] : chosenOf(view.seen, choice);
  const pages = Math.max(1, Math.ceil(chosen.length / PAGE_SIZE));
  const here = Math.min(Math.max(1, page), pages);
  const turn = (to: number, words: string) =>
    to >= 1 && to <= pages ? html`<a href="/letters?${queryOf(choice, { page: `${to}` })}">${words}</a>` : '';
  const discard = discardCommand(choice, view.stage);
  return layout(
    view,
    'Letters',
    html`${lookedAt(view)}${filterForm(choice, wrong)}
<p>${count(chosen.length, 'dead letter')}. ${chosen.length > 0 ? html`<a href="/replay?${queryOf(choice)}">Repair and replay these</a>` : ''}</p>
<div class="wide"><table><thead><tr><th>Code</th><th>Case</th><th>Died</th><th>Replays</th><th>Reason</th></tr></thead><tbody>
${chosen.slice((here - 1) * PAGE_SIZE, here * PAGE_SIZE).map(
  letter => html`<tr><td>${key(letter.code)} ${plain(letter.code)}</td><td><a href="/letters/${encodeURIComponent(letter.messageId)}">${shown(caseIdIn(letter.message.body) ?? 'no case')}</a></td>
<td><time datetime="${iso(letter.deadLetteredAt)}">${ago(letter.deadLetteredAt)}</time></td><td class="number">${number(letter.replays)}</td><td>${shown(reasonOf(letter))}</td></tr>`,
)}</tbody></table></div>
<nav aria-label="More letters">${turn(here - 1, 'Earlier page')} <span>Page ${here} of ${pages}</span> ${turn(here + 1, 'Next page')}</nav>
<h2>To remove these for good</h2>${
      discard
        ? html`<p>The command line writes them to a file first, and asks.</p>${copy(discard)}`
        : html`<p>The command line has no filter by reason: choose them by code, case or time, and the command stands here.</p>`
    }`,
  );
};

/** JSON set out over lines, as it is where it is no JSON. */
export const setOut = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
};

export const gone = (view: View): Html =>
  layout(
    view,
    'Not here',
    html`<p>No letter of this id was seen in the last look: it is gone, or new.</p>${lookedAt(view)}`,
  );

export const letterPage = (view: View, letter: Letter): Html => {
  const { message, failure } = letter;
  const caseId = caseIdIn(message.body) || undefined;
  const sentAt = firstSentAt(message, letter.sentAt) ?? letter.sentAt;
  const rows: [string, string | undefined][] = [
    ['Message', letter.messageId],
    ['Code', letter.code],
    ['Reason', reasonOf(letter)],
    ['Died', `${iso(letter.deadLetteredAt)}, ${ago(letter.deadLetteredAt)}`],
    ['First sent', `${iso(sentAt)}, ${ago(sentAt)}`],
    ['Replayed before', count(letter.replays, 'time')],
    ['Receives', failure?.attempts === undefined ? undefined : number(failure.attempts)],
    ['Message group', message.groupId],
    ['Trace', message.traceHeader],
  ];
  const attributes = Object.entries(message.attributes).filter(([name]) => name !== 'failure');
  return layout(
    view,
    'One letter',
    html`<p class="soft">As it was seen at ${iso(view.seen.at).slice(11, 16)} UTC.</p>
<div class="wide"><table><tbody>${rows.map(([name, value]) => (value === undefined ? '' : html`<tr><th scope="row">${name}</th><td>${shown(value)}</td></tr>`))}
${attributes.map(([name, { DataType, StringValue }]) => html`<tr><th scope="row">Attribute ${shown(name)}</th><td>${shown(StringValue ?? 'bytes')} <span class="soft">${plain(DataType ?? '')}</span></td></tr>`)}</tbody></table></div>
<h2>What to do</h2>${advised(view, letter)}<h2>Body</h2><pre>${shown(setOut(message.body))}</pre>
${failure ? html`<h2>Failure</h2><pre>${shown(JSON.stringify(failure, undefined, 2))}</pre>` : ''}
${caseId === undefined ? '' : html`<p><a href="/replay?${queryOf({ filter: { case_id: caseId } })}">Repair and replay the letters of this case</a></p>`}
<h2>The same on the command line</h2>${copy(showCommand(letter.messageId, view.stage))}`,
  );
};
