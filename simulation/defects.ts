import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import type { Spec } from './spec.ts';

/** A mistake that someone could make: a text of the source, what it would be, and the season that shows it. */
interface Defect {
  name: string;
  file: string;
  from: string;
  to: string;
  spec: Spec;
}

export const defects: Defect[] = readFileSync(new URL('defects.txt', import.meta.url), 'utf8')
  .split(/\n\n+/)
  .filter(block => !block.startsWith('#'))
  .map(block => {
    const [name = '', where = '', from = '', to = ''] = block.split('\n');
    const [file = '', ...season] = where.trim().split(' ');
    const usual = { seed: 1, index: 0, days: 2, life: 'long' };
    const spec = { ...usual, ...JSON.parse(season.join(' ')) };
    return { name, file, from: from.slice(2), to: to.slice(2), spec };
  });

/**
 * Plants a defect: the module's source is replaced as it is loaded.
 *
 * @throws Error where the source does not hold the text exactly once
 */
export const plantDefect = (name: string) => {
  const defect = defects.find(one => one.name === name);
  if (!defect) throw new Error(`There is no defect "${name}".`);
  const { file, from, to } = defect;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/lib/${file}`)) return loaded;
      const parts = String(loaded.source).split(from);
      if (parts.length !== 2) throw new Error(`lib/${file} does not hold "${from}" once: adapt "${name}".`);
      return { ...loaded, source: parts.join(to) };
    },
  });
};
