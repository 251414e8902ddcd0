import * as z from 'zod/mini';
import { loadConfig, loadRegion } from '../../config.ts';
import { type Check, checksOf, failed } from '../../doctor/check.ts';
import { type CaseCheck, createCheckCase } from '../../doctor/check-case.ts';
import { createDoctor } from '../../doctor/doctor.ts';
import { createClient } from '../../huawei/http.ts';
import { type Answer, classify } from '../../huawei/outcome.ts';
import { isObject, parseJson } from '../../json.ts';
import { compose } from '../../relay/compose.ts';
import { explain, sqsErrorOf } from '../../sqs/errors.ts';
import { createQueue } from '../../sqs/queue.ts';
import { createTelemetry } from '../../telemetry.ts';
import { commandsFor } from '../command.ts';
import { sentence } from '../screen/text.ts';
import { resolveKeys } from './aws-keys.ts';

/** The function's timeout in serverless.yml. */
const FUNCTION_SECONDS = 30;
/** The function's time, and some for its cold start. */
const INVOKE_TIMEOUT_MS = 45_000;

/** A case to look at, or everything that must be right. */
export type Asked = { case_id: string; group_id?: string } | undefined;
/** What was found, or checks that say why nothing could be. */
export type Found = { checks: Check[] } | { case: CaseCheck };

const checks = z.array(
  z.object({
    check: z.string(),
    status: z.enum(['ok', 'failed', 'skipped']),
    says: z.string(),
    todo: z.optional(z.string()),
  }),
);
const isFound = (said: unknown): said is Found =>
  isObject(said) && (checks.safeParse(said.checks).success || (isObject(said.case) && 'status' in said.case));
const errorIn = (said: unknown): unknown => (isObject(said) ? said.errorMessage : undefined);

const wrongConfiguration = (says: string, todo: string): Found => ({
  checks: checksOf({ configuration: failed(says, todo) }),
});

/** The check-up on this machine, with the variables of this shell. */
export const checkHere = async (of: Asked): Promise<Found> => {
  let config: ReturnType<typeof loadConfig>;
  try {
    config = loadConfig();
    config.aws.keys = await resolveKeys(config.aws);
  } catch (error) {
    return wrongConfiguration(
      (error as Error).message,
      `Set them, or check a deployed stage:\n${commandsFor('NAME')('doctor')}`,
    );
  }
  const silent = createTelemetry(() => {});
  const parts = compose(config, { createClient, createQueue, telemetry: silent });
  if (of) return { case: await createCheckCase(parts.caseParts)(of) };
  const said = (answer: Answer) => classify(answer, parts.redactor.redact);
  return { checks: await createDoctor({ config, createClient, classify: said, ...parts })(FUNCTION_SECONDS) };
};

/**
 * The same inside the deployed function: only there are its role, network and address the real ones.
 *
 * @throws Error in words where it cannot be invoked
 */
export const checkInside = async (
  FunctionName: string,
  of: Asked,
  stage: string | undefined,
): Promise<Found> => {
  const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({ region: loadRegion(), maxAttempts: 1 });
  const event = { doctor: true, ...(of && { case: of.case_id, group: of.group_id }) };
  const command = new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) });
  const abortSignal = AbortSignal.timeout(INVOKE_TIMEOUT_MS);
  const answer = await client.send(command, { abortSignal }).catch(error => {
    const failed = sqsErrorOf(error);
    if (/^AccessDenied/.test(failed.code))
      throw new Error(
        `These AWS credentials may not invoke ${FunctionName} (lambda:InvokeFunction): use a profile that may.`,
      );
    if (/^ResourceNotFound/.test(failed.code))
      throw new Error(`There is no function ${FunctionName}: deploy the stage anew.`);
    throw new Error(sentence(explain(failed, FunctionName)));
  });
  const said = parseJson(Buffer.from(answer.Payload ?? []).toString());
  if (isFound(said)) return said;
  const logs = ['npx serverless logs -f mark-as-read', ...(stage === undefined ? [] : ['--stage', stage])];
  return wrongConfiguration(
    `${FunctionName} failed: ${errorIn(said) ?? answer.FunctionError ?? 'it is of another version'}`,
    `Put the stage's params right (stages/STAGE.yml) and deploy. Its log tells more:\n  ${logs.join(' ')}`,
  );
};
