import type { ReplayRequest } from '../../dead-letters/request.ts';
import { commandsFor } from '../command.ts';
import {
  assignment,
  codes,
  FIELDS,
  type Options,
  optionWords,
  RATE,
  requestOf,
  time,
  unset,
} from '../options.ts';

/** Those that choose letters, and alone may stand in an address. */
export const CHOOSING = ['code', 'case', 'after', 'before', 'reason'] as const;
const NAMES: string[] = [...CHOOSING, 'rate', ...FIELDS.flatMap(field => [`set_${field}`, `unset_${field}`])];

/** Which letters, changed how, and how fast: what a form or an address of the page asks for. */
export interface Asked {
  /** As they were sent, without empty ones; times in ISO 8601. */
  fields: Record<string, string>;
  /** The same as options of the command line, which knows no reason. */
  options: Options;
  request: ReplayRequest;
  /** What is wrong with it, in words: then nothing is to be done. */
  wrong?: string;
}

/** Reads what the browser sent, by the rules of the command line's options. Never throws. */
export const readForm = (given: Record<string, unknown>): Asked => {
  const fields: Asked['fields'] = {};
  for (const name of NAMES) {
    const value = given[name];
    if (typeof value === 'string' && value !== '') fields[name] = value;
  }
  const { code, case: id, rate } = fields;
  const options: Options = {};
  try {
    if (code) options.code = codes(code);
    if (id) options.case = id;
    if (rate) options.rate = RATE(rate, undefined);
    // "12h" is a time from here on, so that every page means the same.
    for (const name of ['after', 'before'] as const)
      if (fields[name]) fields[name] = options[name] = time(fields[name], undefined);
    for (const field of FIELDS) {
      const value = fields[`set_${field}`];
      if (value) options.set = assignment(`${field}=${value}`, options.set);
      if (fields[`unset_${field}`]) options.unset = unset(field, options.unset);
    }
    return { fields, options, request: requestOf(options) };
  } catch (error) {
    return { fields, options: {}, request: { all: true }, wrong: (error as Error).message };
  }
};

/** The letters alone, for an address. */
export const queryOf = (fields: Asked['fields'], more: Record<string, string> = {}): string =>
  new URLSearchParams([
    ...Object.entries(fields).filter(([name]) => CHOOSING.some(each => each === name)),
    ...Object.entries(more),
  ]).toString();

/** What is chosen, in words. */
export const choiceWords = (fields: Asked['fields']): string =>
  CHOOSING.flatMap(name => (fields[name] === undefined ? [] : [`${name} “${fields[name]}”`])).join(', ') ||
  'all letters';

/** The command that does the same; undefined where a reason is chosen, as it would take more. */
export const commandOf = (
  verb: 'discard' | 'replay',
  { options, fields }: Asked,
  stage: string | undefined,
): string | undefined => {
  const { set: _, unset: __, rate: ___, ...choosing } = options;
  const words = optionWords(verb === 'replay' ? options : choosing);
  return fields.reason === undefined ? commandsFor(stage)(verb, ...words).trimStart() : undefined;
};
