import * as z from 'zod';

const responseSchema = z.nullable(
  z.object({
    batchItemFailures: z.nullish(z.array(z.object({ itemIdentifier: z.string().min(1) }))),
  }),
);

/**
 * Reads a function's answer to a batch by Lambda's rules: nothing, `null`, `{}` and an empty or null list are
 * success.
 *
 * @returns the message ids that failed
 * @throws Error where the answer fails the whole batch: it is not JSON or has another shape, or an identifier is
 * empty, null or of no message in the batch
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export const failedIdsOf = (payload: string, ids: ReadonlySet<string>): Set<string> => {
  if (payload.trim() === '') return new Set();
  const response = responseSchema.safeParse(JSON.parse(payload));
  if (!response.success) throw new Error(`The function's answer is no batch response: ${payload}`);
  const { batchItemFailures } = response.data ?? {};
  const failed = new Set(batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier));
  for (const id of failed) {
    if (!ids.has(id)) throw new Error(`The function reported ${id} failed, which is not in the batch.`);
  }
  return failed;
};
