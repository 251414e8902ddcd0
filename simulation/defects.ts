import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { type CredentialsKind, credentialsKinds } from './world/accounts.ts';
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
  life: 'long' | 'aged' | 'brief';
  credentials?: CredentialsKind;
  lateReceipts?: string | undefined;
}

const lives = ['aged', 'brief'] as const;

/** Reads defects.txt: a name, where and with what, the text as it is, and as it is planted. */
const readDefects = (): Defect[] =>
  readFileSync(new URL('defects.txt', import.meta.url), 'utf8')
    .split(/\n\n+/)
    .filter(block => !block.startsWith('#'))
    .map(block => {
      const [name = '', where = '', from = '', to = ''] = block.trim().split('\n');
      const [file = '', ...words] = where.trim().split(/\s+/);
      const faults = faultNames.filter(fault => words.includes(fault));
      const text = (word: string) => words.find(one => one.startsWith(`${word}=`))?.slice(word.length + 1);
      const measure = text('measure');
      const credentials = credentialsKinds.find(kind => words.includes(kind));
      const life = lives.find(one => words.includes(one)) ?? 'long';
      return {
        name,
        file,
        from: from.slice(2),
        to: to.slice(2),
        seed: Number(text('seed') ?? 1),
        days: Number(text('days') ?? 2),
        life,
        ...(credentials && { credentials }),
        lateReceipts: text('late'),
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
