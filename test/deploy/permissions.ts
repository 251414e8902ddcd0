// Least privilege, tried and not read: with each action taken out of a role, something named stops working.
import assert from 'node:assert/strict';
import { build } from 'esbuild';
import { zipSync } from 'fflate';
import type { Check } from '../../lib/doctor/check.ts';
import { OWNER, REGION } from './aws.ts';
import { eventually, type Report } from './report.ts';
import type { SignedCall } from './signed-call.ts';
import { AUDIENCE, type Deployed } from './stack.ts';

interface Statement {
  Sid: string;
  Action: string | string[];
  Condition?: object;
}
interface Granted {
  PolicyName: string;
  Sid: string;
  action: string;
}
/** Does something that needs the permission, and says whether it worked. */
type Deed = () => Promise<boolean>;
/** By the action, or by statement and action where two statements allow the same. */
type Deeds = Record<string, Deed>;

const PROBE = 'probe';

/** A function beside the stack's own, under the same role, that makes whatever call it is told. */
const createProbe = async ({ aws, name }: Deployed, functionName: string) => {
  const { Role } = await aws.lambda.getFunctionConfiguration({ FunctionName: functionName });
  const bundled = await build({
    entryPoints: [new URL('probe.ts', import.meta.url).pathname],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    write: false,
  });
  const FunctionName = `${name}-${PROBE}-${functionName.split('-').at(-1)}`;
  await aws.lambda.createFunction({
    FunctionName,
    Role,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Timeout: 30,
    Code: { ZipFile: zipSync({ 'index.js': bundled.outputFiles[0]?.contents ?? new Uint8Array() }) },
  });
  return {
    roleArn: Role ?? '',
    roleName: Role?.split('/').at(-1) ?? '',
    /** True where the call was allowed (and came to this complaint, if any), false where the role refused it. */
    async call(call: SignedCall, complaint?: string): Promise<boolean> {
      const { failed, result } = await aws.invoke(FunctionName, call);
      assert.ok(!failed, `the probe failed: ${JSON.stringify(result)}`);
      const { status, body } = result as { status: number; body: string };
      if (/AccessDenied|not authorized/.test(body)) return false;
      assert.ok(complaint ? body.includes(complaint) : status === 200, `${call.target}: ${status} ${body}`);
      return true;
    },
    async remove(): Promise<void> {
      await aws.lambda.deleteFunction({ FunctionName });
      await aws.logs.deleteLogGroup({ logGroupName: `/aws/lambda/${FunctionName}` });
    },
  };
};

type Probe = Awaited<ReturnType<typeof createProbe>>;

const policiesOf = async ({ aws: { iam } }: Deployed, RoleName: string) => {
  const { PolicyNames = [] } = await iam.listRolePolicies({ RoleName });
  const read = PolicyNames.map(async PolicyName => {
    const { PolicyDocument = '' } = await iam.getRolePolicy({ RoleName, PolicyName });
    return {
      PolicyName,
      document: JSON.parse(decodeURIComponent(PolicyDocument)) as { Statement: Statement[] },
    };
  });
  return Promise.all(read);
};

/** Everything a role allows: one entry an action. */
const actionsOf = async (stack: Deployed, roleName: string) =>
  (await policiesOf(stack, roleName)).flatMap(({ PolicyName, document }) =>
    document.Statement.flatMap(({ Sid, Action, Condition }) =>
      [Action].flat().map(action => ({ PolicyName, Sid, action, isConditional: Condition !== undefined })),
    ),
  );

/** Runs with the statement of a role changed (left out, where `change` gives nothing), and puts it back. */
const changing = async <T>(
  stack: Deployed,
  RoleName: string,
  { PolicyName, Sid }: { PolicyName: string; Sid: string },
  change: (statement: Statement) => Statement | undefined,
  run: () => Promise<T>,
): Promise<T> => {
  const policy = (await policiesOf(stack, RoleName)).find(each => each.PolicyName === PolicyName);
  if (!policy) throw new Error(`no policy ${PolicyName}`);
  const put = (Statement: Statement[]) => {
    const PolicyDocument = JSON.stringify({ ...policy.document, Statement });
    return Statement.length > 0
      ? stack.aws.iam.putRolePolicy({ RoleName, PolicyName, PolicyDocument })
      : stack.aws.iam.deleteRolePolicy({ RoleName, PolicyName });
  };
  const { Statement } = policy.document;
  await put(Statement.flatMap(each => (each.Sid === Sid ? (change(each) ?? []) : [each])));
  try {
    return await run();
  } finally {
    await put(Statement);
  }
};

/** Runs with one action taken out of the role. */
const without = <T>(stack: Deployed, roleName: string, action: Granted, run: () => Promise<T>) =>
  changing(
    stack,
    roleName,
    action,
    statement => {
      const Action = [statement.Action].flat().filter(each => each !== action.action);
      return Action.length > 0 ? { ...statement, Action } : undefined;
    },
    run,
  );

/** What became of the first receive of a message, as the function logged it. */
const resultOf = ({ aws, out }: Deployed, messageId: string) =>
  eventually(`what became of ${messageId}`, async () => {
    const lines = await aws.logLines(out.MarkAsReadFunctionName);
    return lines.find(
      ({ message_id, message }) => message_id === messageId && message?.startsWith('receipt.'),
    )?.message;
  });

const sqsCall = (verb: string, QueueUrl: string, body: object = {}): SignedCall => ({
  service: 'sqs',
  target: `AmazonSQS.${verb}`,
  body: { QueueUrl, ...body },
});

const ssmCall = (verb: string, Name: string, body: object = {}): SignedCall => ({
  service: 'ssm',
  target: `AmazonSSM.${verb}`,
  body: { Name, ...body },
});

/**
 * Lambda itself writes the log, under the function's role. The emulator asks no role for it, so these two are
 * evaluated against the role's policy, with the names that CloudWatch Logs asks for.
 */
const logDeeds = ({ aws }: Deployed, { roleArn }: Probe, functionName: string): Record<string, Deed> => {
  const evaluate = (ActionName: string) => async () => {
    const stream = `arn:aws:logs:${REGION}:000000000000:log-group:/aws/lambda/${functionName}:log-stream:today`;
    const { EvaluationResults = [] } = await aws.iam.simulatePrincipalPolicy({
      PolicySourceArn: roleArn,
      ActionNames: [ActionName],
      ResourceArns: [stream],
    });
    return EvaluationResults.every(({ EvalDecision }) => EvalDecision === 'allowed');
  };
  return {
    'logs:CreateLogStream': evaluate('logs:CreateLogStream'),
    'logs:PutLogEvents': evaluate('logs:PutLogEvents'),
  };
};

/** What each action of mark-as-read's role is for. The mapping's own calls are made by the probe. */
const markAsReadDeeds = (stack: Deployed, probe: Probe): Deeds => {
  const { aws, huawei, out } = stack;
  const sendOne = async (body: object | string) => (await aws.send(out.QueueUrl, body))[0] ?? '';
  return {
    ...logDeeds(stack, probe, out.MarkAsReadFunctionName),
    'sqs:ReceiveMessage': () => probe.call(sqsCall('ReceiveMessage', out.QueueUrl, { WaitTimeSeconds: 0 })),
    'sqs:GetQueueAttributes': () => probe.call(sqsCall('GetQueueAttributes', out.QueueUrl)),
    'CheckUp sqs:GetQueueAttributes': async () => {
      const { result } = await aws.invoke(out.MarkAsReadFunctionName, { doctor: true });
      const { checks } = result as { checks: Check[] };
      return checks.find(({ check }) => check === 'dead-letter queue')?.status === 'ok';
    },
    'ssm:GetParameter': () => probe.call(ssmCall('GetParameter', stack.refusalsName)),
    'ssm:PutParameter': () =>
      probe.call(ssmCall('PutParameter', stack.refusalsName, { Value: 'tried', Overwrite: true })),
    'kms:Decrypt': async () => {
      const body = { KeyId: stack.keyId, Plaintext: 'c2VjcmV0' };
      const encrypted = await aws.callAs(OWNER, { service: 'kms', target: 'TrentService.Encrypt', body });
      const { CiphertextBlob } = JSON.parse(encrypted.body);
      return probe.call({ service: 'kms', target: 'TrentService.Decrypt', body: { CiphertextBlob } });
    },
    'sts:GetWebIdentityToken': () =>
      probe.call({
        service: 'sts',
        form: {
          Action: 'GetWebIdentityToken',
          Version: '2011-06-15',
          'Audience.member.1': AUDIENCE,
          SigningAlgorithm: 'RS256',
          DurationSeconds: '300',
        },
      }),
    'sqs:DeleteMessage': () =>
      probe.call(
        sqsCall('DeleteMessage', out.QueueUrl, { ReceiptHandle: 'of no message' }),
        'ReceiptHandleIsInvalid',
      ),
    'sqs:SendMessage*': async () =>
      (await resultOf(stack, await sendOne('not JSON'))) === 'receipt.dead_lettered',
    'sqs:ChangeMessageVisibility*': async () => {
      const case_id = `back-off-${Date.now()}`;
      huawei.osm.addCase(case_id);
      huawei.faults.add({ does: 'html502', match: { caseId: case_id }, times: 1 });
      return (await resultOf(stack, await sendOne({ case_id }))) === 'receipt.delayed';
    },
    'secretsmanager:GetSecretValue': async () => {
      const case_id = `secret-${Date.now()}`;
      huawei.osm.addCase(case_id);
      // A cold start, which reads the secret.
      await aws.configure(out.MarkAsReadFunctionName, { STARTED_FOR: case_id });
      return (await resultOf(stack, await sendOne({ case_id }))) === 'receipt.marked';
    },
  };
};

/** What each action of replay's role is for. */
const replayDeeds = (stack: Deployed, probe: Probe): Deeds => {
  const { aws, out } = stack;
  const letter = async (code: string) => {
    await aws.sqs.sendMessage({
      QueueUrl: out.DeadLetterQueueUrl,
      MessageBody: '{"case_id":"case-1"}',
      MessageAttributes: { failure_code: { DataType: 'String', StringValue: code } },
    });
  };
  const replay = (payload: object) => aws.invoke(out.ReplayFunctionName, payload);
  const replaysOne = async () => {
    const code = `replay-${Date.now()}`;
    await letter(code);
    const { failed, result } = await replay({ all: true });
    const counts = result as { replayed?: number; failed?: number; duplicated?: number };
    return !failed && (counts.replayed ?? 0) > 0 && counts.failed === 0 && counts.duplicated === 0;
  };
  return {
    ...logDeeds(stack, probe, out.ReplayFunctionName),
    'sqs:ReceiveMessage': replaysOne,
    'sqs:DeleteMessage*': replaysOne,
    'sqs:GetQueueAttributes': replaysOne,
    'sqs:SendMessage*': replaysOne,
    // What does not match is shown again when the run ends.
    'sqs:ChangeMessageVisibility*': async () => {
      await letter('rejected');
      await replay({ filter: { failure_code: ['malformed'], case_id: 'nobody' } });
      const { Messages = [] } = await aws.sqs.receiveMessage({
        QueueUrl: out.DeadLetterQueueUrl,
        VisibilityTimeout: 0,
      });
      return Messages.length > 0;
    },
  };
};

/** Starts every proof from empty queues. */
const emptyQueues = async ({ aws, out }: Deployed) => {
  await aws.sqs.purgeQueue({ QueueUrl: out.QueueUrl });
  await aws.sqs.purgeQueue({ QueueUrl: out.DeadLetterQueueUrl });
};

const proveRole = async (stack: Deployed, report: Report, which: string, probe: Probe, deeds: Deeds) => {
  const granted = await actionsOf(stack, probe.roleName);
  const nameOf = ({ Sid, action }: { Sid: string; action: string }) =>
    `${Sid} ${action}` in deeds ? `${Sid} ${action}` : action;
  await report.check(`${which}: every action of its role is one that is tried here`, async () => {
    assert.deepEqual(granted.map(nameOf).sort(), Object.keys(deeds).sort());
    return `${granted.length} actions`;
  });
  for (const grant of granted) {
    const deed = deeds[nameOf(grant)];
    if (!deed) continue;
    const { Sid, action, isConditional } = grant;
    const condition = isConditional ? ', and its condition holds' : '';
    await report.check(`${which}: ${Sid} needs ${action}${condition}`, async () => {
      await emptyQueues(stack);
      // The emulator knows neither of the two conditions' keys, so with them nothing is allowed; that they allow what
      // they should, nothing here can show.
      if (isConditional) assert.ok(!(await deed()), 'worked although the condition cannot hold');
      const unconditional = ({ Condition, ...statement }: Statement) => statement;
      const works = isConditional ? changing(stack, probe.roleName, grant, unconditional, deed) : deed();
      assert.ok(await works, 'did not work with the whole role');
      await emptyQueues(stack);
      assert.ok(!(await without(stack, probe.roleName, grant, deed)), 'worked without it as well');
      return `works with it, and not without${isConditional ? '; nor with a condition that does not hold' : ''}`;
    });
  }
};

export const checkPermissions = async (stack: Deployed, report: Report) => {
  const { aws, out } = stack;
  const functions = [out.MarkAsReadFunctionName, out.ReplayFunctionName] as const;
  const [mark, replay] = await Promise.all(functions.map(functionName => createProbe(stack, functionName)));
  if (!mark || !replay) throw new Error('no probes');
  try {
    await proveRole(stack, report, 'mark-as-read', mark, markAsReadDeeds(stack, mark));
    await proveRole(stack, report, 'replay', replay, replayDeeds(stack, replay));

    await report.check('what no role allows is refused', async () => {
      await aws.secrets.createSecret({ Name: `${stack.name}-other`, SecretString: 'not yours' });
      const secret = (SecretId: string): SignedCall => ({
        service: 'secretsmanager',
        target: 'secretsmanager.GetSecretValue',
        body: { SecretId },
      });
      const MessageBody = '{"case_id":"case-1"}';
      const forbidden: [string, Probe, SignedCall][] = [
        ['mark-as-read sends to its own queue', mark, sqsCall('SendMessage', out.QueueUrl, { MessageBody })],
        ['mark-as-read receives dead letters', mark, sqsCall('ReceiveMessage', out.DeadLetterQueueUrl)],
        ['mark-as-read purges its queue', mark, sqsCall('PurgeQueue', out.QueueUrl)],
        ['mark-as-read reads another secret', mark, secret(`${stack.name}-other`)],
        ['mark-as-read reads another parameter', mark, ssmCall('GetParameter', '/another')],
        [
          'mark-as-read writes another parameter',
          mark,
          ssmCall('PutParameter', '/another', { Value: 'x', Type: 'String' }),
        ],
        ['replay reads the refusals', replay, ssmCall('GetParameter', stack.refusalsName)],
        ['replay reads the secret', replay, secret(stack.secretName)],
        [
          'replay sends dead letters',
          replay,
          sqsCall('SendMessage', out.DeadLetterQueueUrl, { MessageBody }),
        ],
        ['replay receives receipts', replay, sqsCall('ReceiveMessage', out.QueueUrl)],
        ['replay deletes the queue', replay, sqsCall('DeleteQueue', out.DeadLetterQueueUrl)],
      ];
      for (const [what, probe, call] of forbidden) assert.ok(!(await probe.call(call)), `allowed: ${what}`);
      await aws.secrets.deleteSecret({ SecretId: `${stack.name}-other`, ForceDeleteWithoutRecovery: true });
      return `${forbidden.length} calls`;
    });
  } finally {
    await emptyQueues(stack);
    await Promise.all([mark.remove(), replay.remove()]);
  }
};
