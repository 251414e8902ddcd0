// Another stage beside the first: its own params in its own file, what stops a deploy or a removal, and what gets by.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { callsOf } from '../../resources/deployed.ts';
import { OWNER } from './aws.ts';
import { eventually, type Report } from './report.ts';
import type { Stack } from './stack.ts';
import { leftovers } from './surroundings.ts';

/** Where its credentials are. */
export const PARAMETER = '/huawei/relay';

const POLICY = new URL('../../docs/deployer-policy.json', import.meta.url);

/** Keys of a user who has the rights that the docs name, and no others; and how to take them back. */
const createDeployer = async ({ aws: { iam }, name }: Stack) => {
  const UserName = `${name}-deployer`;
  const PolicyName = 'deployer';
  await iam.createUser({ UserName });
  await iam.putUserPolicy({ UserName, PolicyName, PolicyDocument: await readFile(POLICY, 'utf8') });
  const { AccessKey } = await iam.createAccessKey({ UserName });
  const { AccessKeyId = '', SecretAccessKey = '' } = AccessKey ?? {};
  return {
    keys: { AWS_ACCESS_KEY_ID: AccessKeyId, AWS_SECRET_ACCESS_KEY: SecretAccessKey },
    async remove() {
      await iam.deleteAccessKey({ UserName, AccessKeyId });
      await iam.deleteUserPolicy({ UserName, PolicyName });
      await iam.deleteUser({ UserName });
    },
  };
};

/** What Serverless says where it refuses. */
const refusal = (command: Promise<string>): Promise<string> =>
  command.then(
    said => assert.fail(`was not refused: ${said}`),
    error => (error as Error).message,
  );

const ssm = async ({ aws }: Stack, verb: string, body: object) => {
  const answer = await aws.callAs(OWNER, { service: 'ssm', target: `AmazonSSM.${verb}`, body });
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body);
};

const checkChange = async (stack: Stack, report: Report) => {
  const { params } = stack;
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
      const { OSM_ENDPOINT } = await stack.variables();
      assert.equal(OSM_ENDPOINT, params.osmEndpoint);
      return 'deploy, deploy function';
    },
  );

  await report.check(
    'of a stack that tells no endpoints, as the first ones did, the function is asked',
    async () => {
      const { cloudFormation, options } = stack.aws;
      const StackName = `${stack.name}-old`;
      const Outputs = { MarkAsReadFunctionName: { Value: `${stack.name}-mark-as-read` } };
      const Resources = { Topic: { Type: 'AWS::SNS::Topic' } };
      await cloudFormation.createStack({ StackName, TemplateBody: JSON.stringify({ Resources, Outputs }) });
      const calls = await eventually('its outputs', async () => {
        const found = await callsOf(StackName, options);
        return Object.keys(found).length > 0 && found;
      });
      await cloudFormation.deleteStack({ StackName });
      const { osmEndpoint: OsmEndpoint, iamEndpoint: IamEndpoint } = params;
      assert.deepEqual(calls, { OsmEndpoint, IamEndpoint, CredentialsFrom: `ssm:${PARAMETER}` });
    },
  );

  await report.check('with change=true it is deployed, and what the function wrote stays', async () => {
    const osmEndpoint = params.osmEndpoint.replace('127.0.0.1', 'localhost');
    await ssm(stack, 'PutParameter', { Name: stack.refusalsName, Value: 'refused', Overwrite: true });
    await stack.setParams({ ...params, osmEndpoint });
    await stack.serverless('deploy', '--param', 'change=true');
    assert.equal((await stack.variables()).OSM_ENDPOINT, osmEndpoint);
    const { Parameter } = await ssm(stack, 'GetParameter', { Name: stack.refusalsName });
    assert.equal(Parameter.Value, 'refused');
  });
};

const checkRemoval = (stack: Stack, report: Report) =>
  report.check('a removal that would take dead letters along is refused, unless it is meant', async () => {
    const { DeadLetterQueueUrl } = await stack.outputs();
    await stack.aws.send(DeadLetterQueueUrl, 'one', 'two');
    const said = await refusal(stack.serverless('remove'));
    assert.match(said, /receipts +0\n +dead letters +2\n/);
    assert.match(said, new RegExp(`npx read-receipt-relay discard --stage ${stack.stage}\n`));
    assert.equal(await stack.aws.depth(DeadLetterQueueUrl), 2);
    await stack.serverless('remove', '--param', 'removeAnyway=true');
    assert.deepEqual(
      (await leftovers(stack)).filter(each => each.includes(stack.name)),
      [],
    );
  });

export const checkOtherStage = async (stack: Stack, secret: string, report: Report) => {
  const { aws, huawei, name } = stack;
  const deployer = await createDeployer(stack);
  Object.assign(stack.env, deployer.keys);
  const isUp = await report.check(
    'deployed with the rights of docs/deployer-policy.json, a stage with a file of its own reads a parameter instead of a secret, and has no alarms',
    async () => {
      await ssm(stack, 'PutParameter', { Name: PARAMETER, Type: 'SecureString', Value: secret });
      const said = await stack.serverless('deploy');
      assert.match(said, new RegExp(`stage +${stack.stage} \\(stages/${stack.stage}\\.yml\\)`));
      huawei.osm.addCase('by-parameter');
      await aws.send((await stack.outputs()).QueueUrl, { case_id: 'by-parameter' });
      await eventually('the case read at Huawei Cloud', async () => huawei.osm.unread('by-parameter') === 0);
      const { MetricAlarms } = await aws.cloudWatch.describeAlarms({ AlarmNamePrefix: name });
      assert.deepEqual(MetricAlarms, []);
      return true;
    },
  );
  if (!isUp) return;
  await checkChange(stack, report);
  await checkRemoval(stack, report);
  await deployer.remove();
};
