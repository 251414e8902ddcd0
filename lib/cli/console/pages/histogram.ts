import { html } from 'hono/html';
import { failureCodes } from '../../../failure.ts';
import { number } from '../../screen/text.ts';
import type { Html } from './layout.ts';

const HOUR_MS = 3_600_000;
/** Columns that can still be told apart at 360 pixels; of a longer time each column is several hours. */
const MOST_COLUMNS = 84;
const WIDTH = 840;
const HEIGHT = 120;

interface Death {
  code: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** The stylesheet has a colour for each code that we write. */
const colourOf = (code: string): string =>
  (failureCodes as readonly string[]).includes(code) ? code : 'other';

export const key = (code: string): Html =>
  html`<svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" class="${colourOf(code)}"/></svg>`;

const hourOf = (at: number): string => `${new Date(at).toISOString().slice(0, 13).replace('T', ' ')}:00Z`;

/** How many letters died in each hour, stacked by code. A picture without script; its text says the same. */
export const histogram = (deaths: Death[]): Html => {
  if (deaths.length === 0) return html`<p class="soft">No dead letters.</p>`;
  const times = deaths.map(({ at }) => at);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const from = Math.floor(first / HOUR_MS) * HOUR_MS;
  const hours = Math.floor((last - from) / HOUR_MS) + 1;
  const perColumn = Math.ceil(hours / MOST_COLUMNS);
  const columnMs = perColumn * HOUR_MS;
  const columns = Array.from({ length: Math.ceil(hours / perColumn) }, () => new Map<string, number>());
  for (const { code, at } of deaths) {
    const column = columns[Math.floor((at - from) / columnMs)] as Map<string, number>;
    column.set(code, (column.get(code) ?? 0) + 1);
  }
  const sumOf = (column: Map<string, number>) => [...column.values()].reduce((sum, count) => sum + count, 0);
  const most = Math.max(...columns.map(sumOf));
  const step = WIDTH / columns.length;
  const bars = columns.map((column, index) => {
    let top = HEIGHT;
    const title = [...column].map(([code, count]) => `${code} ${number(count)}`).join(', ');
    const parts = [...column].map(([code, count]) => {
      const height = (count / most) * (HEIGHT - 4);
      top -= height;
      return html`<rect class="${colourOf(code)}" x="${(index * step).toFixed(1)}" y="${top.toFixed(1)}" width="${Math.max(1, Math.min(step - 1, 40)).toFixed(1)}" height="${height.toFixed(1)}"/>`;
    });
    return html`<g><title>${hourOf(from + index * columnMs)}: ${title}</title>${parts}</g>`;
  });
  const words = `${number(deaths.length)} dead letters by the ${perColumn === 1 ? 'hour' : `${perColumn} hours`} of their death, from ${hourOf(first)} to ${hourOf(last)}, at most ${number(most)} in a column`;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 1}" preserveAspectRatio="none" role="img" aria-label="${words}">
<line x1="0" x2="${WIDTH}" y1="${HEIGHT}" y2="${HEIGHT}"/>${bars}</svg>
<p class="soft">${words}.</p>`;
};
