import { readFileSync } from 'node:fs';
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { adviceFor } from '../../advice.ts';
import { commandsFor } from '../../command.ts';
import { number, plain, sentence } from '../../screen/text.ts';
import type { Seen } from '../look.ts';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** What every page knows. */
export interface View {
  stage: string | undefined;
  /** For people: the stage, or the name of the queue. */
  place: string;
  token: string;
  seen: Seen;
}

const asset = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
/** Name, media type, content; the build puts them beside the program. */
export const assets = [
  ['style.css', 'text/css', asset('style.css')],
  ['page.js', 'text/javascript', asset('page.js')],
] as const;

export const iso = (at: number): string => new Date(at).toISOString();

/** Text of others is shown as text, without what a screen obeys (direction marks, controls but line ends). */
export const shown = (text: string): string => text.split('\n').map(plain).join('\n');

/** JSON set out over lines, as it is where it is no JSON. */
export const setOut = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
};

const hidden = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}">`;

/** A form that may change something; `fields` go with it unseen. */
export const post = ({ token }: View, to: string, content: Html, fields: Record<string, string> = {}): Html =>
  html`<form method="post" action="${to}">${Object.entries({ token, ...fields }).map(field => hidden(...field))}${content}</form>`;

export const copy = (text: string): Html =>
  html`<pre>${text}</pre><button type="button" data-copy="${text}" hidden>Copy</button>`;

export const alert = (text: string | undefined): Html | string =>
  text ? html`<p class="wrong" role="alert">${shown(text)}</p>` : '';

/** The runbook's words for a code, and its command; `id` names one of several letters. */
export const advised = ({ stage }: View, code: string, id?: string): Html => {
  const lines = adviceFor(code, commandsFor(stage), id).split('\n');
  return html`${lines.map(line => (line.startsWith('  ') ? copy(line.trim()) : html`<p>${line}</p>`))}`;
};

/** How much was looked at, when, and the button that looks again. */
export const lookedAt = (view: View): Html => {
  const { letters, at, about, trouble } = view.seen;
  const isAll = about <= letters.length;
  const rest = isAll ? '' : ' The others are new, hidden by another run, or too many to hold here.';
  return html`<div class="row"><span>${number(letters.length)}${isAll ? '' : ` of about ${number(about)}`} looked at, at <time datetime="${iso(at)}">${iso(at).slice(11, 16)} UTC</time>.${rest}</span>
${post(view, '/look', html`<button>Look again</button>`)}</div>${alert(trouble && sentence(trouble))}`;
};

export const layout = (view: View, title: string, body: Html): Html =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · read-receipt-relay</title><link rel="stylesheet" href="/style.css"><script type="module" src="/page.js"></script></head>
<body><header><strong>read-receipt-relay · ${view.place}</strong>
<nav aria-label="Pages"><a href="/">At a glance</a><a href="/letters">Letters</a><a href="/replay">Repair and replay</a></nav></header>
<main><h1>${title}</h1>${body}</main></body></html>`;
