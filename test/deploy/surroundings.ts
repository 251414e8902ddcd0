// What lies around the functions: transport, senders, alarms, a second deploy, and what remains after removal.
import assert from 'node:assert/strict';
import { OWNER } from './aws.ts';
import type { Report } from './report.ts';
import { type Deployed, SERVICE, type Stack } from './stack.ts';

export const checkTransport = async ({ aws, out }: Deployed, report: Report) => {
  const send = (QueueUrl: string, protocol: string) =>
    aws.callAs(OWNER, {
      service: 'sqs',
      target: 'AmazonSQS.SendMessage',
      body: { QueueUrl, MessageBody: '{"case_id":"case-1"}' },
      // How an entry point tells what the caller spoke: the emulator has but one port, and that speaks TLS.
      headers: { 'X-Forwarded-Proto': protocol },
    });
  await report.check('a send over plain http is refused, even to the owner of the account', async () => {
    for (const url of [out.QueueUrl, out.DeadLetterQueueUrl]) {
      const { status, body } = await send(url, 'http');
      assert.equal(status, 403, body);
      assert.match(body, /AccessDenied/);
    }
    assert.equal((await send(out.QueueUrl, 'https')).status, 200);
  });
};

export const checkSender = async ({ aws, out, name }: Deployed, report: Report) => {
  await report.check('a sender with the managed policy may send, and nothing else', async () => {
    const UserName = `${name}-sender`;
    await aws.iam.createUser({ UserName });
    await aws.iam.attachUserPolicy({ UserName, PolicyArn: out.ProducerPolicyArn });
    const { AccessKey } = await aws.iam.createAccessKey({ UserName });
    const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = AccessKey ?? {};
    const keys = { accessKeyId, secretAccessKey };
    const call = async (verb: string, QueueUrl: string) => {
      const body = { QueueUrl, MessageBody: '{"case_id":"case-1"}' };
      return (await aws.callAs(keys, { service: 'sqs', target: `AmazonSQS.${verb}`, body })).status;
    };
    try {
      assert.equal(await call('SendMessage', out.QueueUrl), 200);
      assert.notEqual(await call('SendMessage', out.DeadLetterQueueUrl), 200);
      assert.notEqual(await call('ReceiveMessage', out.QueueUrl), 200);
      assert.notEqual(await call('PurgeQueue', out.QueueUrl), 200);
    } finally {
      await aws.iam.deleteAccessKey({ UserName, AccessKeyId: accessKeyId });
      await aws.iam.detachUserPolicy({ UserName, PolicyArn: out.ProducerPolicyArn });
      await aws.iam.deleteUser({ UserName });
    }
  });
};

interface MetricDocument {
  _aws?: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [field: string]: unknown;
}

export const checkAlarms = async ({ aws, out, name }: Deployed, report: Report) => {
  const { cloudWatch } = aws;
  const { MetricAlarms = [] } = await cloudWatch.describeAlarms({ AlarmNamePrefix: name });
  const documents = (await aws.logLines(out.MarkAsReadFunctionName)) as MetricDocument[];

  /** The values of a metric in what the function printed, as CloudWatch would extract them. */
  const emitted = (namespace: string, metric: string, dimensions: Record<string, string>): number[] =>
    documents.flatMap(document => {
      const declared = (document._aws?.CloudWatchMetrics ?? []).some(
        ({ Namespace, Dimensions, Metrics }) =>
          Namespace === namespace &&
          Metrics.some(({ Name }) => Name === metric) &&
          Dimensions.some(set => set.toSorted().join() === Object.keys(dimensions).sort().join()),
      );
      const here = Object.entries(dimensions).every(([key, value]) => document[key] === value);
      return declared && here ? ([document[metric]].flat() as number[]) : [];
    });

  for (const { AlarmName = '', Namespace = '', MetricName = '', Dimensions = [] } of MetricAlarms) {
    if (Namespace !== 'ReadReceiptRelay') continue;
    await report.check(`${AlarmName} looks at a metric that the function prints`, async () => {
      const dimensions = Object.fromEntries(Dimensions.map(({ Name = '', Value = '' }) => [Name, Value]));
      const values = emitted(Namespace, MetricName, dimensions);
      assert.ok(values.length > 0, `no ${MetricName} with ${JSON.stringify(dimensions)} in the log`);
      return `${values.length} values of ${MetricName}`;
    });
  }

  await report.check(
    'after an invocation that throws, and fed with what the function printed, the alarms ring',
    async () => {
      const { failed } = await aws.invoke(out.MarkAsReadFunctionName, { Records: 'not a batch' });
      assert.ok(failed, 'what is no batch did not make it throw');
      assert.ok((await aws.invoke(out.ReplayFunctionName, { filter: 'all' })).failed, 'took a wrong request');
      const Dimensions = [{ Name: 'service', Value: name }];
      for (const MetricName of ['Unauthorized', 'Misconfigured', 'BreakerOpened']) {
        const values = emitted('ReadReceiptRelay', MetricName, { service: name });
        const MetricData = values.map(Value => ({ MetricName, Dimensions, Value }));
        await cloudWatch.putMetricData({ Namespace: 'ReadReceiptRelay', MetricData });
      }
      const { MetricAlarms: after = [] } = await cloudWatch.describeAlarms({ AlarmNamePrefix: name });
      const ringing = after
        .filter(({ StateValue }) => StateValue === 'ALARM')
        .map(({ AlarmName }) => AlarmName);
      for (const which of [
        'unauthorized',
        'misconfigured',
        'breaker-open',
        'function-errors',
        'replay-failed',
      ]) {
        assert.ok(ringing.includes(`${name}-${which}`), `${which} does not ring; these do: ${ringing}`);
      }
      return ringing.map(alarm => alarm?.slice(name.length + 1)).join(', ');
    },
  );

  await report.check('the platform counts throttles where the alarm looks', async () => {
    const Dimensions = [{ Name: 'FunctionName', Value: out.MarkAsReadFunctionName }];
    const metric = { Namespace: 'AWS/Lambda', MetricName: 'Throttles', Dimensions };
    assert.equal((await cloudWatch.listMetrics(metric)).Metrics?.length, 1);
  });

  await report.check('the dashboard is there and is JSON', async () => {
    const { DashboardBody = '' } = await cloudWatch.getDashboard({ DashboardName: name });
    return `${JSON.parse(DashboardBody).widgets.length} widgets`;
  });
};

export const checkTags = ({ aws, out, stage }: Deployed, report: Report) =>
  report.check('queues, roles and alarms carry service and stage', async () => {
    /** AWS adds some of its own. */
    const areRight = (tags: [string | undefined, string | undefined][]) => {
      const ours = tags.filter(([key]) => !key?.startsWith('aws:')).sort();
      assert.deepEqual(ours, Object.entries({ service: SERVICE, stage }));
    };
    const pairs = (tags: { Key: string | undefined; Value: string | undefined }[] = []) =>
      tags.map(({ Key, Value }): [string | undefined, string | undefined] => [Key, Value]);
    for (const QueueUrl of [out.QueueUrl, out.DeadLetterQueueUrl]) {
      areRight(Object.entries((await aws.sqs.listQueueTags({ QueueUrl })).Tags ?? {}));
    }
    for (const FunctionName of [out.MarkAsReadFunctionName, out.ReplayFunctionName]) {
      const { Role = '' } = await aws.lambda.getFunctionConfiguration({ FunctionName });
      areRight(pairs((await aws.iam.listRoleTags({ RoleName: Role.split('/').at(-1) })).Tags));
    }
    const { MetricAlarms = [] } = await aws.cloudWatch.describeAlarms({ AlarmNamePrefix: SERVICE });
    for (const { AlarmArn: ResourceARN } of MetricAlarms) {
      areRight(pairs((await aws.cloudWatch.listTagsForResource({ ResourceARN })).Tags));
    }
    return `${MetricAlarms.length} alarms`;
  });

export const checkSecondDeploy = (stack: Deployed, report: Report) =>
  report.check('a second deploy of the same tree changes nothing', async () => {
    const before = await stack.aws.cloudFormation.describeStacks({ StackName: stack.name });
    assert.match(await stack.serverless('deploy'), /No changes to deploy/);
    const after = await stack.aws.cloudFormation.describeStacks({ StackName: stack.name });
    assert.deepEqual(after.Stacks, before.Stacks);
  });

/** Everything in the account whose name tells that it is ours. */
export const leftovers = async ({ aws, name }: Stack): Promise<string[]> => {
  const { StackSummaries = [] } = await aws.cloudFormation.listStacks({});
  const { QueueUrls = [] } = await aws.sqs.listQueues({});
  const { Functions = [] } = await aws.lambda.listFunctions({});
  const { EventSourceMappings = [] } = await aws.lambda.listEventSourceMappings({});
  const { logGroups = [] } = await aws.logs.describeLogGroups({});
  const { Roles = [] } = await aws.iam.listRoles({});
  const { Policies = [] } = await aws.iam.listPolicies({ Scope: 'Local' });
  const { MetricAlarms = [] } = await aws.cloudWatch.describeAlarms({});
  const dashboards = await aws.cloudWatch.getDashboard({ DashboardName: name }).then(
    () => [name],
    () => [],
  );
  const buckets = await aws.callAs(OWNER, { service: 's3', method: 'GET' });
  return [
    ...StackSummaries.filter(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE').map(
      each => each.StackName,
    ),
    ...QueueUrls,
    ...Functions.map(each => each.FunctionName),
    ...EventSourceMappings.map(each => each.EventSourceArn),
    ...logGroups.map(each => each.logGroupName),
    ...Roles.map(each => each.RoleName),
    ...Policies.map(each => each.PolicyName),
    ...MetricAlarms.map(each => each.AlarmName),
    ...dashboards,
    ...Array.from(buckets.body.matchAll(/<Name>([^<]+)<\/Name>/g), ([, bucket]) => bucket),
  ].filter(found => found?.includes(SERVICE)) as string[];
};

export const checkRemove = (stack: Stack, report: Report) =>
  report.check('`serverless remove` leaves nothing', async () => {
    const before = await leftovers(stack);
    assert.ok(before.length > 20, `looked in the wrong place: ${before}`);
    await stack.serverless('remove');
    assert.deepEqual(await leftovers(stack), []);
    return `${before.length} things found before, none after`;
  });
