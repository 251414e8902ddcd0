import { registerHooks } from 'node:module';
import type { Fault } from './world/faults.ts';

/** A mistake that someone could make: a text of the source, and what it would be. */
export interface Defect {
  name: string;
  file: string;
  from: string;
  to: string;
  faults: Fault[];
  seed: number;
  days?: number;
  perDay?: number;
  index?: number;
}

export const defects: Defect[] = [];

/**
 * Plants a defect: the module's source is replaced as it is loaded.
 *
 * @throws Error where the source no longer holds the text
 */
export const plantDefect = (name: string) => {
  const defect = defects.find(one => one.name === name);
  if (!defect) throw new Error(`There is no defect ${name}.`);
  const { file, from, to } = defect;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/lib/${file}`)) return loaded;
      const source = String(loaded.source);
      if (!source.includes(from))
        throw new Error(`lib/${file} no longer holds "${from}": adapt the defect ${name}.`);
      return { ...loaded, source: source.replace(from, () => to) };
    },
  });
};
