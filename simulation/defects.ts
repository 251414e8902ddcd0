import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { type Fault, faultNames } from './world/faults.ts';

/** A mistake that someone could make: a text of the source, what it would be, and the world that shows it. */
export interface Defect {
  name: string;
  file: string;
  from: string;
  to: string;
  seed: number;
  days: number;
  faults?: Fault[];
  measure?: string;
  isShort: boolean;
}

/** Reads defects.txt: a name, where and with what, the text as it is, and as it is planted. */
const readDefects = (): Defect[] =>
  readFileSync(new URL('defects.txt', import.meta.url), 'utf8')
    .split(/\n\n+/)
    .filter(block => !block.startsWith('#'))
    .map(block => {
      const [name = '', where = '', from = '', to = ''] = block.trim().split('\n');
      const [file = '', ...words] = where.trim().split(/\s+/);
      const faults = faultNames.filter(fault => words.includes(fault));
      const number = (word: string, otherwise: number) =>
        Number(words.find(one => one.startsWith(`${word}=`))?.slice(word.length + 1) ?? otherwise);
      const measure = words.find(one => one.startsWith('measure='))?.slice('measure='.length);
      return {
        name,
        file,
        from: from.slice(2),
        to: to.slice(2),
        seed: number('seed', 1),
        days: number('days', 2),
        isShort: words.includes('short'),
        ...(measure ? { measure } : { faults }),
      };
    });

export const defects = readDefects();

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
