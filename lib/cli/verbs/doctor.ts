import { Logger } from '@aws-lambda-powertools/logger';
import { loadConfig, loadRegion } from '../../config.ts';
import { type Check, failed } from '../../doctor/check.ts';
import { createDoctor } from '../../doctor/doctor.ts';
import { createClient } from '../../huawei/http.ts';
import { type Answer, classify } from '../../huawei/outcome.ts';
import { compose } from '../../relay/compose.ts';
import { explain, sqsErrorOf } from '../../sqs/errors.ts';
import { createQueue } from '../../sqs/queue.ts';
import { checkAge } from '../age.ts';
import type { Options } from '../options.ts';
import { stackOutputs } from '../queues.ts';
import { count, plain, print, printJson } from '../screen.ts';

/** The function's timeout in serverless.yml. */
const FUNCTION_SECONDS = 30;
/** The function's time, and some for its cold start. */
const INVOKE_TIMEOUT_MS = 45_000;

const wrongConfiguration = (says: string, todo: string): Check[] => [failed('configuration', says, todo)];

/** The checks on this machine, with the variables of this shell. */
const checkHere = async (): Promise<Check[]> => {
  let config: ReturnType<typeof loadConfig>;
  try {
    config = loadConfig();
  } catch (error) {
    return wrongConfiguration(
      (error as Error).message,
      'Set them, or check a deployed stage: relay doctor --stage NAME.',
    );
  }
  const telemetry = { log: new Logger({ logLevel: 'SILENT' }), count: () => {}, settled: () => {} };
  const parts = compose(config, { createClient, createQueue, telemetry });
  const said = (answer: Answer) => classify(answer, parts.redactor.redact);
  const patient = { config, createClient, classify: said, ...parts };
  return createDoctor(patient)(FUNCTION_SECONDS);
};

/** The same checks inside the deployed function: only there are its role, network and address the real ones. */
const checkInside = async (FunctionName: string): Promise<Check[]> => {
  const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({ region: loadRegion(), maxAttempts: 1 });
  const command = new InvokeCommand({ FunctionName, Payload: Buffer.from('{"doctor":true}') });
  const abortSignal = AbortSignal.timeout(INVOKE_TIMEOUT_MS);
  const answer = await client.send(command, { abortSignal }).catch(error => {
    const failed = sqsErrorOf(error);
    if (/^AccessDenied/.test(failed.code))
      throw new Error(
        `These AWS credentials may not invoke ${FunctionName} (lambda:InvokeFunction): use a profile that may.`,
      );
    throw new Error(explain(failed, FunctionName));
  });
  const said = JSON.parse(Buffer.from(answer.Payload ?? []).toString() || '{}');
  if (!answer.FunctionError) return said.checks;
  return wrongConfiguration(
    `${FunctionName} failed: ${said.errorMessage ?? answer.FunctionError}`,
    'Put the params in serverless.yml right and deploy; its log tells more: npx serverless logs -f mark-as-read.',
  );
};

const MARKS = { ok: '✓', failed: '✗', skipped: '–' } as const;

const lineOf = (width: number) => (each: Check) =>
  [
    `${MARKS[each.status]} ${each.check.padEnd(width)}  ${plain(each.says)}`,
    ...(each.todo ? [`${' '.repeat(width + 4)}→ ${each.todo}`] : []),
  ].join('\n');

/** Checks everything that must be right, and says what to do where it is not. */
export const doctor = async ({ stage, json = false }: Options): Promise<number> => {
  const outputs = stage === undefined ? undefined : await stackOutputs(stage);
  const inside = outputs?.MarkAsReadFunctionName;
  const checks = inside ? await checkInside(inside) : await checkHere();
  const queueUrl = outputs?.QueueUrl ?? process.env.QUEUE_URL;
  if (queueUrl) checks.push(await checkAge(queueUrl));

  const failures = checks.filter(({ status }) => status === 'failed').length;
  if (json) printJson({ healthy: failures === 0, checked_in: inside ?? 'this shell', checks });
  else {
    print(`Checked ${inside ? `inside ${inside}` : 'on this machine, with the variables of this shell'}:\n`);
    const width = Math.max(...checks.map(({ check }) => check.length));
    print(checks.map(lineOf(width)).join('\n'));
    print(failures === 0 ? '\nAll is well.' : `\n${count(failures, 'check')} failed.`);
  }
  return failures === 0 ? 0 : 1;
};
