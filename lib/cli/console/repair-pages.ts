import { html } from 'hono/html';
import type { Letter } from '../../dead-letters/dead-letter.ts';
import { caseIdIn, receiptSchema } from '../../receipt/receipt.ts';
import { type Repair, repair } from '../../receipt/repair.ts';
import { ago, count, number } from '../screen/text.ts';
import { replayCommand, wordsOf } from './commands.ts';
import type { Run } from './look-and-replay.ts';
import { copy, layout, post, setOut, shown, type View } from './pages.ts';
import type { Html } from './picture.ts';
import { type Choice, chosenOf } from './seen.ts';

/** Before and after of so many are shown. */
const PREVIEWED = 10;

export const FIELDS = Object.keys(receiptSchema.shape) as (keyof Repair)[];

const hidden = (name: string, value: string | undefined): Html | string =>
  value === undefined ? '' : html`<input type="hidden" name="${name}" value="${value}">`;

/** The choice and the repair as fields of a form. */
const carried = ({ filter, reason }: Choice, set: Repair, rate: string): Html =>
  html`${hidden('code', filter.failure_code?.[0])}${hidden('case', filter.case_id)}${hidden('after', filter.after)}${hidden('before', filter.before)}${hidden('reason', reason)}${hidden('rate', rate)}
${Object.entries(set).map(([field, value]) => html`${hidden(`how_${field}`, value === null ? 'unset' : 'set')}${hidden(`to_${field}`, value ?? '')}`)}`;

const repairForm = (view: View, choice: Choice, set: Repair, rate: string): Html =>
  post(
    view,
    '/preview',
    html`<button>Preview</button>`,
    html`${carried(choice, {}, '')}<fieldset><legend>Repair</legend>${FIELDS.map(field => {
      const value = set[field];
      const how = value === undefined ? 'keep' : value === null ? 'unset' : 'set';
      const option = (name: string, words: string) =>
        html`<option value="${name}"${how === name ? html` selected` : ''}>${words}</option>`;
      return html`<div class="row"><label>${field} <select name="how_${field}">${option('keep', 'stays')}${option('set', 'set to')}${option('unset', 'taken away')}</select></label>
<input name="to_${field}" aria-label="new ${field}" value="${value ?? ''}"></div>`;
    })}</fieldset><label>At most <input name="rate" inputmode="numeric" size="6" value="${rate}"> messages a second</label>`,
  );

/** Lines that the other side has not are marked; a comma that a new last line asks for is no change. */
const marked = (text: string, other: string, tag: 'del' | 'mark'): Html => {
  const bare = (line: string) => line.replace(/,$/, '');
  const there = new Set(other.split('\n').map(bare));
  return html`<pre>${text.split('\n').map(line => {
    if (there.has(bare(line))) return html`${shown(line)}\n`;
    return tag === 'del' ? html`<del>${shown(line)}</del>\n` : html`<mark>${shown(line)}</mark>\n`;
  })}</pre>`;
};

const pair = (letter: Letter, set: Repair): Html => {
  const before = setOut(letter.message.body);
  const repaired = repair(letter.message.body, set);
  const title = html`<h3>${shown(caseIdIn(letter.message.body) ?? letter.messageId)}, died ${ago(letter.deadLetteredAt)}</h3>`;
  if ('failure' in repaired)
    return html`${title}<p class="wrong">This repair breaks a rule, the letter stays: ${shown(repaired.failure.detail)}</p><pre>${shown(before)}</pre>`;
  const after = setOut(repaired.body);
  return html`${title}<div class="pair"><div>Before${marked(before, after, 'del')}</div><div>After${marked(after, before, 'mark')}</div></div>`;
};

/** Choose, repair, see before and after; then a dry run. */
export const repairPage = (
  view: View,
  choice: Choice,
  set: Repair | undefined,
  rate = '',
  wrong?: string,
): Html => {
  const chosen = chosenOf(view.seen, choice);
  const sum = count(chosen.length, 'dead letter');
  const preview =
    set === undefined || wrong || chosen.length === 0
      ? ''
      : html`<h2>The first ${number(Math.min(PREVIEWED, chosen.length))}, before and after</h2>${chosen.slice(0, PREVIEWED).map(letter => pair(letter, set))}
<h2>Next: a dry run</h2><p>It looks at the queue and counts; nothing is sent.</p>
${post(view, '/run', html`<button class="act">Dry run of ${sum}</button>`, html`${carried(choice, set, rate)}${hidden('dry', 'yes')}`)}`;
  return layout(
    view,
    'Repair and replay',
    html`<p>${sum} chosen: ${shown(wordsOf(choice, set ?? {}))}. <a href="/letters">Choose others</a></p>
${wrong ? html`<p class="wrong" role="alert">${shown(wrong)}</p>` : ''}${repairForm(view, choice, set ?? {}, rate)}${preview}`,
  );
};

const outcome = (run: Run, view: View): Html => {
  const { counts, isDry, refused, trouble, back, choice, set, rate } = run;
  const sent = isDry ? counts.matched - counts.guarded - counts.failed : counts.replayed;
  const command = replayCommand(choice, set, view.stage);
  return html`<ul><li>${isDry ? 'Would be sent' : 'Sent'}: ${number(sent)}</li>
${counts.guarded > 0 ? html`<li>Replayed three times or more already, they stay: ${number(counts.guarded)}</li>` : ''}
${counts.failed > 0 ? html`<li>Refused, they stay: ${number(counts.failed)}</li>` : ''}
${counts.duplicated > 0 ? html`<li>Sent, but they could not be removed and may come twice, which is harmless: ${number(counts.duplicated)}</li>` : ''}
${run.gone > 0 ? html`<li>Gone since the look, or hidden by another run: ${number(run.gone)}</li>` : ''}</ul>
${[...refused].map(([reason, times]) => html`<p class="wrong">${number(times)}: ${shown(reason)}</p>`)}
${trouble ? html`<p class="wrong" role="alert">${shown(trouble)}</p>` : ''}
${back ? html`<p role="status">${shown(back)}</p>` : run.isOver ? '' : html`<p role="status">In a minute this says what of it came back dead.</p>`}
${
  isDry && sent > 0
    ? html`<h2>Send them?</h2><p>Receipts that are late by then are looked at first: where the other side has written since, nothing is marked.</p>
${post(view, '/run', html`<button class="act">Send ${count(sent, 'message')} to ${view.place}</button>`, carried(choice, set, rate))}
<p>${shown(wordsOf(choice, set))}.</p>`
    : ''
}${command ? html`<h2>The same on the command line</h2>${copy(command)}` : ''}`;
};

/** What is running, or how the last run ended. */
export const runPage = (view: View, run: Run): Html => {
  const { counts, isRunning, startedAt, expected, what } = run;
  const rate = counts.scanned / Math.max(1, (Date.now() - startedAt) / 1000);
  const line = `${number(counts.scanned)} looked at, ${number(counts.replayed)} sent, ${number(Math.round(rate))} a second`;
  return layout(
    view,
    isRunning ? what : `${what}: ended${run.counts.stopped === 'done' ? '' : ` (${run.counts.stopped})`}`,
    html`<div data-running="${run.isOver ? 'no' : 'yes'}" data-from="/run" aria-live="polite">${
      isRunning
        ? html`<p><progress max="${Math.max(1, expected)}" value="${Math.min(expected, counts.scanned)}" aria-label="${what}"></progress></p><p><output>${line}</output></p>
${post(view, '/stop', html`<button>Stop</button>`)}<noscript><p><a href="/run">How far is it now?</a></p></noscript>`
        : outcome(run, view)
    }</div>`,
  );
};
