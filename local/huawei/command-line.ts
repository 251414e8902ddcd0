import { parseArgs } from 'node:util';
import { type HuaweiOptions, optionsSchema } from './options.ts';

/**
 * Options from a command line: one JSON object, flags over it (`--requests-per-second 100 --open-cases`), or both.
 * The values of flags are JSON, and text where they are not.
 */
export function optionsFrom(argv: string[]): HuaweiOptions {
  const names = Object.keys(optionsSchema.shape);
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: Object.fromEntries(
      names.map(name => [kebab(name), { type: name === 'openCases' ? 'boolean' : 'string' } as const]),
    ),
  });
  const given = names.flatMap(name => {
    const value = values[kebab(name)];
    return value === undefined ? [] : [[name, typeof value === 'string' ? parse(value) : value]];
  });
  return optionsSchema.parse({ ...JSON.parse(positionals[0] ?? '{}'), ...Object.fromEntries(given) });
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

function parse(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
