// The real serverless.yml, packaged offline for two stages, and what of the CloudFormation matters.

import { readFileSync } from 'node:fs';
import { loadConfig, loadRegion } from '../lib/config.ts';
import { backoffSeconds } from '../lib/relay/backoff.ts';
import { settleMs } from '../lib/relay/relay.ts';
import { metricUnits } from '../lib/telemetry.ts';
import { packageStack } from '../local/build.ts';
import { readSettings } from '../resources/settings.ts';

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
}
interface Statement {
  Sid: string;
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:on-call';
const KEY = 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d';

let bare: Stack;
let full: Stack;

beforeAll(async () => {
  const params = [
    'site=europe',
    'osmEndpoint=https://osm.example.com',
    'credentialsFrom=ssm:/huawei/relay',
    `credentialsKeyArn=${KEY}`,
    `alarmTopicArn=${TOPIC}`,
    'logRetentionDays=90',
  ];
  [bare, full] = await Promise.all([packageStack('dev'), packageStack('prod', params)]);
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
  });

  test('a full batch of distinct marks fits the time that is left for calls', () => {
    const { timeoutSeconds, maxRequestsPerSecond, maxInFlight, batchSize } = numbers();
    const forCallsSeconds = timeoutSeconds - settleMs(timeoutSeconds * 1000) / 1000;
    expect(batchSize).toBeLessThanOrEqual(maxRequestsPerSecond * forCallsSeconds);
    // Also where each answer takes a second.
    expect(batchSize).toBeLessThanOrEqual(maxInFlight * forCallsSeconds);
  });

  test('all instances together stay under the gateway’s limit', () => {
    const { instances, maxRequestsPerSecond } = numbers();
    expect(instances * maxRequestsPerSecond).toBeLessThan(GATEWAY_LIMIT);
  });

  test('the stack says the same numbers as the code’s defaults', () => {
    const { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM, POWERTOOLS_SERVICE_NAME } = environment(bare);
    const required = { OSM_ENDPOINT, IAM_ENDPOINT, CREDENTIALS_FROM, POWERTOOLS_SERVICE_NAME };
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

  test('the command line finds what it needs among the outputs', () => {
    expect(Object.keys(bare.template.Outputs)).toEqual(
      expect.arrayContaining([
        'QueueUrl',
        'DeadLetterQueueUrl',
        'MarkAsReadFunctionName',
        'ReplayFunctionName',
      ]),
    );
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

  test('mark-as-read is under 400 KB', () => {
    const sizes = Object.values(bare.files['mark-as-read'] ?? {}).map(content => content.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(400 * 1024);
  });

  test('the SQS client is in a chunk that mark-as-read imports only when it needs it', () => {
    const files = bare.files['mark-as-read'] ?? {};
    const text = (file: string) => Buffer.from(files[file] ?? []).toString();
    const opened = new Set(['handlers/mark-as-read.mjs']);
    for (const file of opened) {
      for (const [, chunk] of text(file).matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g))
        opened.add(`handlers/${chunk}`);
    }
    const withClient = Object.keys(files).filter(file => text(file).includes('ChangeMessageVisibilityBatch'));
    const happy = [...opened].filter(file => /AmazonSQS/.test(text(file)));
    expect(withClient.length).toBeGreaterThan(0);
    expect(happy).toEqual([]);
  });

  test('are the same in every stage', () => {
    expect(full.files).toEqual(bare.files);
  });
});

describe('roles', () => {
  test('mark-as-read may take and settle receipts, write dead letters, look at both queues, read one secret, and log', () => {
    const secret = {
      'Fn::Sub': `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:read-receipt-relay-dev-??????`,
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

  test('a producer may send, and nothing else', () => {
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
  const drawn = (stack: Stack): string[][] =>
    JSON.parse(body(stack)).widgets.flatMap((widget: Properties) => widget.properties.metrics ?? []);

  test('every alarm says what it means and what to type first', () => {
    expect(alarms(full)).toHaveLength(10);
    for (const alarm of alarms(full)) {
      expect(alarm.AlarmDescription).toMatch(/\. First: (npx|aws) \S+ .+/);
      expect(alarm.AlarmDescription.length).toBeLessThanOrEqual(1024);
      expect(alarm.TreatMissingData).toBe('notBreaching');
    }
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
    ).toEqual(['BreakerOpened', 'Marked', 'Misconfigured', 'OldestUnsettledAge', 'Unauthorized']);
    for (const { MetricName, Dimensions } of own(bare)) {
      expect(Object.keys(metricUnits)).toContain(MetricName);
      expect(Dimensions).toEqual([{ Name: 'service', Value: service }]);
    }
  });

  test('the dashboard draws every metric of the code, and no other', () => {
    const ownDrawn = drawn(bare).filter(([namespace]) => namespace === 'ReadReceiptRelay');
    expect([...new Set(ownDrawn.map(([, metric]) => metric))].sort()).toEqual(
      Object.keys(metricUnits).sort(),
    );
    for (const [, , dimension, value] of ownDrawn)
      expect([dimension, value]).toEqual(['service', 'read-receipt-relay-dev']);
  });

  test('widgets lie side by side without a gap', () => {
    const rows = Map.groupBy(JSON.parse(body(bare)).widgets as { y: number; width: number }[], ({ y }) => y);
    for (const widgets of rows.values()) expect(widgets.reduce((sum, { width }) => sum + width, 0)).toBe(24);
  });
});

describe('params', () => {
  test.each([
    [bare => bare, 'https://osm.ap-southeast-3.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
    [() => full, 'https://osm.example.com', 'https://iam.myhuaweicloud.eu'],
  ] as [(stack: Stack) => Stack, string, string][])(
    'the site picks the endpoints, unless one is named (%#)',
    (pick, osm, iam) => {
      expect(config(pick(bare))).toMatchObject({ osmEndpoint: osm, iamEndpoint: iam });
    },
  );

  test('the configuration that the stack writes is one that the code reads', () => {
    expect(config(bare).credentialsFrom).toEqual({ store: 'secretsmanager', id: 'read-receipt-relay-dev' });
    expect(config(full).credentialsFrom).toEqual({ store: 'ssm', id: '/huawei/relay' });
  });

  test.each([
    ['site', 'mars', 'must be international, china or europe'],
    ['osmEndpoint', 'http://osm.example.com', 'must be https://HOST'],
    ['iamEndpoint', 'iam.example.com', 'must be https://HOST'],
    ['credentialsFrom', 'file:/tmp/secret', 'must be secretsmanager:ID or ssm:NAME'],
    [
      'credentialsFrom',
      'secretsmanager:arn:aws:ssm:eu-west-1:123456789012:parameter/x',
      'must be secretsmanager:ID',
    ],
    ['credentialsKeyArn', 'alias/relay', 'must be the ARN of a KMS key'],
    ['alarmTopicArn', 'arn:aws:sqs:eu-west-1:123456789012:q', 'must be the ARN of a standard SNS topic'],
    ['logRetentionDays', '31', 'must be one of 1, 3, 5'],
    ['sites', 'china', 'there is no param sites'],
  ])('%s=%s is an error that says so', (name, value, rule) => {
    const { settings, wrong } = readSettings('relay-dev', { [name]: value });
    expect(settings).toBeUndefined();
    expect(wrong).toEqual([expect.stringContaining(rule)]);
  });

  test('a whole ARN is taken as it stands', () => {
    const arn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:huawei-AbCdEf';
    const { settings } = readSettings('relay-dev', { credentialsFrom: `secretsmanager:${arn}` });
    expect(settings?.credentialsStatements[0]?.Resource).toBe(arn);
  });

  test('Serverless stops at the first wrong param, with one sentence for all of them', async () => {
    const packaging = packageStack('dev', ['site=mars', 'alarmTopicArn=me']);
    await expect(packaging).rejects.toThrow(
      /These params are wrong: site must be .*; alarmTopicArn must be .*\.(?![\s\S]*These)/,
    );
  }, 60_000);

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
