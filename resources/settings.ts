// What the stack takes from the params of one stage: `${relay:NAME}` in serverless.yml and the resource files.
import { CREDENTIALS, type Given, type Params, type Place, readParams } from './params.ts';

/** Where OSM and IAM answer, by site. OSM is a global service: one region a site. */
const SITES = {
  international: ['https://osm.ap-southeast-3.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
  china: ['https://osm.cn-south-1.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
  europe: ['https://osm.eu-west-101.myhuaweicloud.eu', 'https://iam.myhuaweicloud.eu'],
} as const;

const credentialsArn = (from: string) => {
  const { store, id = '' } = CREDENTIALS.exec(from)?.groups ?? {};
  if (id.startsWith('arn:')) return id;
  const here = `arn:\${AWS::Partition}:${store}:\${AWS::Region}:\${AWS::AccountId}`;
  if (store === 'secretsmanager') return { 'Fn::Sub': `${here}:secret:${id}-??????` };
  return { 'Fn::Sub': `${here}:parameter/${id.replace(/^\//, '')}` };
};

/** What mark-as-read's role may do to get its credentials. */
const credentialsStatements = ({ credentialsFrom, credentialsKeyArn, webIdentityAudience }: Params) => {
  const [store] = credentialsFrom.split(':', 1);
  const read = {
    Sid: 'ReadCredentials',
    Effect: 'Allow',
    Action: store === 'ssm' ? 'ssm:GetParameter' : 'secretsmanager:GetSecretValue',
    Resource: credentialsArn(credentialsFrom),
  };
  const decrypt = {
    Sid: 'DecryptCredentials',
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: credentialsKeyArn,
    // Never with the key itself, only through the store that keeps the credentials.
    Condition: {
      StringEquals: { 'kms:ViaService': { 'Fn::Sub': `${store}.\${AWS::Region}.\${AWS::URLSuffix}` } },
    },
  };
  const prove = {
    Sid: 'ProveIdentity',
    Effect: 'Allow',
    Action: 'sts:GetWebIdentityToken',
    // The action knows no resource. Its audiences are a list: all of them must be this one, and there must be one.
    Resource: '*',
    Condition: {
      'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': [webIdentityAudience] },
      Null: { 'sts:IdentityTokenAudience': 'false' },
      NumericLessThanEquals: { 'sts:DurationSeconds': '300' },
    },
  };
  return [read, ...(credentialsKeyArn ? [decrypt] : []), ...(webIdentityAudience ? [prove] : [])];
};

/**
 * Everything the stack takes from the params of one stage.
 *
 * @returns the settings, and every wrong param with what it is and should be; where there is one, the settings are
 * those of a stage without params, so that Serverless can go on until the sentence is said
 */
export const readSettings = (place: Place, given: Record<string, Given>) => {
  const { params, wrong } = readParams(place, given);
  const { credentialsFrom, alarmTopicArn, deadLetterThreshold, logRetentionDays } = params;
  const { service, stage, region } = place;
  const tagMap = { service, stage };
  const [osm, iam] = SITES[params.site];
  const { osmEndpoint = osm, iamEndpoint = iam } = params;
  const topic = alarmTopicArn ?? 'nobody, they only show in the console (alarmTopicArn names a topic)';
  const alarmsTell = params.alarms === 'none' ? 'nobody, there are no alarms (alarms: none)' : topic;
  const settings = {
    name: `${service}-${stage}`,
    stage,
    region,
    osmEndpoint,
    iamEndpoint,
    credentialsFrom,
    alarmsTell,
    /** Those outputs of the stack that say all this. */
    outputs: {
      OsmEndpoint: osmEndpoint,
      IamEndpoint: iamEndpoint,
      CredentialsFrom: credentialsFrom,
      AlarmsTell: alarmsTell,
    },
    credentialsStatements: credentialsStatements(params),
    /** The files in resources/ that make them; of `none` there is no file. */
    alarms: params.alarms === 'none' ? 'none' : 'alarms',
    dashboard: params.dashboard === 'none' ? 'none' : 'dashboard',
    alarmActions: alarmTopicArn ? [alarmTopicArn] : [],
    deadLetterThreshold,
    logRetentionDays,
    permissionsBoundary: params.permissionsBoundaryArn ?? { Ref: 'AWS::NoValue' },
    tags: Object.entries(tagMap).map(([Key, Value]) => ({ Key, Value })),
    tagMap,
    isChange: params.change !== undefined,
    isRemoveAnyway: params.removeAnyway !== undefined,
  };
  return { settings, wrong };
};

/**
 * How long one call to Huawei Cloud may take: half of the invocation's time for calls. The rest, a quarter of all and
 * at most five seconds, is for settling (lib/relay/relay.ts).
 */
export const longestCallMs = (timeoutSeconds: number): number =>
  (timeoutSeconds * 1000 - Math.min(5000, timeoutSeconds * 250)) / 2;
