import type { Bars } from './scenario.ts';
import { digits } from './stats.ts';

const WIDTH = 760;
const LABELS = 190;
const VALUES = 150;
const BAR = 18;
const GAP = 6;
const HEAD = 34;

const escaped = (text: string): string =>
  text.replace(/[<>&"]/g, character => `&#${character.charCodeAt(0)};`);

const chart = ({ title, unit, bars }: Bars, top: number): string => {
  const most = Math.max(...bars.map(({ value }) => value));
  const [ours] = bars;
  const rows = bars.map(({ title: name, value }, index) => {
    const y = top + HEAD + index * (BAR + GAP);
    const width = Math.max(2, (value / most) * (WIDTH - LABELS - VALUES));
    const times = index === 0 || !ours ? '' : ` (${digits(value / ours.value)} ×)`;
    return [
      `<text x="${LABELS - 10}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="${index === 0 ? 'ours' : 'theirs'}" x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="3"/>`,
      `<text x="${(LABELS + width + 8).toFixed(1)}" y="${y + 14}">${digits(value)} ${unit}${times}</text>`,
    ].join('\n');
  });
  return [`<text class="title" x="0" y="${top + 22}">${escaped(title)}</text>`, ...rows].join('\n');
};

const heightOf = ({ bars }: Bars): number => HEAD + bars.length * (BAR + GAP) + 14;

/** Bars, ours first; the colours follow the reader's light or dark, on a ground of their own. */
export const pictureOf = (charts: Bars[]): string => {
  let top = 0;
  const drawn = charts.map(each => {
    const svg = chart(each, top);
    top += heightOf(each);
    return svg;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -4 ${WIDTH + 32} ${top + 8}" width="${WIDTH + 32}" role="img">
<title>This project beside its peers: less is better</title>
<style>
  svg { background: #ffffff; font: 13px system-ui, sans-serif }
  text { fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .ours { fill: #0969da }
  .theirs { fill: #a8b1bb }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 }
    text { fill: #e6edf3 }
    .ours { fill: #4493f8 }
    .theirs { fill: #57606a }
  }
</style>
${drawn.join('\n')}
</svg>
`;
};
