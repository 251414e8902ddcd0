import * as z from 'zod/mini';
import { type Failure, failure } from '../failure.ts';
import { isObject, toJson } from '../json.ts';
import { open } from './envelope.ts';
import { parseReceipt, receiptSchema } from './receipt.ts';

/** Fields to set in a receipt; `null` takes one away. */
export const repairSchema = z.strictObject(z.partial(receiptSchema).shape);
export type Repair = z.infer<typeof repairSchema>;

// Newer than TypeScript's library: https://github.com/tc39/proposal-json-parse-with-source
declare global {
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
    ): unknown;
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}

/** Numbers stay as they were written: 1.0, 1e400 and 12345678901234567890 are no numbers of JavaScript's. */
const parseExactly = (text: string): unknown =>
  JSON.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value,
  );

const repaired = (body: string, set: Repair): { body: string } | { failure: Failure } => {
  const opened = open(body, parseExactly);
  if ('failure' in opened) return opened;
  const { inside, where, envelope, field } = opened;
  if (!isObject(inside) || JSON.isRawJSON(inside))
    return { failure: failure('invalid', `${where} must be a JSON object`) };
  const fields = Object.entries(set);
  // An absent field is as good as null.
  if (fields.every(([name, value]) => (inside[name] ?? null) === (value ?? null))) return { body };
  for (const [name, value] of fields) {
    if (value === null || value === undefined) delete inside[name];
    else inside[name] = value;
  }
  if (envelope && field) envelope[field] = field === 'Message' ? toJson(inside) : inside;
  return { body: toJson(envelope ?? inside) };
};

/**
 * Sets fields of the receipt inside its envelope. Where none changes, no byte does. Else white space goes, and of
 * fields that occur twice the first; everything else means what it meant, numbers to the last digit. Never throws.
 *
 * @returns the new body, or why there is no valid receipt in it
 */
export const repair = (body: string, set: Repair): { body: string } | { failure: Failure } => {
  try {
    const result = repaired(body, set);
    if ('failure' in result) return result;
    const parsed = parseReceipt(result.body);
    return 'failure' in parsed ? parsed : result;
  } catch (error) {
    // A reviver and JSON.stringify call themselves for each level; only JSON.parse alone reads any depth.
    if (!(error instanceof RangeError)) throw error;
    return { failure: failure('invalid', 'the body is nested too deep to be repaired') };
  }
};
