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
const LIMIT_MS = 600_000;

// biome-ignore lint/suspicious/noExplicitAny: what a template may hold is what these tests are about
type Properties = Record<string, any>;
type Stack = Awaited<ReturnType<typeof packageStack>>;

/** Packages a stage. What CloudFormation fills in stands as text: `Queue.Arn`, `arn:${AWS::Partition}:…`. */
const packaged = async (...args: Parameters<typeof packageStack>): Promise<Stack> => {
  const stack = await packageStack(...args);
  const asText = (_: string, value: Properties) =>
    value?.Ref ?? value?.['Fn::GetAtt']?.join('.') ?? value?.['Fn::Sub'] ?? value;
  return { ...stack, template: JSON.parse(JSON.stringify(stack.template), asText) };
};

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
    packaged('dev'),
    packaged('prod', [], stageFile),
    // Every default of the example taken as it stands, and the command line over it.
    packaged(
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
const here = (service: string, rest: string) =>
  `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${rest}`;
const MARK_AS_READ = 'MarkDashasDashreadLambdaFunction';
const REPLAY = 'ReplayLambdaFunction';
const LOG = 'AWS::Logs::LogGroup';
const MAPPING = 'MarkDashasDashreadEventSourceMappingSQSQueue';
const environment = (stack: Stack) => resource(stack, MARK_AS_READ).Environment.Variables;
/** The queues that CloudFormation fills in, and the parameter. */
const FILLED_IN = {
  QUEUE_URL: 'https://sqs.example/1/q',
  DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/d',
  REFUSALS_IN: 'ssm:/refusals',
};

test.each(['Queue', 'DeadLetterQueue'])(
  '%s is a standard queue, encrypted at rest, and refuses whatever does not come over TLS',
  name => {
    const queue = resource(bare, name);
    expect(queue).toMatchObject({ SqsManagedSseEnabled: true });
    expect(queue).not.toHaveProperty('FifoQueue');
    const { Queues, PolicyDocument } = resource(bare, `${name}Policy`);
    expect(Queues).toEqual([name]);
    expect(PolicyDocument.Statement).toEqual([
      {
        Sid: 'OnlyTls',
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:*',
        Resource: `${name}.Arn`,
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]);
  },
);

test('a dead letter outlives what SQS itself moved, and nobody else may redrive to it', () => {
  const receipts = resource(bare, 'Queue');
  expect(receipts.MessageRetentionPeriod).toBe(7 * DAY_SECONDS);
  expect(environment(bare).QUEUE_RETENTION_SECONDS).toBe(`${7 * DAY_SECONDS}`);
  expect(receipts.RedrivePolicy.deadLetterTargetArn).toBe('DeadLetterQueue.Arn');
  const letters = resource(bare, 'DeadLetterQueue');
  expect(letters.MessageRetentionPeriod).toBe(14 * DAY_SECONDS);
  const { redrivePermission, sourceQueueArns } = letters.RedriveAllowPolicy;
  expect(redrivePermission).toBe('byQueue');
  expect(sourceQueueArns).toEqual([here('sqs', receipts.QueueName)]);
});

describe('outage budget', () => {
  const numbers = () => {
    const queue = resource(bare, 'Queue');
    const mapping = resource(bare, MAPPING);
    return {
      ...loadConfig({ ...environment(bare), ...FILLED_IN }),
      timeoutSeconds: resource(bare, MARK_AS_READ).Timeout as number,
      batchSize: mapping.BatchSize,
      windowSeconds: mapping.MaximumBatchingWindowInSeconds,
      instances: mapping.ScalingConfig.MaximumConcurrency,
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

  type Numbers = ReturnType<typeof numbers>;
  const forCallsSeconds = ({ timeoutSeconds }: Numbers) =>
    timeoutSeconds - settleMs(timeoutSeconds * 1000) / 1000;

  test.each<[string, (n: Numbers) => number, (n: Numbers) => number]>([
    [
      'a bug of ours ends in the dead-letter queue before the retention ends',
      n => n.maxReceiveCount * n.visibilitySeconds,
      n => n.retentionSeconds,
    ],
    [
      'a receipt stays hidden as long as Lambda may hold it',
      n => 6 * n.timeoutSeconds + n.windowSeconds,
      n => n.visibilitySeconds,
    ],
    [
      'a full batch of distinct marks fits the time that is left for calls',
      n => n.batchSize,
      n => n.maxRequestsPerSecond * forCallsSeconds(n),
    ],
    ['also where each answer takes a second', n => n.batchSize, n => n.maxInFlight * forCallsSeconds(n)],
    ['a call may take half of that time', n => n.requestTimeoutMs, n => (forCallsSeconds(n) * 1000) / 2],
    [
      'all instances together stay under the gateway’s limit',
      n => n.instances * n.maxRequestsPerSecond,
      () => GATEWAY_LIMIT,
    ],
  ])('%s', (_, value, most) => expect(value(numbers())).toBeLessThanOrEqual(most(numbers())));

  test('the code and the plugin say the same numbers', () => {
    const { visibilitySeconds, timeoutSeconds } = numbers();
    expect(visibilitySeconds * 1000).toBe(VISIBILITY_MS);
    expect(longestCallMs(timeoutSeconds)).toBe((forCallsSeconds(numbers()) * 1000) / 2);
    const { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM } = environment(bare);
    const required = { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM, ...FILLED_IN };
    expect(numbers()).toMatchObject(loadConfig(required));
  });
});

describe('functions', () => {
  test.each([
    [MARK_AS_READ, 'mark-as-read', 'MarkAsReadRole'],
    [REPLAY, 'replay', 'ReplayRole'],
  ])('%s: Node 24 on arm64, X-Ray off, a role, a log and a package of its own', (id, name, role) => {
    const lambda = resource(bare, id);
    expect(lambda).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Role: `\${${role}.Arn}`,
    });
    expect(lambda).not.toHaveProperty('TracingConfig');
    expect(lambda).not.toHaveProperty('ReservedConcurrentExecutions');
    const log = `/aws/lambda/${lambda.FunctionName}`;
    const retention = (stack: Stack) =>
      new Map(ofType(stack, LOG).map(each => [each.LogGroupName, each.RetentionInDays]));
    expect(retention(bare).get(log)).toBe(30);
    expect(retention(full).get(log.replace('-dev-', '-prod-'))).toBe(90);
    expect(resource(full, role).PermissionsBoundary).toBe(BOUNDARY);
    expect(resource(bare, role).PermissionsBoundary).toBe('AWS::NoValue');

    // Its entry and what that loads, nothing else.
    const { [`handlers/${name}.mjs`]: entry, ...chunks } = bare.files[name] ?? {};
    expect(entry).toBeDefined();
    const texts = [entry, ...Object.values(chunks)].map(content => Buffer.from(content ?? []).toString());
    for (const file of Object.keys(chunks))
      expect(texts.some(text => text.includes(`"./${file.split('/').at(-1)}"`))).toBe(true);
  });

  test('packages are the same in every stage', () => expect(full.files).toEqual(bare.files));

  test('partial failures are reported, and nothing is filtered (SQS would delete it)', () => {
    const mapping = resource(bare, MAPPING);
    expect(mapping).toMatchObject({ FunctionResponseTypes: ['ReportBatchItemFailures'], Enabled: true });
    expect(mapping).not.toHaveProperty('FilterCriteria');
  });

  test('replay is told of the queues and of nothing else', () => {
    const told = Object.keys(resource(bare, REPLAY).Environment.Variables);
    expect(told.sort()).toEqual(['DEAD_LETTER_QUEUE_URL', 'QUEUE_URL', 'SERVICE_NAME']);
  });

  test('mark-as-read remembers refusals in a parameter of the stack, which is no secret', () => {
    expect(environment(bare).REFUSALS_IN).toBe(`ssm:\${Refusals}`);
    const refusals = { Name: '/read-receipt-relay-dev/refusals', Type: 'String', Value: 'none' };
    expect(resource(bare, 'Refusals')).toMatchObject(refusals);
  });

  test('the command line and the next deploy find what they need among the outputs', () => {
    const { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM } = environment(full);
    expect(full.template.Outputs).toMatchObject({
      QueueUrl: { Value: 'Queue' },
      DeadLetterQueueUrl: { Value: 'DeadLetterQueue' },
      ReplayFunctionName: { Value: 'read-receipt-relay-prod-replay' },
      MarkAsReadFunctionName: { Value: 'read-receipt-relay-prod-mark-as-read' },
      OsmEndpoint: { Value: OSM_ENDPOINT },
      IamEndpoint: { Value: IAM_ENDPOINT },
      CredentialsFrom: { Value: CREDENTIALS_FROM },
      AlarmsTell: { Value: TOPIC },
    });
  });

  test('the bucket of the packages is nobody else’s', () => {
    const { PublicAccessBlockConfiguration } = resource(bare, 'ServerlessDeploymentBucket');
    const blocked = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'];
    expect(PublicAccessBlockConfiguration).toEqual(Object.fromEntries(blocked.map(each => [each, true])));
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
  const statements = (stack: Stack, role: string): Properties[] =>
    resource(stack, role).Policies.flatMap(({ PolicyDocument }: Properties) => PolicyDocument.Statement);
  const refusals = here('ssm', `parameter\${Refusals}`);
  const ofMarkAsRead = [
    'logs:CreateLogStream MarkDashasDashreadLogGroup.Arn',
    'logs:PutLogEvents MarkDashasDashreadLogGroup.Arn',
    'sqs:ChangeMessageVisibility* Queue.Arn',
    'sqs:DeleteMessage Queue.Arn',
    'sqs:GetQueueAttributes DeadLetterQueue.Arn',
    'sqs:GetQueueAttributes Queue.Arn',
    'sqs:ReceiveMessage Queue.Arn',
    'sqs:SendMessage* DeadLetterQueue.Arn',
    `ssm:GetParameter ${refusals}`,
    `ssm:PutParameter ${refusals}`,
  ];
  const ofReplay = [
    'logs:CreateLogStream ReplayLogGroup.Arn',
    'logs:PutLogEvents ReplayLogGroup.Arn',
    'sqs:ChangeMessageVisibility* DeadLetterQueue.Arn',
    'sqs:DeleteMessage* DeadLetterQueue.Arn',
    'sqs:GetQueueAttributes DeadLetterQueue.Arn',
    'sqs:ReceiveMessage DeadLetterQueue.Arn',
    'sqs:SendMessage* Queue.Arn',
  ];
  const secret = here('secretsmanager', 'secret:read-receipt-relay-dev-??????');
  const parameter = here('ssm', 'parameter/huawei/relay');
  const ofCredentials = [`ssm:GetParameter ${parameter}`, `kms:Decrypt ${KEY}`, 'sts:GetWebIdentityToken *'];

  test.each([
    ['MarkAsReadRole', 'dev', [...ofMarkAsRead, `secretsmanager:GetSecretValue ${secret}`]],
    ['MarkAsReadRole', 'prod', [...ofMarkAsRead, ...ofCredentials]],
    ['ReplayRole', 'dev', ofReplay],
    ['ReplayRole', 'prod', ofReplay],
  ])('%s of %s may do what it is for, and nothing else', (role, stage, expected) => {
    const stack = stage === 'dev' ? bare : full;
    expect(ofType(stack, 'AWS::IAM::Role')).toHaveLength(2);
    const granted = statements(stack, role).flatMap(({ Action, Resource }) =>
      [Action].flat().map(action => `${action} ${Resource}`),
    );
    expect(granted.sort()).toEqual(expected.sort());
  });

  test('a key is used through its store alone, an identity proved to one audience alone', () => {
    const conditions = statements(full, 'MarkAsReadRole').flatMap(({ Condition }) => Condition ?? []);
    expect(conditions).toEqual([
      { StringEquals: { 'kms:ViaService': `ssm.\${AWS::Region}.\${AWS::URLSuffix}` } },
      {
        'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': ['https://iam.example.com/relay'] },
        Null: { 'sts:IdentityTokenAudience': 'false' },
        NumericLessThanEquals: { 'sts:DurationSeconds': '300' },
      },
    ]);
  });

  test('a sender may send, and nothing else', () => {
    const statement = { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: 'Queue.Arn' };
    const { PolicyDocument } = resource(bare, 'ProducerPolicy');
    expect(PolicyDocument.Statement).toEqual([{ Sid: 'SendReceipts', ...statement }]);
  });
});

describe('alarms and dashboard', () => {
  const alarms = (stack: Stack) => ofType(stack, 'AWS::CloudWatch::Alarm');
  const named = (alarm: Properties): string => alarm.AlarmName.slice('read-receipt-relay-prod-'.length);
  const widgets = (): Properties[] => JSON.parse(resource(bare, 'Dashboard').DashboardBody).widgets;
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
    for (const { AlarmActions, OKActions } of alarms(bare))
      expect([AlarmActions, OKActions]).toEqual([[], []]);
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
    const ours: Record<string, string[]> = {
      [NAMESPACE]: [environment(bare).SERVICE_NAME],
      'AWS/SQS': ['Queue', 'DeadLetterQueue'].flatMap(id => [
        `${id}.QueueName`,
        resource(bare, id).QueueName,
      ]),
      'AWS/Lambda': [MARK_AS_READ, REPLAY].map(id => resource(bare, id).FunctionName),
    };
    const dimensions: Record<string, string> = {
      [NAMESPACE]: 'service',
      'AWS/SQS': 'QueueName',
      'AWS/Lambda': 'FunctionName',
    };
    const watched = alarms(bare).map(({ Namespace, MetricName, Dimensions: [{ Name, Value }] }) => [
      Namespace,
      MetricName,
      Name,
      Value,
    ]);
    const drawn = widgets().flatMap(({ properties }) => properties.metrics ?? []);
    // The rest are sums of these.
    const read = [...watched, ...drawn.filter(([namespace]) => typeof namespace === 'string')];
    for (const [namespace, , dimension, value] of read) {
      expect(dimension).toBe(dimensions[namespace]);
      expect(ours[namespace]).toContain(value);
    }
    const own = read.filter(([namespace]) => namespace === NAMESPACE).map(([, metric]) => metric);
    expect([...new Set(own)].sort()).toEqual(Object.keys(metricUnits).sort());
    expect(Object.keys(metricUnits).length).toBeLessThanOrEqual(12);
  });

  test('widgets lie side by side without a gap', () => {
    for (const row of Map.groupBy(widgets(), ({ y }) => y).values())
      expect(row.reduce((sum, { width }) => sum + width, 0)).toBe(24);
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
