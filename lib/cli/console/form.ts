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
  /** All that is wrong with it, in words, the field's name first: then nothing is to be done. */
  wrong?: string;
  /** What chooses letters is right, whatever else is wrong; where it is not, none is chosen. */
  chooses: boolean;
}

/** Reads what the browser sent, by the rules of the command line's options. Never throws. */
export const readForm = (given: Record<string, unknown>): Asked => {
  const fields: Asked['fields'] = {};
  for (const name of NAMES) {
    const value = given[name];
    if (typeof value === 'string' && value !== '') fields[name] = value;
  }
  const wrong: string[] = [];
  const attempt = <T>(read: () => T, named = ''): T | undefined => {
    try {
      return read();
    } catch (error) {
      wrong.push(`${named}${(error as Error).message}`);
      return undefined;
    }
  };
  const readField = <T>(name: string, read: (value: string) => T): T | undefined => {
    const value = fields[name];
    return value === undefined ? undefined : attempt(() => read(value), `${name}: `);
  };

  const choice: Options = {};
  const code = readField('code', value => codes(value));
  if (code) choice.code = code;
  if (fields.case) choice.case = fields.case;
  // "12h" is a time from here on, so that every page means the same.
  for (const name of ['after', 'before'] as const) {
    const at = readField(name, value => time(value, undefined));
    if (at) fields[name] = choice[name] = at;
  }
  const chosen = attempt(() => requestOf(choice));
  const chooses = wrong.length === 0;

  const changes: Options = {};
  const rate = readField('rate', value => RATE(value, undefined));
  if (rate) changes.rate = rate;
  for (const field of FIELDS) {
    const value = fields[`set_${field}`];
    // What is wrong with it names the field.
    const set = value && attempt(() => assignment(`${field}=${value}`, changes.set));
    if (set) changes.set = set;
    const without = fields[`unset_${field}`] && attempt(() => unset(field, changes.unset));
    if (without) changes.unset = without;
  }
  attempt(() => requestOf(changes));
  if (wrong.length > 0)
    return { fields, options: {}, request: chosen ?? { all: true }, wrong: wrong.join(' '), chooses };
  const options = { ...choice, ...changes };
  return { fields, options, request: requestOf(options), chooses };
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
