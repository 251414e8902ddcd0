// Least privilege, tried and not read: where a role is denied one action, something named stops working.
import assert from 'node:assert/strict';
import type { Check } from '../../lib/doctor/check.ts';
import { ACCOUNT, type Call, type Keys, OWNER, REGION, sqsCall, ssmCall } from './aws.ts';
import { eventually, type Report } from './report.ts';
import { type Deployed, emptyQueues } from './stack.ts';

/** Does something that needs the permission, and says whether it worked. */
type Deed = () => Promise<boolean>;
/** By statement and action. */
type Deeds = Record<string, Deed>;

interface Statement {
  Sid: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: object;
}

const policy = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });

/** A function's role, and keys of it, as the function has: the role is opened to the account's owner for that. */
const assumeRoleOf = async ({ aws }: Deployed, FunctionName: string) => {
  const { Role = '' } = await aws.lambda.getFunctionConfiguration({ FunctionName });
  const RoleName = Role.split('/').at(-1) ?? '';
  const Principal = { AWS: '*', Service: 'lambda.amazonaws.com' };
  const PolicyDocument = policy({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' });
  await aws.iam.updateAssumeRolePolicy({ RoleName, PolicyDocument });
  const form = { Action: 'AssumeRole', Version: '2011-06-15', RoleArn: Role, RoleSessionName: 'proof' };
  const answer = await aws.call({ service: 'sts', form });
  const part = (name: string) => new RegExp(`<${name}>(.+?)</`).exec(answer)?.[1] ?? '';
  const keys = {
    accessKeyId: part('AccessKeyId'),
    secretAccessKey: part('SecretAccessKey'),
    sessionToken: part('SessionToken'),
  };
  return { Role, RoleName, keys };
};

type AssumedRole = Awaited<ReturnType<typeof assumeRoleOf>>;

/** Whether a call is allowed, whatever else the service may say of it. */
const isAllowed = async ({ aws }: Deployed, keys: Keys, call: Call) =>
  !/AccessDenied|not authorized/.test((await aws.callAs(keys, call)).body);

/** Everything a role allows without a condition, one entry an action. */
const grantsOf = async ({ aws: { iam } }: Deployed, RoleName: string) => {
  const { PolicyNames = [] } = await iam.listRolePolicies({ RoleName });
  const read = PolicyNames.map(async PolicyName => {
    const { PolicyDocument = '' } = await iam.getRolePolicy({ RoleName, PolicyName });
    const { Statement } = JSON.parse(decodeURIComponent(PolicyDocument)) as { Statement: Statement[] };
    return Statement.filter(({ Condition }) => !Condition);
  });
  return (await Promise.all(read))
    .flat()
    .flatMap(({ Sid, Action, Resource }) => [Action].flat().map(action => ({ Sid, action, Resource })));
};

/** What became of the first receive of a message, as the function logged it. */
const resultOf = ({ aws, out }: Deployed, messageId: string) =>
  eventually(`what became of ${messageId}`, async () => {
    const lines = await aws.logLines(out.MarkAsReadFunctionName);
    const its = lines.filter(({ message_id }) => message_id === messageId);
    return its.map(({ message }) => String(message)).find(message => message.startsWith('receipt.'));
  });

/**
 * Lambda itself writes the log, under the function's role. The emulator asks no role for it, so these two are
 * evaluated with the names that CloudWatch Logs asks for.
 */
const logDeeds = ({ aws }: Deployed, { Role }: AssumedRole, functionName: string): Deeds => {
  const evaluate = (action: string) => async () => {
    const stream = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/${functionName}:log-stream:today`;
    const { EvaluationResults = [] } = await aws.iam.simulatePrincipalPolicy({
      PolicySourceArn: Role,
      ActionNames: [action],
      ResourceArns: [stream],
    });
    return EvaluationResults.every(({ EvalDecision }) => EvalDecision === 'allowed');
  };
  const actions = ['logs:CreateLogStream', 'logs:PutLogEvents'];
  return Object.fromEntries(actions.map(action => [`WriteOwnLog ${action}`, evaluate(action)]));
};

/**
 * What each action of mark-as-read's role is for. Where that is a call of the event source mapping, of Lambda's log, or
 * one that the function makes rarely, it is made with the role's keys.
 */
const markAsReadDeeds = (stack: Deployed, role: AssumedRole): Deeds => {
  const { aws, huawei, out, refusalsName } = stack;
  const may = (call: Call) => () => isAllowed(stack, role.keys, call);
  const firstResult = async (body: object | string) =>
    resultOf(stack, (await aws.send(out.QueueUrl, body))[0] ?? '');
  return {
    'TakeReceipts sqs:ReceiveMessage': may(sqsCall('ReceiveMessage', out.QueueUrl, { WaitTimeSeconds: 0 })),
    'TakeReceipts sqs:DeleteMessage': may(sqsCall('DeleteMessage', out.QueueUrl, { ReceiptHandle: 'none' })),
    'TakeReceipts sqs:GetQueueAttributes': may(sqsCall('GetQueueAttributes', out.QueueUrl)),
    'BackOff sqs:ChangeMessageVisibility*': async () => {
      const case_id = crypto.randomUUID();
      huawei.faults.add({ does: 'html502', match: { caseId: case_id }, times: 1 });
      return (await firstResult({ case_id })) === 'receipt.delayed';
    },
    'DeadLetter sqs:SendMessage*': async () => (await firstResult('not JSON')) === 'receipt.dead_lettered',
    'CheckUp sqs:GetQueueAttributes': async () => {
      const { result } = await aws.invoke(out.MarkAsReadFunctionName, { doctor: true });
      const { checks } = result as { checks: Check[] };
      return checks.find(({ check }) => check === 'dead-letter queue')?.status === 'ok';
    },
    'ShareRefusals ssm:GetParameter': may(ssmCall('GetParameter', refusalsName)),
    'ShareRefusals ssm:PutParameter': may(
      ssmCall('PutParameter', refusalsName, { Value: 'tried', Overwrite: true }),
    ),
    ...logDeeds(stack, role, out.MarkAsReadFunctionName),
    'ReadCredentials secretsmanager:GetSecretValue': async () => {
      const case_id = crypto.randomUUID();
      huawei.osm.addCase(case_id);
      // The same again, and yet the next start is a cold one, which reads the secret.
      const FunctionName = out.MarkAsReadFunctionName;
      await aws.lambda.updateFunctionConfiguration({ FunctionName, Timeout: 30 });
      return (await firstResult({ case_id })) === 'receipt.marked';
    },
  };
};

/** What each action of replay's role is for. */
const replayDeeds = (stack: Deployed, role: AssumedRole): Deeds => {
  const { aws, out } = stack;
  const replaysOne = async () => {
    await aws.send(out.DeadLetterQueueUrl, { case_id: 'case-1' });
    const { failed, result } = await aws.invoke(out.ReplayFunctionName, { all: true });
    const counts = result as { replayed?: number; failed?: number; duplicated?: number };
    return !failed && counts.replayed === 1 && counts.failed === 0 && counts.duplicated === 0;
  };
  return {
    'TakeDeadLetters sqs:ReceiveMessage': replaysOne,
    'TakeDeadLetters sqs:DeleteMessage*': replaysOne,
    // What does not match is shown again when the run ends.
    'TakeDeadLetters sqs:ChangeMessageVisibility*': async () => {
      await aws.send(out.DeadLetterQueueUrl, { case_id: 'case-1' });
      await aws.invoke(out.ReplayFunctionName, { filter: { case_id: 'nobody' } });
      const look = { QueueUrl: out.DeadLetterQueueUrl, VisibilityTimeout: 0 };
      return ((await aws.sqs.receiveMessage(look)).Messages ?? []).length > 0;
    },
    'TakeDeadLetters sqs:GetQueueAttributes': replaysOne,
    'SendBack sqs:SendMessage*': replaysOne,
    ...logDeeds(stack, role, out.ReplayFunctionName),
  };
};

const proveRole = async (
  stack: Deployed,
  report: Report,
  functionName: string,
  createDeeds: typeof replayDeeds,
) => {
  const { iam } = stack.aws;
  const role = await assumeRoleOf(stack, functionName);
  const { RoleName, keys } = role;
  const deeds = createDeeds(stack, role);
  const grants = await grantsOf(stack, RoleName);
  await report.check(`${functionName}: every action is one that is tried here`, async () => {
    const names = grants.map(({ Sid, action }) => `${Sid} ${action}`);
    assert.deepEqual(names.sort(), Object.keys(deeds).sort());
    return `${grants.length} actions`;
  });
  for (const { Sid, action, Resource } of grants) {
    const deed = deeds[`${Sid} ${action}`];
    if (!deed) continue;
    await report.check(`${functionName}: ${Sid} works with ${action}, and not without`, async () => {
      await emptyQueues(stack);
      assert.ok(await deed(), 'did not work with the whole role');
      await emptyQueues(stack);
      const denial = { RoleName, PolicyName: 'denial' };
      const PolicyDocument = policy({ Effect: 'Deny', Action: action, Resource });
      await iam.putRolePolicy({ ...denial, PolicyDocument });
      try {
        assert.ok(!(await deed()), 'worked without it as well');
      } finally {
        await iam.deleteRolePolicy(denial);
      }
    });
  }
  return keys;
};

export const checkPermissions = async (stack: Deployed, report: Report) => {
  const { aws, name, out, refusalsName } = stack;
  const mark = await proveRole(stack, report, out.MarkAsReadFunctionName, markAsReadDeeds);
  const replay = await proveRole(stack, report, out.ReplayFunctionName, replayDeeds);
  await emptyQueues(stack);

  const UserName = `${name}-sender`;
  const sender = await aws.createUser(UserName, out.ProducerPolicyArn);
  const MessageBody = '{"case_id":"case-1"}';
  const send = (url: string, headers = {}) => ({ ...sqsCall('SendMessage', url, { MessageBody }), headers });
  // How an entry point tells what the caller spoke: the emulator has but one port, and that speaks TLS.
  const plain = { 'X-Forwarded-Proto': 'http' };
  const secret = (SecretId: string): Call => ({
    service: 'secretsmanager',
    target: 'secretsmanager.GetSecretValue',
    body: { SecretId },
  });
  const [receipts, letters] = [out.QueueUrl, out.DeadLetterQueueUrl];
  const refused: [string, Keys, Call][] = [
    ['mark-as-read sends to its own queue', mark, send(receipts)],
    ['mark-as-read receives dead letters', mark, sqsCall('ReceiveMessage', letters)],
    ['mark-as-read reads another secret', mark, secret(`${name}-other`)],
    ['mark-as-read reads another parameter', mark, ssmCall('GetParameter', '/another')],
    ['mark-as-read writes another parameter', mark, ssmCall('PutParameter', '/another', { Value: 'x' })],
    ['replay reads the refusals', replay, ssmCall('GetParameter', refusalsName)],
    ['replay reads the secret', replay, secret(name)],
    ['replay sends dead letters', replay, send(letters)],
    ['replay receives receipts', replay, sqsCall('ReceiveMessage', receipts)],
    ['a sender sends dead letters', sender, send(letters)],
    ['a sender receives', sender, sqsCall('ReceiveMessage', receipts)],
    ['the owner sends over plain http', OWNER, send(receipts, plain)],
    ['the owner sends a dead letter over plain http', OWNER, send(letters, plain)],
  ];
  await report.check('what nobody allows is refused', async () => {
    await aws.secrets.createSecret({ Name: `${name}-other`, SecretString: 'not yours' });
    for (const [what, keys, call] of refused) {
      assert.ok(!(await isAllowed(stack, keys, call)), `allowed: ${what}`);
    }
    return `${refused.length} calls`;
  });

  await report.check('a sender with the managed policy may send', async () => {
    const { status, body } = await aws.callAs(sender, send(receipts));
    assert.equal(status, 200, body);
  });
  // CloudFormation removes no policy that somebody has.
  await aws.iam.detachUserPolicy({ UserName, PolicyArn: out.ProducerPolicyArn });
};
