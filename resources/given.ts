// Where params come from: the command line over the stage's file over `params:` in serverless.yml.
import { readFile } from 'node:fs/promises';
import { isObject } from '../lib/json.ts';
import { type Given, PARAMS } from './params.ts';
import { readSettings } from './settings.ts';

/** What Serverless gives to whoever resolves a variable. */
export interface VariableRequest {
  address: string;
  options: { param?: string[] };
  resolveVariable: (variable: string) => Promise<unknown>;
}

/** Serverless says that a variable has no value, but not which: those of the environment, with the params they are for. */
const unsetIn = async (file: string) => {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.flatMap(line => {
    const [, param, value = ''] = /^(\w+)\s*:(.*)/.exec(line) ?? [];
    // One with a default has a comma before the brace.
    const names = Array.from(value.matchAll(/\$\{env:([^},]+)\}/g), ([, name = '']) => name.trim());
    return names
      .filter(name => process.env[name] === undefined)
      .map(
        name =>
          `${param} in ${file} is \${env:${name}}, and the environment has no ${name}: set it for this command`,
      );
  });
};

/** The stage's own file: a flat map of params, or nothing. */
const readStageFile = async (file: string, resolveVariable: VariableRequest['resolveVariable']) => {
  const rule = `${file} must be YAML, one line NAME: VALUE for each param, its variables with values`;
  try {
    const content = await resolveVariable(`file(${file}), null`);
    if (isObject(content)) return { content, stageFile: file };
    if (content === null) return { content: {}, stageFile: `no params in ${file}` };
    return { content: {}, stageFile: file, wrongFile: [rule] };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === 'MISSING_VARIABLE_DEPENDENCY') throw error;
    // Of an empty file, Serverless says so.
    if (message.endsWith('result: "undefined"')) return { content: {}, stageFile: `no params in ${file}` };
    const unset = code === 'MISSING_VARIABLE_RESULT' ? await unsetIn(file) : [];
    if (unset.length > 0) return { content: {}, stageFile: file, wrongFile: unset };
    const [reason] = message.replace(/^Cannot resolve variable at "[^"]*": /, '').split(/ in "|\n/);
    return { content: {}, stageFile: file, wrongFile: [`${rule} (${reason})`] };
  }
};

/** What was given by --param, the last of each name. */
const readTyped = (params: string[]) => {
  const typed = new Map<string, string>();
  const malformed: string[] = [];
  for (const param of params) {
    const [, name, value] = /^([^=]+)=(.+)$/s.exec(param) ?? [];
    if (name && value) typed.set(name, value.trimEnd());
    else malformed.push(`--param is "${param}", and must be "NAME=VALUE"`);
  }
  return { typed, malformed };
};

/**
 * Reads the params of the stage that Serverless was called for.
 *
 * @returns the settings, what is wrong (settings are then those without params), and what was read of the stage's file
 */
export const read = async ({ options, resolveVariable }: VariableRequest) => {
  const [service, stage, region] = await Promise.all(
    ['self:service', 'sls:stage', 'self:provider.region'].map(async each =>
      String(await resolveVariable(each)),
    ),
  );
  const { content, stageFile, wrongFile = [] } = await readStageFile(`stages/${stage}.yml`, resolveVariable);
  const given: Record<string, Given> = {};
  for (const [name, value] of Object.entries(content)) given[name] = { value, from: stageFile };
  const { typed, malformed } = readTyped(options.param ?? []);
  for (const [name, value] of typed) given[name] = { value, from: '--param' };
  // Serverless itself stops, once for each variable, at what it cannot read.
  for (const name of malformed.length > 0 ? [] : PARAMS) {
    const value = await resolveVariable(`param:${name}, null`);
    if (value !== null) given[name] ??= { value, from: 'params in serverless.yml' };
  }
  const result = readSettings({ service, stage, region }, given);
  return { stageFile, settings: result.settings, wrong: [...wrongFile, ...malformed, ...result.wrong] };
};
