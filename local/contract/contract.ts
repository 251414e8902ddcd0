// What the published JSON Schemas say beyond the code's own schemas: titles, words, examples. Here, and not beside the
// schemas that the functions load, so that it costs them nothing.
import type * as z from 'zod/mini';

/** Words by the path of a field: `filter.case_id`. */
export type Words = Record<string, string>;

export interface Contract {
  file: string;
  schema: z.ZodMiniType;
  title: string;
  description: string;
  fields: Words;
  examples: object[];
}
