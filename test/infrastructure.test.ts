// The real serverless.yml, packaged offline for three stages, and what of the CloudFormation matters.

import { readFileSync } from 'node:fs';
import { loadConfig, loadRegion } from '../lib/config.ts';
import { backoffSeconds } from '../lib/relay/backoff.ts';
import { settleMs } from '../lib/relay/relay.ts';
import { VISIBILITY_MS } from '../lib/relay/settle.ts';
import { metricUnits } from '../lib/telemetry.ts';
import { packageStack } from '../local/build.ts';
import { PARAMS } from '../resources/params.ts';
import { longestCallMs } from '../resources/settings.ts';

/** What the gateway in front of OSM allows by default, in requests a second. */
const GATEWAY_LIMIT = 200;
const DAY_SECONDS = 86_400;
/** Three packages take about ten seconds. */
const LIMIT_MS = 300_000;

// biome-ignore lint/suspicious/noExplicitAny: what a template may hold is what these tests are about
type Properties = Record<string, any>;
type Stack = Awaited<ReturnType<typeof packageStack>>;

const TOPIC = 'arn:aws:sns:ap-southeast-1:123456789012:on-call';
const KEY = 'arn:aws:kms:ap-southeast-1:123456789012:key/0a1b2c3d';
const BOUNDARY = 'arn:aws:iam::123456789012:policy/bounds';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const EXAMPLE = read('stages/example.yml');

let bare: Stack;
let full: Stack;
let plain: Stack;

beforeAll(async () => {
  const stageFile = [
    'site: europe',
    'osmEndpoint: https://osm.example.com',
    'credentialsFrom: ssm:/huawei/relay',
    `credentialsKeyArn: ${KEY}`,
    'webIdentityAudience: https://iam.example.com/relay',
    `alarmTopicArn: ${TOPIC}`,
    'deadLetterThreshold: 25',
    'logRetentionDays: 90',
    `permissionsBoundaryArn: ${BOUNDARY}`,
  ].join('\n');
  [bare, full, plain] = await Promise.all([
    packageStack('dev'),
    packageStack('prod', [], stageFile),
    // Every default of the example taken as it stands, and the command line over it.
    packageStack(
      'plain',
      ['site=china', 'alarms=none', 'dashboard=none'],
      EXAMPLE.replaceAll(/^# (\w+: \S+)$/gm, '$1'),
    ),
  ]);
}, LIMIT_MS);

const resource = (stack: Stack, name: string): Properties => {
  const found = stack.template.Resources[name];
  if (!found) throw new Error(`no resource ${name} in ${Object.keys(stack.template.Resources).join(', ')}`);
  return found.Properties;
};
const ofType = (stack: Stack, type: string): Properties[] =>
  Object.values<Properties>(stack.template.Resources).flatMap(({ Type, Properties }) =>
    Type === type ? [Properties] : [],
  );
const MARK_AS_READ = 'MarkDashasDashreadLambdaFunction';
const REPLAY = 'ReplayLambdaFunction';
const mapping = (): Properties => resource(bare, 'MarkDashasDashreadEventSourceMappingSQSQueue');
const environment = (stack: Stack) => resource(stack, MARK_AS_READ).Environment.Variables;
/** The queues that CloudFormation fills in, and the parameter. */
const FILLED_IN = {
  QUEUE_URL: 'https://sqs.example/1/q',
  DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/d',
  REFUSALS_IN: 'ssm:/refusals',
};

describe('queues', () => {
  test.each(['Queue', 'DeadLetterQueue'])(
    '%s is a standard queue, encrypted at rest, and refuses whatever does not come over TLS',
    name => {
      const queue = resource(bare, name);
      expect(queue).toMatchObject({ SqsManagedSseEnabled: true });
      expect(queue).not.toHaveProperty('FifoQueue');
      const { Queues, PolicyDocument } = resource(bare, `${name}Policy`);
      expect(Queues).toEqual([{ Ref: name }]);
      expect(PolicyDocument.Statement).toEqual([
        {
          Sid: 'OnlyTls',
          Effect: 'Deny',
          Principal: '*',
          Action: 'sqs:*',
          Resource: { 'Fn::GetAtt': [name, 'Arn'] },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ]);
    },
  );

  test('a dead letter outlives what SQS itself moved, and nobody else may redrive to it', () => {
    const { MessageRetentionPeriod, QueueName, RedrivePolicy } = resource(bare, 'Queue');
    expect(MessageRetentionPeriod).toBe(7 * DAY_SECONDS);
    expect(environment(bare).QUEUE_RETENTION_SECONDS).toBe(`${7 * DAY_SECONDS}`);
    expect(RedrivePolicy.deadLetterTargetArn).toEqual({ 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] });
    expect(resource(bare, 'DeadLetterQueue')).toMatchObject({
      MessageRetentionPeriod: 14 * DAY_SECONDS,
      RedriveAllowPolicy: {
        redrivePermission: 'byQueue',
        sourceQueueArns: [{ 'Fn::Sub': expect.stringMatching(`:${QueueName}$`) }],
      },
    });
  });
});

describe('outage budget', () => {
  const numbers = () => {
    const queue = resource(bare, 'Queue');
    return {
      ...loadConfig({ ...environment(bare), ...FILLED_IN }),
      timeoutSeconds: resource(bare, MARK_AS_READ).Timeout as number,
      batchSize: mapping().BatchSize,
      windowSeconds: mapping().MaximumBatchingWindowInSeconds,
      instances: mapping().ScalingConfig.MaximumConcurrency,
      visibilitySeconds: queue.VisibilityTimeout as number,
      retentionSeconds: queue.MessageRetentionPeriod,
      maxReceiveCount: queue.RedrivePolicy.maxReceiveCount,
    };
  };

  test('a receipt outlives MAX_AGE_SECONDS of outage, whatever becomes of it at each receive', () => {
    const { maxAgeSeconds, visibilitySeconds, maxReceiveCount } = numbers();
    let receives = 1;
    // The shortest way through: the smallest back-off, or none at all where the function did not get to it.
    for (let age = 0; age < maxAgeSeconds; receives += 1) {
      age += Math.min(
        backoffSeconds(receives, 0, () => 0),
        visibilitySeconds,
      );
    }
    // At this receive the function itself writes the dead letter; only at the one after the last would SQS.
    expect(receives).toBeLessThanOrEqual(maxReceiveCount);
  });

  test('a bug of ours ends in the dead-letter queue before the retention ends', () => {
    const { maxReceiveCount, visibilitySeconds, retentionSeconds } = numbers();
    expect(maxReceiveCount * visibilitySeconds).toBeLessThan(retentionSeconds);
  });

  test('a receipt stays hidden as long as Lambda may hold it', () => {
    const { visibilitySeconds, timeoutSeconds, windowSeconds } = numbers();
    expect(visibilitySeconds).toBeGreaterThanOrEqual(6 * timeoutSeconds + windowSeconds);
    expect(visibilitySeconds * 1000).toBe(VISIBILITY_MS);
  });

  test('a full batch of distinct marks fits the time that is left for calls', () => {
    const { timeoutSeconds, maxRequestsPerSecond, maxInFlight, batchSize } = numbers();
    const forCallsSeconds = timeoutSeconds - settleMs(timeoutSeconds * 1000) / 1000;
    expect(batchSize).toBeLessThanOrEqual(maxRequestsPerSecond * forCallsSeconds);
    // Also where each answer takes a second.
    expect(batchSize).toBeLessThanOrEqual(maxInFlight * forCallsSeconds);
  });

  test('a call may take what the plugin allows', () => {
    const { timeoutSeconds, requestTimeoutMs } = numbers();
    const timeoutMs = timeoutSeconds * 1000;
    expect(longestCallMs(timeoutSeconds)).toBe((timeoutMs - settleMs(timeoutMs)) / 2);
    expect(requestTimeoutMs).toBeLessThanOrEqual(longestCallMs(timeoutSeconds));
  });

  test('all instances together stay under the gateway’s limit', () => {
    const { instances, maxRequestsPerSecond } = numbers();
    expect(instances * maxRequestsPerSecond).toBeLessThan(GATEWAY_LIMIT);
  });

  test('the stack says the same numbers as the code’s defaults', () => {
    const { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM } = environment(bare);
    const required = { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM, ...FILLED_IN };
    expect(numbers()).toMatchObject(loadConfig(required));
  });
});

describe('functions', () => {
  test.each([
    [MARK_AS_READ, 'mark-as-read', 'MarkAsReadRole', 'MarkDashasDashreadLogGroup'],
    [REPLAY, 'replay', 'ReplayRole', 'ReplayLogGroup'],
  ])('%s: Node 24 on arm64, X-Ray off, a role, a log and a package of its own', (id, name, role, log) => {
    const lambda = resource(bare, id);
    expect(lambda).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Role: { 'Fn::Sub': `\${${role}.Arn}` },
    });
    expect(lambda).not.toHaveProperty('TracingConfig');
    expect(lambda).not.toHaveProperty('ReservedConcurrentExecutions');
    const LogGroupName = `/aws/lambda/read-receipt-relay-dev-${name}`;
    expect(resource(bare, log)).toMatchObject({ LogGroupName, RetentionInDays: 30 });
    expect(resource(full, log)).toMatchObject({ RetentionInDays: 90 });
    expect(resource(full, role).PermissionsBoundary).toBe(BOUNDARY);
    expect(resource(bare, role).PermissionsBoundary).toEqual({ Ref: 'AWS::NoValue' });

    // Its entry and what that loads, nothing else.
    const files = bare.files[name] ?? {};
    const entry = `handlers/${name}.mjs`;
    expect(Object.keys(files)).toContain(entry);
    const texts = Object.values(files).map(content => Buffer.from(content).toString());
    for (const file of Object.keys(files).filter(file => file !== entry)) {
      const [chunk] = file.split('/').slice(-1);
      expect(texts.some(text => text.includes(`"./${chunk}"`))).toBe(true);
    }
  });

  test('packages are the same in every stage', () => expect(full.files).toEqual(bare.files));

  test('partial failures are reported, and nothing is filtered (SQS would delete it)', () => {
    const FunctionResponseTypes = ['ReportBatchItemFailures'];
    expect(mapping()).toMatchObject({ FunctionResponseTypes, Enabled: true });
    expect(mapping()).not.toHaveProperty('FilterCriteria');
  });

  test('replay is told of the queues and of nothing else', () => {
    const { Variables } = resource(bare, REPLAY).Environment;
    expect(Object.keys(Variables).sort()).toEqual([
      'DEAD_LETTER_QUEUE_URL',
      'POWERTOOLS_SERVICE_NAME',
      'QUEUE_URL',
    ]);
  });

  test('the command line and the next deploy find what they need among the outputs', () => {
    expect(full.template.Outputs).toMatchObject({
      QueueUrl: { Value: { Ref: 'Queue' } },
      DeadLetterQueueUrl: { Value: { Ref: 'DeadLetterQueue' } },
      ReplayFunctionName: { Value: 'read-receipt-relay-prod-replay' },
      MarkAsReadFunctionName: { Value: 'read-receipt-relay-prod-mark-as-read' },
      OsmEndpoint: { Value: environment(full).OSM_ENDPOINT },
      IamEndpoint: { Value: environment(full).IAM_ENDPOINT },
      CredentialsFrom: { Value: environment(full).CREDENTIALS_FROM },
      AlarmsTell: { Value: TOPIC },
    });
  });

  test('mark-as-read remembers refusals in a parameter of the stack, which is no secret', () => {
    expect(environment(bare).REFUSALS_IN).toEqual({ 'Fn::Sub': `ssm:\${Refusals}` });
    const refusals = { Name: '/read-receipt-relay-dev/refusals', Type: 'String', Value: 'none' };
    expect(resource(bare, 'Refusals')).toMatchObject(refusals);
  });

  test('the bucket of the packages is nobody else’s', () => {
    expect(resource(bare, 'ServerlessDeploymentBucket').PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
  });

  test.each([
    'AWS::SQS::Queue',
    'AWS::IAM::Role',
    'AWS::CloudWatch::Alarm',
    'AWS::Lambda::Function',
    'AWS::SSM::Parameter',
  ])('every %s carries the tags of service and stage', type => {
    const tags = { service: 'read-receipt-relay', stage: 'prod' };
    const found = ofType(full, type).map(({ Tags }) =>
      Array.isArray(Tags) ? Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value])) : Tags,
    );
    expect(found.length).toBeGreaterThan(0);
    for (const each of found) expect(each).toEqual(tags);
  });
});

describe('roles', () => {
  /** What may be done to which, as one sorted line an action. */
  const grants = (stack: Stack, role: string): string[] =>
    statements(stack, role)
      .flatMap(({ Action, Resource }) =>
        [Action]
          .flat()
          .map(action => `${action} ${Resource['Fn::GetAtt']?.[0] ?? Resource['Fn::Sub'] ?? Resource}`),
      )
      .sort();
  const statements = (stack: Stack, role: string): Properties[] =>
    resource(stack, role).Policies.flatMap(({ PolicyDocument }: Properties) => PolicyDocument.Statement);
  const here = (service: string, rest: string) =>
    `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${rest}`;
  const refusals = here('ssm', `parameter\${Refusals}`);
  const ofMarkAsRead = [
    'logs:CreateLogStream MarkDashasDashreadLogGroup',
    'logs:PutLogEvents MarkDashasDashreadLogGroup',
    'sqs:ChangeMessageVisibility* Queue',
    'sqs:DeleteMessage Queue',
    'sqs:GetQueueAttributes DeadLetterQueue',
    'sqs:GetQueueAttributes Queue',
    'sqs:ReceiveMessage Queue',
    'sqs:SendMessage* DeadLetterQueue',
    `ssm:GetParameter ${refusals}`,
    `ssm:PutParameter ${refusals}`,
  ];

  test('there are two, and each may do what it is for', () => {
    expect(ofType(bare, 'AWS::IAM::Role')).toHaveLength(2);
    const secret = here('secretsmanager', 'secret:read-receipt-relay-dev-??????');
    expect(grants(bare, 'MarkAsReadRole')).toEqual(
      [...ofMarkAsRead, `secretsmanager:GetSecretValue ${secret}`].sort(),
    );
    expect(grants(bare, 'ReplayRole')).toEqual([
      'logs:CreateLogStream ReplayLogGroup',
      'logs:PutLogEvents ReplayLogGroup',
      'sqs:ChangeMessageVisibility* DeadLetterQueue',
      'sqs:DeleteMessage* DeadLetterQueue',
      'sqs:GetQueueAttributes DeadLetterQueue',
      'sqs:ReceiveMessage DeadLetterQueue',
      'sqs:SendMessage* Queue',
    ]);
  });

  test('with a parameter, a key and an audience, mark-as-read may use these instead, under conditions', () => {
    const parameter = here('ssm', 'parameter/huawei/relay');
    expect(grants(full, 'MarkAsReadRole')).toEqual(
      [
        ...ofMarkAsRead,
        `ssm:GetParameter ${parameter}`,
        `kms:Decrypt ${KEY}`,
        'sts:GetWebIdentityToken *',
      ].sort(),
    );
    const conditions = statements(full, 'MarkAsReadRole').map(({ Condition }) => Condition);
    expect(conditions.filter(Boolean)).toEqual([
      { StringEquals: { 'kms:ViaService': { 'Fn::Sub': `ssm.\${AWS::Region}.\${AWS::URLSuffix}` } } },
      {
        'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': ['https://iam.example.com/relay'] },
        Null: { 'sts:IdentityTokenAudience': 'false' },
        NumericLessThanEquals: { 'sts:DurationSeconds': '300' },
      },
    ]);
  });

  test('a sender may send, and nothing else', () => {
    expect(resource(bare, 'ProducerPolicy').PolicyDocument.Statement).toEqual([
      {
        Sid: 'SendReceipts',
        Effect: 'Allow',
        Action: 'sqs:SendMessage',
        Resource: { 'Fn::GetAtt': ['Queue', 'Arn'] },
      },
    ]);
  });
});

describe('alarms and dashboard', () => {
  const alarms = (stack: Stack) => ofType(stack, 'AWS::CloudWatch::Alarm');
  const named = (alarm: Properties): string => alarm.AlarmName.slice('read-receipt-relay-prod-'.length);
  const body = (): Properties => JSON.parse(resource(bare, 'Dashboard').DashboardBody['Fn::Sub']);
  const NAMESPACE = 'ReadReceiptRelay';

  test('every alarm says what it means, what to type first, and where the runbook goes on', () => {
    expect(alarms(full)).toHaveLength(12);
    for (const alarm of alarms(full)) {
      const [meaning, command, link] = alarm.AlarmDescription.split('\n');
      expect(meaning).toMatch(/\.$/);
      expect(command).toMatch(/^(npx read-receipt-relay|npx serverless|aws) \S+/);
      expect(link).toBe(`docs/runbook.md#${named(alarm)}`);
      expect(alarm.AlarmDescription.length).toBeLessThanOrEqual(1024);
      expect(alarm.TreatMissingData).toBe('notBreaching');
      expect(alarm.AlarmActions).toEqual([TOPIC]);
      expect(alarm.OKActions).toEqual([TOPIC]);
    }
    expect(alarms(bare).flatMap(({ AlarmActions, OKActions }) => [...AlarmActions, ...OKActions])).toEqual(
      [],
    );
  });

  test('the person on call may look: dead letters hidden for 15 minutes neither end one alarm nor ring another', () => {
    const byName = new Map(alarms(full).map(alarm => [named(alarm), alarm]));
    const oneIn15 = { Period: 60, EvaluationPeriods: 15, DatapointsToAlarm: 1, Threshold: 25 };
    expect(byName.get('dead-letters')).toMatchObject(oneIn15);
    const { Statistic, Period, EvaluationPeriods, Threshold } = byName.get('dead-letters-hidden') ?? {};
    expect({ Statistic, Threshold }).toEqual({ Statistic: 'Minimum', Threshold: 25 });
    expect(Period * EvaluationPeriods).toBeGreaterThan(15 * 60);
  });

  test('none makes none of them', () => {
    expect(alarms(plain)).toEqual([]);
    expect(plain.template.Resources).not.toHaveProperty('Dashboard');
    expect(plain.template.Outputs).not.toHaveProperty('DashboardName');
    expect(ofType(plain, 'AWS::SQS::Queue')).toHaveLength(2);
  });

  test('every metric of the code is one that an alarm reads or the dashboard draws, of this stage; twelve at most', () => {
    const queues = Object.fromEntries(
      ['Queue', 'DeadLetterQueue'].map(id => [id, resource(bare, id).QueueName]),
    );
    const nameOf = (value: string | Properties) =>
      typeof value === 'string' ? value : queues[value['Fn::GetAtt'][0]];
    const watched = alarms(bare).map(({ Namespace, MetricName, Dimensions: [{ Name, Value }] }) => [
      Namespace,
      MetricName,
      Name,
      nameOf(Value),
    ]);
    const drawn = body().widgets.flatMap(({ properties }: Properties) => properties.metrics ?? []);
    const read = [...watched, ...drawn.filter(([namespace]: unknown[]) => typeof namespace === 'string')];
    const functionName = resource(bare, MARK_AS_READ).FunctionName;
    const dimensions: Record<string, string[]> = {
      [NAMESPACE]: [`service ${environment(bare).POWERTOOLS_SERVICE_NAME}`],
      'AWS/SQS': Object.values(queues).map(name => `QueueName ${name}`),
      'AWS/Lambda': [functionName, resource(bare, REPLAY).FunctionName].map(name => `FunctionName ${name}`),
    };
    for (const [namespace, , dimension, value] of read)
      expect(dimensions[namespace]).toContain(`${dimension} ${value}`);
    const own = read.filter(([namespace]) => namespace === NAMESPACE).map(([, metric]) => metric);
    expect([...new Set(own)].sort()).toEqual(Object.keys(metricUnits).sort());
    expect(Object.keys(metricUnits).length).toBeLessThanOrEqual(12);
  });

  test('widgets lie side by side without a gap', () => {
    const rows = Map.groupBy(body().widgets as { y: number; width: number }[], ({ y }) => y);
    for (const widgets of rows.values()) expect(widgets.reduce((sum, { width }) => sum + width, 0)).toBe(24);
  });
});

describe('params, names and regions', () => {
  test('Serverless prints what the stage calls and whom it tells; the command line goes over the file', () => {
    const { OSM_ENDPOINT, IAM_ENDPOINT } = environment(plain);
    expect(OSM_ENDPOINT).toMatch(/^https:\/\/osm\.cn-south-1\./);
    expect(plain.said.split('\n').filter(line => /^ {2}\w/.test(line))).toEqual([
      '  stage             plain (stages/plain.yml)',
      '  region            ap-southeast-1',
      `  OSM endpoint      ${OSM_ENDPOINT}`,
      `  IAM endpoint      ${IAM_ENDPOINT}`,
      '  credentials from  secretsmanager:read-receipt-relay-prod',
      '  alarms tell       nobody, there are no alarms (alarms: none)',
    ]);
    expect(bare.said).toContain('dev (no params in stages/dev.yml)');
  });

  test('stages/example.yml names every param', () => {
    for (const name of PARAMS) {
      expect(EXAMPLE).toMatch(new RegExp(`^# (${name}: *|  --param="${name}=)`, 'm'));
    }
  });

  test('the command line looks where a bare deploy goes', () => {
    const yaml = readFileSync(new URL('../serverless.yml', import.meta.url), 'utf8');
    expect(/^ {2}region: .*'([a-z0-9-]+)'}$/m.exec(yaml)?.[1]).toBe(loadRegion({}));
  });

  test('stages share no name', () => {
    const names = (stack: Stack) =>
      JSON.stringify(stack.template)
        .match(/read-receipt-relay-\w+/g)
        ?.filter(name => !name.endsWith('-package'));
    expect(new Set(names(bare))).toEqual(new Set(['read-receipt-relay-dev']));
    expect(new Set(names(full))).toEqual(new Set(['read-receipt-relay-prod']));
  });
});
