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

// biome-ignore lint/suspicious/noExplicitAny: what a template may hold is what these tests are about
type Properties = Record<string, any>;
interface Resource {
  Type: string;
  Properties: Properties;
}
interface Stack {
  template: { Resources: Record<string, Resource>; Outputs: Record<string, { Value: unknown }> };
  files: Record<string, Record<string, Uint8Array>>;
  said: string;
}
interface Statement {
  Sid: string;
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: object;
}

const TOPIC = 'arn:aws:sns:ap-southeast-1:123456789012:on-call';
const KEY = 'arn:aws:kms:ap-southeast-1:123456789012:key/0a1b2c3d';
const BOUNDARY = 'arn:aws:iam::123456789012:policy/bounds';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const EXAMPLE = read('stages/example.yml');
const RUNBOOK = read('docs/runbook.md');

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
}, 60_000);

const resource = (stack: Stack, name: string): Properties => {
  const found = stack.template.Resources[name];
  if (!found) throw new Error(`no resource ${name} in ${Object.keys(stack.template.Resources).join(', ')}`);
  return found.Properties;
};
const ofType = (stack: Stack, type: string): Properties[] =>
  Object.values(stack.template.Resources).flatMap(({ Type, Properties }) =>
    Type === type ? [Properties] : [],
  );
const named = (stack: Stack, name: string): Properties => {
  const [found] = ofType(stack, 'AWS::Lambda::Function').filter(({ FunctionName }) =>
    FunctionName.endsWith(name),
  );
  if (!found) throw new Error(`no function ${name}`);
  return found;
};
const statements = (stack: Stack, role: string): Statement[] =>
  resource(stack, role).Policies.flatMap((policy: Properties) => policy.PolicyDocument.Statement);
/** Who may do what to which, as one sorted line an action. */
const grants = (stack: Stack, role: string): string[] =>
  statements(stack, role)
    .flatMap(({ Action, Resource }) => [Action].flat().map(action => `${action} ${JSON.stringify(Resource)}`))
    .sort();
const arnOf = (name: string) => JSON.stringify({ 'Fn::GetAtt': [name, 'Arn'] });
const mapping = (stack: Stack): Properties => ofType(stack, 'AWS::Lambda::EventSourceMapping')[0] ?? {};
const environment = (stack: Stack) => named(stack, 'mark-as-read').Environment.Variables;
/** The configuration as the function will read it, with the queues that CloudFormation fills in. */
const config = (stack: Stack) =>
  loadConfig({
    ...environment(stack),
    QUEUE_URL: 'https://sqs.example/1/q',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/d',
    REFUSALS_IN: 'ssm:/refusals',
  });

describe('queues', () => {
  const queues = ['Queue', 'DeadLetterQueue'];

  test.each(queues)('%s is a standard queue, encrypted at rest', name => {
    const queue = resource(bare, name);
    expect(queue).toMatchObject({ SqsManagedSseEnabled: true });
    expect(queue).not.toHaveProperty('FifoQueue');
  });

  test.each(queues)('%s refuses whatever does not come over TLS', name => {
    const policies = ofType(bare, 'AWS::SQS::QueuePolicy').filter(({ Queues }) => Queues[0].Ref === name);
    expect(policies.map(({ PolicyDocument }) => PolicyDocument.Statement)).toEqual([
      [
        expect.objectContaining({
          Effect: 'Deny',
          Principal: '*',
          Action: 'sqs:*',
          Resource: { 'Fn::GetAtt': [name, 'Arn'] },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      ],
    ]);
  });

  test('a dead letter outlives what SQS itself moved', () => {
    expect(resource(bare, 'Queue').MessageRetentionPeriod).toBe(7 * DAY_SECONDS);
    expect(environment(bare).QUEUE_RETENTION_SECONDS).toBe(`${7 * DAY_SECONDS}`);
    expect(resource(bare, 'DeadLetterQueue').MessageRetentionPeriod).toBe(14 * DAY_SECONDS);
  });

  test('each names the other, and nobody else may redrive into the dead-letter queue', () => {
    const source = resource(bare, 'Queue');
    expect(source.RedrivePolicy.deadLetterTargetArn).toEqual({ 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] });
    const { redrivePermission, sourceQueueArns } = resource(bare, 'DeadLetterQueue').RedriveAllowPolicy;
    expect(redrivePermission).toBe('byQueue');
    expect(sourceQueueArns).toEqual([{ 'Fn::Sub': expect.stringMatching(`:${source.QueueName}$`) }]);
  });
});

describe('outage budget', () => {
  const numbers = () => {
    const queue = resource(bare, 'Queue');
    const { Timeout: timeoutSeconds } = named(bare, 'mark-as-read');
    return {
      timeoutSeconds,
      ...config(bare),
      batchSize: mapping(bare).BatchSize,
      windowSeconds: mapping(bare).MaximumBatchingWindowInSeconds,
      instances: mapping(bare).ScalingConfig.MaximumConcurrency,
      visibilitySeconds: queue.VisibilityTimeout,
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
    const required = { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM, REFUSALS_IN: 'ssm:/refusals' };
    const queues = { QUEUE_URL: 'https://sqs.example/1/q', DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/d' };
    expect(config(bare)).toEqual(loadConfig({ ...required, ...queues }));
  });
});

describe('functions', () => {
  test.each(['mark-as-read', 'replay'])('%s runs on Node 24 on arm64, X-Ray off', name => {
    const lambda = named(bare, name);
    expect(lambda).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
    expect(lambda).not.toHaveProperty('TracingConfig');
    expect(lambda).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  test('partial failures are reported, and nothing is filtered (SQS would delete it)', () => {
    expect(mapping(bare)).toMatchObject({
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      Enabled: true,
    });
    expect(mapping(bare)).not.toHaveProperty('FilterCriteria');
  });

  test('replay is told of the queues and of nothing else', () => {
    expect(Object.keys(named(bare, 'replay').Environment.Variables).sort()).toEqual([
      'DEAD_LETTER_QUEUE_URL',
      'POWERTOOLS_SERVICE_NAME',
      'QUEUE_URL',
    ]);
  });

  test('each function logs into a group of its own, which forgets', () => {
    const groups = (stack: Stack) =>
      ofType(stack, 'AWS::Logs::LogGroup').map(group => [group.LogGroupName, group.RetentionInDays]);
    expect(groups(bare)).toEqual([
      ['/aws/lambda/read-receipt-relay-dev-mark-as-read', 30],
      ['/aws/lambda/read-receipt-relay-dev-replay', 30],
    ]);
    expect(groups(full).map(([, days]) => days)).toEqual([90, 90]);
  });

  test('the command line and the next deploy find what they need among the outputs', () => {
    const { Outputs } = full.template;
    expect(Object.keys(Outputs)).toEqual(
      expect.arrayContaining(['QueueUrl', 'DeadLetterQueueUrl', 'ReplayFunctionName']),
    );
    expect(Outputs).toMatchObject({
      MarkAsReadFunctionName: { Value: 'read-receipt-relay-prod-mark-as-read' },
      OsmEndpoint: { Value: environment(full).OSM_ENDPOINT },
      IamEndpoint: { Value: environment(full).IAM_ENDPOINT },
      CredentialsFrom: { Value: environment(full).CREDENTIALS_FROM },
      AlarmsTell: { Value: TOPIC },
    });
  });

  test('mark-as-read remembers refusals in a parameter of the stack, which is no secret', () => {
    expect(environment(bare).REFUSALS_IN).toEqual({ 'Fn::Sub': `ssm:\${Refusals}` });
    expect(resource(bare, 'Refusals')).toMatchObject({
      Name: '/read-receipt-relay-dev/refusals',
      Type: 'String',
      Value: 'none',
    });
  });

  test('the bucket of the packages is nobody else’s', () => {
    expect(resource(bare, 'ServerlessDeploymentBucket').PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
  });

  test('what can carry tags carries those of service and stage', () => {
    const tags = [
      { Key: 'service', Value: 'read-receipt-relay' },
      { Key: 'stage', Value: 'prod' },
    ];
    const types = ['AWS::SQS::Queue', 'AWS::IAM::Role', 'AWS::CloudWatch::Alarm', 'AWS::Lambda::Function'];
    for (const type of types) {
      expect(ofType(full, type).length).toBeGreaterThan(0);
      for (const { Tags } of ofType(full, type)) expect(Tags).toEqual(tags);
    }
    expect(resource(full, 'Refusals').Tags).toEqual({ service: 'read-receipt-relay', stage: 'prod' });
  });
});

describe('packages', () => {
  test.each(['mark-as-read', 'replay'])('%s holds its entry and what that loads, nothing else', name => {
    const files = bare.files[name] ?? {};
    const entry = `handlers/${name}.mjs`;
    expect(Object.keys(files)).toContain(entry);
    const texts = Object.values(files).map(content => Buffer.from(content).toString());
    for (const file of Object.keys(files).filter(file => file !== entry)) {
      const [chunk] = file.split('/').slice(-1);
      expect(texts.some(text => text.includes(`"./${chunk}"`))).toBe(true);
    }
  });

  test('are the same in every stage', () => {
    expect(full.files).toEqual(bare.files);
  });
});

describe('roles', () => {
  test('mark-as-read may take and settle receipts, write dead letters, look at both queues, read one secret, share refusals, and log', () => {
    const secret = {
      'Fn::Sub': `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:read-receipt-relay-dev-??????`,
    };
    const refusals = {
      'Fn::Sub': `arn:\${AWS::Partition}:ssm:\${AWS::Region}:\${AWS::AccountId}:parameter\${Refusals}`,
    };
    expect(grants(bare, 'MarkAsReadRole')).toEqual([
      `logs:CreateLogStream ${arnOf('MarkDashasDashreadLogGroup')}`,
      `logs:PutLogEvents ${arnOf('MarkDashasDashreadLogGroup')}`,
      `secretsmanager:GetSecretValue ${JSON.stringify(secret)}`,
      `sqs:ChangeMessageVisibility* ${arnOf('Queue')}`,
      `sqs:DeleteMessage ${arnOf('Queue')}`,
      `sqs:GetQueueAttributes ${arnOf('DeadLetterQueue')}`,
      `sqs:GetQueueAttributes ${arnOf('Queue')}`,
      `sqs:ReceiveMessage ${arnOf('Queue')}`,
      `sqs:SendMessage* ${arnOf('DeadLetterQueue')}`,
      `ssm:GetParameter ${JSON.stringify(refusals)}`,
      `ssm:PutParameter ${JSON.stringify(refusals)}`,
    ]);
  });

  test('with a parameter and a key of its own, it may read and decrypt that one instead', () => {
    const parameter = {
      'Fn::Sub': `arn:\${AWS::Partition}:ssm:\${AWS::Region}:\${AWS::AccountId}:parameter/huawei/relay`,
    };
    const granted = grants(full, 'MarkAsReadRole');
    expect(granted).toEqual(
      expect.arrayContaining([
        `kms:Decrypt ${JSON.stringify(KEY)}`,
        `ssm:GetParameter ${JSON.stringify(parameter)}`,
      ]),
    );
    expect(granted.join()).not.toContain('secretsmanager');
    const { Condition } =
      statements(full, 'MarkAsReadRole').find(({ Sid }) => Sid === 'DecryptCredentials') ?? {};
    expect(Condition).toEqual({
      StringEquals: { 'kms:ViaService': { 'Fn::Sub': `ssm.\${AWS::Region}.\${AWS::URLSuffix}` } },
    });
  });

  test('with an audience, it may have tokens of its identity for that one alone', () => {
    expect(statements(full, 'MarkAsReadRole').find(({ Sid }) => Sid === 'ProveIdentity')).toEqual({
      Sid: 'ProveIdentity',
      Effect: 'Allow',
      Action: 'sts:GetWebIdentityToken',
      Resource: '*',
      Condition: {
        'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': ['https://iam.example.com/relay'] },
        Null: { 'sts:IdentityTokenAudience': 'false' },
        NumericLessThanEquals: { 'sts:DurationSeconds': '300' },
      },
    });
    expect(JSON.stringify(bare.template)).not.toContain('sts:GetWebIdentityToken');
  });

  test.each(['MarkAsReadRole', 'ReplayRole'])('%s has the boundary that was named, or none', role => {
    expect(resource(full, role).PermissionsBoundary).toBe(BOUNDARY);
    expect(resource(bare, role).PermissionsBoundary).toEqual({ Ref: 'AWS::NoValue' });
  });

  test('replay may take dead letters, send them back, and log', () => {
    expect(grants(bare, 'ReplayRole')).toEqual([
      `logs:CreateLogStream ${arnOf('ReplayLogGroup')}`,
      `logs:PutLogEvents ${arnOf('ReplayLogGroup')}`,
      `sqs:ChangeMessageVisibility* ${arnOf('DeadLetterQueue')}`,
      `sqs:DeleteMessage* ${arnOf('DeadLetterQueue')}`,
      `sqs:GetQueueAttributes ${arnOf('DeadLetterQueue')}`,
      `sqs:ReceiveMessage ${arnOf('DeadLetterQueue')}`,
      `sqs:SendMessage* ${arnOf('Queue')}`,
    ]);
  });

  test('each function has its own, and there is no third', () => {
    expect(ofType(bare, 'AWS::IAM::Role')).toHaveLength(2);
    expect(named(bare, 'mark-as-read').Role).toEqual({ 'Fn::Sub': `\${MarkAsReadRole.Arn}` });
    expect(named(bare, 'replay').Role).toEqual({ 'Fn::Sub': `\${ReplayRole.Arn}` });
  });

  test('a sender may send, and nothing else', () => {
    const { PolicyDocument } = resource(bare, 'ProducerPolicy');
    expect(PolicyDocument.Statement).toEqual([
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
  const body = (stack: Stack): string => resource(stack, 'Dashboard').DashboardBody['Fn::Sub'];
  const own = (stack: Stack) => alarms(stack).filter(({ Namespace }) => Namespace === 'ReadReceiptRelay');
  const named = (alarm: Properties): string => alarm.AlarmName.slice('read-receipt-relay-prod-'.length);
  const drawn = (stack: Stack): string[][] =>
    JSON.parse(body(stack)).widgets.flatMap((widget: Properties) => widget.properties.metrics ?? []);

  test('every alarm says what it means, what to type first, and where the runbook goes on', () => {
    expect(alarms(full).map(named).sort()).toEqual([
      'breaker-open',
      'dead-letters',
      'dead-letters-hidden',
      'function-errors',
      'misconfigured',
      'not-taken',
      'nothing-marked',
      'oldest-unsettled',
      'replay-failed',
      'superseded',
      'throttles',
      'unauthorized',
    ]);
    for (const alarm of alarms(full)) {
      const [meaning, command, link] = alarm.AlarmDescription.split('\n');
      expect(meaning).toMatch(/\.$/);
      expect(command).toMatch(/^(npx read-receipt-relay|npx serverless|aws) \S+/);
      expect(link).toBe(`docs/runbook.md#${named(alarm)}`);
      expect(RUNBOOK).toContain(`\n### ${named(alarm)}\n`);
      expect(alarm.AlarmDescription.length).toBeLessThanOrEqual(1024);
      expect(alarm.TreatMissingData).toBe('notBreaching');
    }
  });

  test('the person on call may look: dead letters hidden for 15 minutes neither end one alarm nor ring another', () => {
    const byName = new Map(alarms(full).map(alarm => [named(alarm), alarm]));
    expect(byName.get('dead-letters')).toMatchObject({
      Period: 60,
      EvaluationPeriods: 15,
      DatapointsToAlarm: 1,
      Threshold: 25,
    });
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

  test('alarms go to the topic that was named, or to nobody', () => {
    expect(alarms(full).flatMap(alarm => alarm.AlarmActions)).toEqual(alarms(full).map(() => TOPIC));
    expect(alarms(bare).flatMap(alarm => alarm.AlarmActions)).toEqual([]);
  });

  test('what they look at is what the code emits, under the name of this stage', () => {
    const service = environment(bare).POWERTOOLS_SERVICE_NAME;
    expect(
      own(bare)
        .map(({ MetricName }) => MetricName)
        .sort(),
    ).toEqual([
      'BreakerOpened',
      'Misconfigured',
      'OldestUnsettledAge',
      'Settled',
      'SupersededExcess',
      'Unauthorized',
    ]);
    for (const { MetricName, Dimensions } of own(bare)) {
      expect(Object.keys(metricUnits)).toContain(MetricName);
      expect(Dimensions).toEqual([{ Name: 'service', Value: service }]);
    }
  });

  test('every metric of the code is one that an alarm reads or the dashboard draws; there are twelve at most', () => {
    const ownDrawn = drawn(bare).filter(([namespace]) => namespace === 'ReadReceiptRelay');
    const read = [...ownDrawn.map(([, metric]) => metric), ...own(bare).map(({ MetricName }) => MetricName)];
    expect([...new Set(read)].sort()).toEqual(Object.keys(metricUnits).sort());
    expect(Object.keys(metricUnits).length).toBeLessThanOrEqual(12);
    for (const [, , dimension, value] of ownDrawn)
      expect([dimension, value]).toEqual(['service', 'read-receipt-relay-dev']);
  });

  test('widgets lie side by side without a gap', () => {
    const rows = Map.groupBy(JSON.parse(body(bare)).widgets as { y: number; width: number }[], ({ y }) => y);
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
