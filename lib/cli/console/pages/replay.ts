import { html } from 'hono/html';
import type { Letter } from '../../../dead-letters/dead-letter.ts';
import { MAX_REPLAYS_DEFAULT } from '../../../dead-letters/request.ts';
import { caseIdIn } from '../../../receipt/receipt.ts';
import { type Repair, repair } from '../../../receipt/repair.ts';
import { replayAsides } from '../../letters/replay-words.ts';
import { FIELDS, OPTIONAL } from '../../options.ts';
import { ago, count, number, sentence } from '../../screen/text.ts';
import { type Asked, CHOOSING, choiceWords, commandOf } from '../form.ts';
import { chosenOf } from '../look.ts';
import { progressWords, type Run, type Work } from '../replay.ts';
import { alert, copy, type Html, layout, post, setOut, shown, type View } from './layout.ts';

/** Before and after of so many are shown. */
const PREVIEWED = 10;

const repairForm = (view: View, { fields }: Asked): Html => {
  const set = (field: string) =>
    html`<label>${field} <input name="set_${field}" placeholder="stays" value="${fields[`set_${field}`] ?? ''}"></label>`;
  const unset = (field: string) =>
    html`<label><input type="checkbox" name="unset_${field}" value="yes"${fields[`unset_${field}`] ? html` checked` : ''}> take ${field} away</label>`;
  const chosen = CHOOSING.flatMap(name => (fields[name] === undefined ? [] : [[name, fields[name]]]));
  return post(
    view,
    '/replay',
    html`<fieldset><legend>Repair</legend>${FIELDS.map(field => html`<div class="row">${set(field)} ${OPTIONAL.includes(field) ? unset(field) : ''}</div>`)}</fieldset>
<label>At most <input name="rate" inputmode="numeric" size="6" value="${fields.rate ?? ''}"> messages a second</label><button>Preview</button>`,
    Object.fromEntries(chosen),
  );
};

/** Lines that the other side has not are marked; a comma that a new last line asks for is no change. */
const marked = (text: string, other: string, tag: 'del' | 'mark'): Html => {
  const bare = (line: string) => line.replace(/,$/, '');
  const there = new Set(other.split('\n').map(bare));
  return html`<pre>${text.split('\n').map(line => {
    if (there.has(bare(line))) return html`${shown(line)}\n`;
    return tag === 'del' ? html`<del>${shown(line)}</del>\n` : html`<mark>${shown(line)}</mark>\n`;
  })}</pre>`;
};

const pair = (letter: Letter, set: Repair | undefined): Html => {
  const before = setOut(letter.message.body);
  const title = html`<h3>${shown(caseIdIn(letter.message.body) ?? letter.messageId)}, died ${ago(letter.deadLetteredAt)}</h3>`;
  const alone = (why: string) => html`${title}<p class="wrong">${shown(why)}</p><pre>${shown(before)}</pre>`;
  if (letter.replays >= MAX_REPLAYS_DEFAULT)
    return alone(
      `It was replayed ${count(letter.replays, 'time')} already, and stays: --max-replays of the command line raises that.`,
    );
  const repaired = repair(letter.message.body, set ?? {});
  if ('failure' in repaired) {
    const becomes = set
      ? 'After the repair it is no valid receipt, and stays'
      : 'It will come back dead as it is';
    return alone(`${becomes}: ${repaired.failure.detail}`);
  }
  const after = setOut(repaired.body);
  return html`${title}<div class="pair"><div>Before${marked(before, after, 'del')}</div><div>After${marked(after, before, 'mark')}</div></div>`;
};

/** Choose and repair; once it was sent as a form, before and after, and the button of a dry run. */
export const replayPage = (view: View, asked: Asked, isSent: boolean, wrong = asked.wrong): Html => {
  const chosen = asked.chooses ? chosenOf(view.seen, asked) : [];
  const sum = count(chosen.length, 'dead letter');
  const first = chosen.slice(0, PREVIEWED);
  const preview =
    isSent && !asked.wrong && chosen.length > 0
      ? html`<h2>The first ${number(first.length)}, before and after</h2>${first.map(letter => pair(letter, asked.request.set))}
<h2>Next: a dry run</h2><p>It looks at the queue and counts; nothing is sent.</p>
${post(view, '/run', html`<button class="act">Dry run of ${sum}</button>`, { ...asked.fields, dry: 'yes' })}`
      : '';
  return layout(
    view,
    'Repair and replay',
    html`<p>${asked.chooses ? `${sum} chosen: ${shown(choiceWords(asked.fields))}` : 'Nothing is chosen yet'}. <a href="/letters">Choose others</a></p>
${alert(wrong)}${repairForm(view, asked)}${preview}`,
  );
};

/** How far a look, a dry run or a replay is. The script follows it. */
export const workPage = (view: View, work: Work): Html => {
  const { what, scanned, expected } = work;
  return layout(
    view,
    what,
    html`<div data-state="${what}"><p><progress max="${Math.max(1, expected)}" value="${scanned}" aria-label="${what}"></progress></p>
<p><output>${progressWords(work)}</output></p>${post(view, '/stop', html`<button>Stop</button>`)}<noscript><p><a href="">How far is it now?</a></p></noscript></div>`,
  );
};

/** How the last dry run or replay ended. */
export const runPage = (view: View, { asked, isDry, chosen, warnings, result, back, isOver }: Run): Html => {
  const { matched, guarded, failed, replayed, stopped } = result.counts;
  const sent = isDry ? matched - guarded - failed : replayed;
  const gone = stopped === 'done' ? chosen - matched : 0;
  const command = commandOf('replay', asked, view.stage);
  const what = html`<p>${shown(sentence(choiceWords(asked.fields)))}. ${warnings.map(shown).join(' ')}</p>`;
  return layout(
    view,
    `${isDry ? 'Dry run' : 'Replay'}: ended${stopped === 'done' ? '' : ` (${stopped})`}`,
    html`<div data-state="${isOver ? 'over' : 'waiting'}"><ul><li>${isDry ? 'Would be sent' : 'Sent'}: ${number(sent)}</li>
${gone > 0 ? html`<li>Gone since the look, or hidden by another run: ${number(gone)}</li>` : ''}
${replayAsides(result).map(words => html`<li>${shown(words)}</li>`)}</ul>${alert(result.trouble && sentence(result.trouble))}
${isOver && !back ? '' : html`<p role="status">${shown(back ?? 'In a minute this says what of it came back dead.')}</p>`}
${isDry && sent > 0 ? html`<h2>Send them?</h2>${what}${post(view, '/run', html`<button class="act">Send ${count(sent, 'message')} to ${view.place}</button>`, asked.fields)}` : ''}
${command ? html`<h2>The same on the command line</h2>${copy(command)}` : ''}</div>`,
  );
};
