// `npm run schemas`: what senders and operators exchange with this service, as JSON Schemas and for TypeScript, made from
// the schemas that the code itself runs. Committed; a test fails where they are stale.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod/mini';
import { TIME } from '../lib/receipt/time.ts';
import { contracts, receiptSource } from './contract.ts';

const root = path.resolve(import.meta.dirname, '..');
export const folder = path.join(root, 'schemas');

type Node = z.core.JSONSchema.JSONSchema;

// Other languages' regular expressions lack JavaScript's \p{…}, look-ahead or code points for lengths, and let `$` stand
// in front of a last line feed. So lengths are said in JSON Schema's own words, which count code points, and characters
// by what there may not be, without anchors. Every character of a class is written as itself: `\u` is not Go's.
const PORTABLE: Record<string, Node> = {
  '^(?!\\.{1,2}$)[^\\p{Cc}\\p{Cs}]{1,64}$': {
    minLength: 1,
    maxLength: 64,
    not: {
      anyOf: [{ enum: ['.', '..'] }, { pattern: '[^ -~\u00a0-\ud7ff\ue000-\uffff\u{10000}-\u{10ffff}]' }],
    },
  },
  '^[\\s\\S]{0,64}$': { maxLength: 64 },
  '^[\\x21-\\x7e]{1,32}$': { minLength: 1, maxLength: 32, not: { pattern: '[^!-~]' } },
  [TIME.source]: { pattern: TIME.source, not: { pattern: '[^0-9TtZz:.+ -]' } },
};

/** @throws Error for a pattern that has no portable form yet */
const makePortable = (node: Node) => {
  for (const child of Object.values(node))
    if (typeof child === 'object' && child) makePortable(child as Node);
  if (typeof node.pattern !== 'string') return;
  if (node.format === 'date-time') {
    // RFC 3339 has more spellings than the code takes: the pattern decides.
    node.pattern = node.pattern.replaceAll('\\d', '[0-9]');
    return;
  }
  const form = PORTABLE[node.pattern];
  if (!form) throw new Error(`local/schemas.ts knows no portable form of the pattern ${node.pattern}`);
  delete node.pattern;
  Object.assign(node, form);
};

/**
 * The doc comments of the fields in a file, by name: so that the words stand beside the field, and cost no function. Of
 * a name that occurs twice the first, as the schema stands before the types.
 */
const commentsIn = async (source: string): Promise<Map<string, string>> => {
  const text = await readFile(path.join(root, source), 'utf8');
  const comments = text.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s*(\w+)\??:/gs);
  return new Map(
    Array.from(
      comments,
      ([, words = '', name = '']) => [name, words.replace(/\s+(\* )?/g, ' ').trim()] as const,
    ).reverse(),
  );
};

/** Gives every field its words, those in `set` the words of a receipt. @throws Error where a field has none */
const describe = (node: Node, words: Map<string, string>, receiptWords: Map<string, string>) => {
  for (const [name, child] of Object.entries(node.properties ?? {}) as [string, Node][]) {
    const description = words.get(name);
    if (!description) throw new Error(`The field ${name} has no doc comment to publish.`);
    child.description = description;
    describe(child, name === 'set' ? receiptWords : words, receiptWords);
  }
};

const ascii = (text: string) =>
  text.replace(/[^\n -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const typeOf = ({ type, anyOf }: Node): string =>
  anyOf ? anyOf.map(child => typeOf(child as Node)).join(' | ') : String(type);

/** A schema's fields as an interface, for senders in TypeScript. */
const declare = (name: string, description: string, { properties = {}, required = [] }: Node): string => {
  const fields = (Object.entries(properties) as [string, Node][]).map(([field, node]) => {
    const [mark, absent] = required.includes(field) ? ['', ''] : ['?', ' | undefined'];
    return `  /** ${node.description} */\n  ${field}${mark}: ${typeOf(node)}${absent};\n`;
  });
  return `// Made by \`npm run schemas\`.\n\n/** ${description} */\nexport interface ${name} {\n${fields.join('')}}\n`;
};

/** The text of each file, by its name. */
export const render = async (): Promise<Record<string, string>> => {
  const files: Record<string, string> = {};
  const receiptWords = await commentsIn(receiptSource);
  for (const { name, schema, title, description, source, examples } of contracts) {
    const made = z.toJSONSchema(schema, { io: 'input' });
    makePortable(made);
    describe(made, await commentsIn(source), receiptWords);
    const { $schema, ...rest } = made;
    const document = {
      $schema,
      $id: `urn:read-receipt-relay:${name}`,
      title,
      description,
      ...rest,
      examples,
    };
    files[`${name}.schema.json`] = ascii(`${JSON.stringify(document, undefined, 2)}\n`);
    if (source === receiptSource) files[`${name}.d.ts`] = declare('Receipt', description, made);
  }
  return files;
};

if (import.meta.main) {
  await mkdir(folder, { recursive: true });
  const files = await render();
  for (const [file, text] of Object.entries(files)) await writeFile(path.join(folder, file), text);
  console.log(`schemas/ holds ${Object.keys(files).join(', ')}.`);
}
