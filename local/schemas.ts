// `npm run schemas`: JSON Schemas of what producers and operators exchange with this service, from the schemas that
// the code itself runs. They are committed; a test fails where they are stale.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod/mini';
import { TIME } from '../lib/receipt/time.ts';
import { failureContract } from './contract/failure.ts';
import { receiptContract } from './contract/receipt.ts';
import { answerContract, requestContract } from './contract/replay.ts';

export const contracts = [receiptContract, failureContract, requestContract, answerContract];

export const folder = path.resolve(import.meta.dirname, '../schemas');

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

/** Gives every field its words. @throws Error where a field has none, or words have no field */
const describe = (node: Node, words: Record<string, string>) => {
  const left = new Set(Object.keys(words));
  const visit = (parent: Node, prefix: string) => {
    for (const [name, child] of Object.entries(parent.properties ?? {}) as [string, Node][]) {
      const place = `${prefix}${name}`;
      if (!words[place]) throw new Error(`local/contract/ has no words for ${place}`);
      left.delete(place);
      child.description = words[place];
      visit(child, `${place}.`);
    }
  };
  visit(node, '');
  if (left.size > 0) throw new Error(`local/contract/ has words for no field: ${[...left].join(', ')}`);
};

const ascii = (text: string) =>
  text.replace(/[^\n -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The text of each file, by its name. */
export const render = (): Record<string, string> =>
  Object.fromEntries(
    contracts.map(({ file, schema, title, description, fields, examples }) => {
      const made = z.toJSONSchema(schema, { io: 'input' });
      makePortable(made);
      describe(made, fields);
      const { $schema, ...rest } = made;
      const name = file.replace('.schema.json', '');
      const document = {
        $schema,
        $id: `urn:read-receipt-relay:${name}`,
        title,
        description,
        ...rest,
        examples,
      };
      return [file, ascii(`${JSON.stringify(document, undefined, 2)}\n`)];
    }),
  );

if (import.meta.main) {
  await mkdir(folder, { recursive: true });
  for (const [file, text] of Object.entries(render())) await writeFile(path.join(folder, file), text);
  console.log(`schemas/ holds ${contracts.map(({ file }) => file).join(', ')}.`);
}
