// Deploying again, another stage with a file of its own, what stops a deploy or a removal, and what gets by.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { callsOf } from '../../resources/deployed.ts';
import { ssmCall } from './aws.ts';
import { markedAll } from './relaying.ts';
import { eventually, type Report } from './report.ts';
import { type Deployed, emptyQueues, type Stack } from './stack.ts';

/** Where the other stage's credentials are. */
export const PARAMETER = '/huawei/relay';

const POLICY = new URL('../../docs/deployer-policy.json', import.meta.url);

/** What Serverless says where it refuses. */
const refusal = (command: Promise<string>): Promise<string> =>
  command.then(
    said => assert.fail(`was not refused: ${said}`),
    error => (error as Error).message,
  );

export const checkSecondDeploy = (stack: Deployed, report: Report) =>
  report.check('a second deploy of the same tree changes nothing', async () => {
    const { cloudFormation } = stack.aws;
    const before = await cloudFormation.describeStacks({ StackName: stack.name });
    assert.match(await stack.serverless('deploy'), /No changes to deploy/);
    const after = await cloudFormation.describeStacks({ StackName: stack.name });
    assert.deepEqual(after.Stacks, before.Stacks);
  });

const checkDeploy = (stack: Stack, secret: string, report: Report) =>
  report.check(
    'deployed with the rights of docs/deployer-policy.json, a stage with a file of its own reads a parameter instead of a secret',
    async () => {
      const { aws, env, huawei, name, stage } = stack;
      const PolicyDocument = await readFile(POLICY, 'utf8');
      const { Policy } = await aws.iam.createPolicy({ PolicyName: 'deployer', PolicyDocument });
      const keys = await aws.createUser(`${name}-deployer`, Policy?.Arn ?? '');
      env.AWS_ACCESS_KEY_ID = keys.accessKeyId;
      env.AWS_SECRET_ACCESS_KEY = keys.secretAccessKey;
      await aws.call(ssmCall('PutParameter', PARAMETER, { Type: 'SecureString', Value: secret }));
      assert.match(
        await stack.serverless('deploy'),
        new RegExp(`stage +${stage} \\(stages/${stage}\\.yml\\)`),
      );
      huawei.osm.addCase('by-parameter');
      await aws.send((await stack.outputs()).QueueUrl, { case_id: 'by-parameter' });
      await markedAll(stack, ['by-parameter']);
      return true;
    },
  );

const checkChange = async (stack: Stack, report: Report) => {
  const { aws, name, params, refusalsName } = stack;
  await report.check(
    'a deploy without the stage file would turn to another Huawei Cloud: refused',
    async () => {
      await stack.setParams(undefined);
      for (const command of [['deploy'], ['deploy', 'function', '-f', 'mark-as-read']]) {
        const said = await refusal(stack.serverless(...command));
        assert.match(said, new RegExp(`OSM endpoint +${params.osmEndpoint} → https://osm\\.ap-southeast-3`));
        assert.match(said, /credentials from +ssm:\/huawei\/relay → secretsmanager:/);
        assert.match(said, /--param="change=true"/);
      }
      assert.equal(await stack.osmEndpoint(), params.osmEndpoint);
      return 'deploy, deploy function';
    },
  );

  await report.check(
    'of a stack that tells no endpoints, as the first ones did, the function is asked',
    async () => {
      const StackName = `${name}-old`;
      const Outputs = { MarkAsReadFunctionName: { Value: `${name}-mark-as-read` } };
      const TemplateBody = JSON.stringify({ Resources: { Topic: { Type: 'AWS::SNS::Topic' } }, Outputs });
      await aws.cloudFormation.createStack({ StackName, TemplateBody });
      const calls = await eventually('its outputs', async () => {
        const found = await callsOf(StackName, aws.options);
        return Object.keys(found).length > 0 && found;
      });
      await aws.cloudFormation.deleteStack({ StackName });
      const { osmEndpoint: OsmEndpoint, iamEndpoint: IamEndpoint } = params;
      assert.deepEqual(calls, { OsmEndpoint, IamEndpoint, CredentialsFrom: `ssm:${PARAMETER}` });
    },
  );

  await report.check('with change=true it is deployed, and what the function wrote stays', async () => {
    const osmEndpoint = params.osmEndpoint.replace('127.0.0.1', 'localhost');
    await aws.call(ssmCall('PutParameter', refusalsName, { Value: 'refused', Overwrite: true }));
    await stack.setParams({ ...params, osmEndpoint });
    await stack.serverless('deploy', '--param', 'change=true');
    assert.equal(await stack.osmEndpoint(), osmEndpoint);
    assert.match(await aws.call(ssmCall('GetParameter', refusalsName)), /"Value": ?"refused"/);
  });
};

/** What the account holds under the stack's name: the stack itself, and what could be made anew while it goes. */
const remains = async ({ aws, name }: Stack): Promise<unknown[]> => {
  const { StackSummaries = [] } = await aws.cloudFormation.listStacks({});
  const { QueueUrls = [] } = await aws.sqs.listQueues({});
  const { Functions = [] } = await aws.lambda.listFunctions({});
  const { logGroups = [] } = await aws.logs.describeLogGroups({});
  const { Roles = [] } = await aws.iam.listRoles({});
  const stacks = StackSummaries.filter(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE');
  const all = [...stacks, ...QueueUrls, ...Functions, ...logGroups, ...Roles];
  return all.filter(each => JSON.stringify(each).includes(name));
};

const checkRemovalRefused = (stack: Stack, report: Report) =>
  report.check('a removal that would take dead letters along is refused, unless it is meant', async () => {
    const { DeadLetterQueueUrl } = await stack.outputs();
    await stack.aws.send(DeadLetterQueueUrl, 'one', 'two');
    const said = await refusal(stack.serverless('remove'));
    assert.match(said, /receipts +0\n +dead letters +2\n/);
    assert.match(said, new RegExp(`npx read-receipt-relay discard --stage ${stack.stage}\n`));
    assert.equal(await stack.aws.depth(DeadLetterQueueUrl), 2);
    await stack.serverless('remove', '--param', 'removeAnyway=true');
  });

export const checkOtherStage = async (stack: Stack, secret: string, report: Report) => {
  if (!(await checkDeploy(stack, secret, report))) return;
  await checkChange(stack, report);
  await checkRemovalRefused(stack, report);
};

export const checkRemoval = (stack: Deployed, report: Report) =>
  report.check('`serverless remove` leaves nothing', async () => {
    await emptyQueues(stack);
    const before = await remains(stack);
    assert.ok(before.length >= 9, `looked in the wrong place: ${before}`);
    await stack.serverless('remove');
    assert.deepEqual(await remains(stack), []);
    return `${before.length} things found before, none after`;
  });
