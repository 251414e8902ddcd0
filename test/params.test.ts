// The Serverless params: where they come from, what they become, and what is said of wrong ones.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { loadConfig } from '../lib/config.ts';
import { packageStack } from '../local/build.ts';
import { copySources, serverless } from '../local/serverless.ts';
import { changeOf } from '../resources/deployed.ts';
import { PARAMS } from '../resources/params.ts';
import { readSettings } from '../resources/settings.ts';

const place = { service: 'relay', stage: 'dev', region: 'eu-west-1' };
const settingsOf = (params: Record<string, unknown>, from = '--param') => {
  const given = Object.entries(params).map(([name, value]) => [name, { value, from }]);
  return readSettings(place, Object.fromEntries(given));
};

test.each([
  [{}, 'https://osm.ap-southeast-3.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
  [{ site: 'china' }, 'https://osm.cn-south-1.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
  [
    { site: 'europe', osmEndpoint: 'https://osm.example.com' },
    'https://osm.example.com',
    'https://iam.myhuaweicloud.eu',
  ],
])('the site picks the endpoints, unless one is named: %j', (params, osmEndpoint, iamEndpoint) => {
  const { settings, wrong } = settingsOf(params);
  expect(wrong).toEqual([]);
  expect(settings).toMatchObject({ osmEndpoint, iamEndpoint });
});

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:huawei';
const PARAMETER = 'arn:aws:ssm:eu-west-1:123456789012:parameter/huawei/relay';

test.each([
  [{}, 'secretsmanager', 'relay-dev'],
  [{ credentialsFrom: 'ssm:/huawei/relay' }, 'ssm', '/huawei/relay'],
  [{ credentialsFrom: `ssm:${PARAMETER}` }, 'ssm', PARAMETER],
  [{ credentialsFrom: `secretsmanager:${SECRET}-AbCdEf` }, 'secretsmanager', `${SECRET}-AbCdEf`],
])('the code reads what the stack writes, and may: %j', (params, store, id) => {
  const { settings } = settingsOf(params);
  const { credentialsFrom } = loadConfig({
    QUEUE_URL: 'https://sqs.example/1/q',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/d',
    OSM_ENDPOINT: settings.osmEndpoint,
    CREDENTIALS_FROM: settings.credentialsFrom,
  });
  expect(credentialsFrom).toEqual({ store, id });
  // Names become ARNs of the stack's region and account: the template's tests see those.
  if (id.startsWith('arn:')) expect(settings.credentialsStatements).toMatchObject([{ Resource: id }]);
});

const TOPIC = 'must be the ARN of a standard SNS topic in eu-west-1';
const KEY = 'must be the ARN of a KMS key in eu-west-1';
const WRONG: [name: string, rule: string, values: unknown[]][] = [
  ['site', 'must be one of international, china, europe', ['mars', 5, ['china']]],
  ['osmEndpoint', 'must be https://HOST', ['http://osm.example.com', 'https://osm.example.com/v2']],
  ['iamEndpoint', 'must be https://HOST', ['iam.example.com']],
  [
    'credentialsFrom',
    'by name or by a whole ARN in eu-west-1',
    [
      'file:/tmp/secret',
      true,
      `secretsmanager:${PARAMETER}`,
      `secretsmanager:${SECRET}`,
      `secretsmanager:${SECRET.replace('eu', 'us')}-AbCdEf`,
      `ssm:${PARAMETER.replace('eu', 'us')}`,
    ],
  ],
  ['credentialsKeyArn', KEY, ['alias/relay', 'arn:aws:kms:us-east-1:123456789012:key/1']],
  ['webIdentityAudience', 'without * ? and $', ['https://*.example.com']],
  ['alarms', 'must be one of all, none', ['off']],
  ['dashboard', 'must be one of all, none', [false]],
  ['alarmTopicArn', TOPIC, ['arn:aws:sqs:eu-west-1:123456789012:q', 'arn:aws:sns:us-east-1:123456789012:t']],
  ['alarmTopicArn', TOPIC, ['arn:aws:sns:eu-west-1:1234:t', 'arn:aws:sns:eu-west-1:123456789012:t.fifo']],
  ['deadLetterThreshold', 'must be a whole number of dead letters, 1 or more', ['many', 0, '1.5', true]],
  ['logRetentionDays', 'must be one of 1, 3, 5', ['abc', '31', '0x1e', true]],
  ['permissionsBoundaryArn', 'must be the ARN of an IAM policy', ['arn:aws:iam::123456789012:role/x']],
  ['change', 'must be true', ['yes']],
];

test.each(WRONG.flatMap(([name, rule, values]) => values.map(value => ({ name, value, rule }))))(
  '$name=$value is said once, with where it came from and what it should be',
  ({ name, value, rule }) => {
    const { wrong } = settingsOf({ [name]: value });
    expect(wrong).toEqual([expect.stringContaining(rule)]);
    expect(wrong[0]).toMatch(new RegExp(`^${name} is .+ \\(--param\\), and must `));
  },
);

test('a name that nobody knows is refused, wherever it stands', () => {
  expect(settingsOf({ sites: 'china' }, 'stages/dev.yml').wrong).toEqual([
    `there is no param sites (stages/dev.yml); there are ${PARAMS.filter(name => !['change', 'removeAnyway'].includes(name)).join(', ')}`,
  ]);
});

test.each(['change', 'removeAnyway'])('%s is for one command, not for a file', name => {
  expect(settingsOf({ [name]: true }).wrong).toEqual([]);
  expect(settingsOf({ [name]: true }, 'stages/dev.yml').wrong).toEqual([
    `${name} is for one command alone: give it as --param="${name}=true", not in stages/dev.yml`,
  ]);
});

test('a name that is too long for a function is refused', () => {
  const { wrong } = readSettings({ ...place, stage: 'x'.repeat(60) }, {});
  expect(wrong).toEqual([expect.stringMatching(/66 characters long, and service and stage may have 51/)]);
});

test('a change is told from what to what; a stack that is not there changes nothing', () => {
  const after = { OsmEndpoint: 'https://b', IamEndpoint: 'https://i', CredentialsFrom: 'ssm:/x' };
  expect(changeOf({}, after)).toBeUndefined();
  expect(changeOf(after, after)).toBeUndefined();
  expect(changeOf({ ...after, OsmEndpoint: 'https://a', CredentialsFrom: 'ssm:/y' }, after)).toBe(
    ['  OSM endpoint      https://a → https://b', '  credentials from  ssm:/y → ssm:/x'].join('\n'),
  );
});

/** One run takes about two seconds. */
const LIMIT_MS = 600_000;

describe('Serverless', () => {
  const failed = async (stage: string, params: string[], stageFile?: string) => {
    const said = await packageStack(stage, params, stageFile).then(
      () => '',
      error => (error as Error).message,
    );
    return said.slice(said.indexOf('Error:'));
  };

  const NO_YAML =
    /^Error:\nThese params are wrong:\n {2}stages\/dev\.yml must be YAML, .*(values|mapping key\))\.$/;

  test.each<[string, Parameters<typeof failed>, RegExp]>([
    [
      'all wrong params in one sentence each, without its own words around them',
      ['dev', ['site=mars', 'alarmTopicArn=me', 'sites=china']],
      /^Error:\nThese params are wrong:\n {2}site is "mars" .*\.\n {2}alarmTopicArn is "me" .*\.\n {2}there is no param sites .*\.$/,
    ],
    [
      'a param without a value, once',
      ['dev', ['foo', 'site=']],
      /^Error:\nThese params are wrong:\n {2}--param is "foo", and .*\n {2}--param is "site=", and must be "NAME=VALUE"\.$/,
    ],
    ['a stage that cannot be, once', ['a_b', []], /^Error:\nInvalid stage name\..*$/],
    ['a stage file that is no map', ['dev', [], '- site\n- europe\n'], NO_YAML],
    ['a stage file that is no YAML', ['dev', [], 'site: a\nsite: b\n'], NO_YAML],
    [
      'a stage file with a variable that has no value',
      ['dev', [], `alarms: none\nsite: \${env:NOBODY_SETS_THIS}\n`],
      /^Error:\nThese params are wrong:\n {2}site in stages\/dev\.yml is \$\{env:NOBODY_SETS_THIS\}, and the environment has no NOBODY_SETS_THIS: set it for this command\.$/,
    ],
    ['nothing of an empty one', ['dev', [], '\n'], /^$/],
  ])('stops and says %s', async (_, args, words) => expect(await failed(...args)).toMatch(words), LIMIT_MS);

  test(
    'a call that may take longer than the function has for calls is refused',
    async () => {
      const { folder, remove } = await copySources();
      const file = path.join(folder, 'serverless.yml');
      const yaml = await readFile(file, 'utf8');
      await writeFile(file, yaml.replace('REQUEST_TIMEOUT_MS: 5000', 'REQUEST_TIMEOUT_MS: 12501'));
      await expect(serverless(folder, ['package'])).rejects.toThrow(
        /Error:\nREQUEST_TIMEOUT_MS \(12501\) does not fit the timeout of mark-as-read \(30 s\): .* 12500 ms\./,
      );
      await remove();
    },
    LIMIT_MS,
  );
});
