// The Serverless params of this service, checked before anything is packaged.
import * as z from 'zod';
import { isEndpoint } from '../lib/config.ts';

/** Where OSM and IAM answer, by site. OSM is a global service: one region a site. */
const SITES = {
  international: ['https://osm.ap-southeast-3.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
  china: ['https://osm.cn-south-1.myhuaweicloud.com', 'https://iam.myhuaweicloud.com'],
  europe: ['https://osm.eu-west-101.myhuaweicloud.eu', 'https://iam.myhuaweicloud.eu'],
} as const;

/** The only periods CloudWatch Logs keeps. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

// Function names are the longest ones built on it: 64 characters less "-mark-as-read".
const NAME_LIMIT = 64 - '-mark-as-read'.length;

const CREDENTIALS = /^(?<store>secretsmanager|ssm):(?<id>[\w+=.@/:-]+)$/;
const arnOf = (service: string, resource: string) =>
  new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]+:\\d{12}:${resource}$`);
const SECRET_ARN = arnOf('secretsmanager', 'secret:[\\w/+=.@-]+');
const PARAMETER_ARN = arnOf('ssm', 'parameter/[\\w/.-]+');

const isCredentials = (text: string) => {
  const { store, id } = CREDENTIALS.exec(text)?.groups ?? {};
  if (!store || !id) return false;
  return !id.startsWith('arn:') || (store === 'ssm' ? PARAMETER_ARN : SECRET_ARN).test(id);
};

const text = (rule: string, holds: (value: string) => boolean) =>
  z.string(rule).refine(holds, rule).optional();
const endpoint = text('must be https://HOST, without a path (plain http:// only to loopback)', isEndpoint);
const arn = (rule: string, pattern: RegExp) => text(rule, value => pattern.test(value));

const schema = z.strictObject({
  site: z
    .enum(Object.keys(SITES) as (keyof typeof SITES)[], 'must be international, china or europe')
    .optional(),
  osmEndpoint: endpoint,
  iamEndpoint: endpoint,
  credentialsFrom: text('must be secretsmanager:ID or ssm:NAME, by name or whole ARN', isCredentials),
  credentialsKeyArn: arn('must be the ARN of a KMS key, arn:aws:kms:…:key/…', arnOf('kms', 'key/[\\w-]+')),
  alarmTopicArn: arn('must be the ARN of a standard SNS topic, arn:aws:sns:…', arnOf('sns', '[\\w-]{1,256}')),
  logRetentionDays: z.coerce
    .number()
    .refine(days => RETENTION_DAYS.includes(days), `must be one of ${RETENTION_DAYS.join(', ')}`)
    .optional(),
});

export const PARAMS = Object.keys(schema.shape);

const credentialsArn = (from: string) => {
  const { store, id = '' } = CREDENTIALS.exec(from)?.groups ?? {};
  if (id.startsWith('arn:')) return id;
  const here = `arn:\${AWS::Partition}:${store}:\${AWS::Region}:\${AWS::AccountId}`;
  // Secrets Manager ends each ARN in a dash and six characters of its own.
  if (store === 'secretsmanager') return { 'Fn::Sub': `${here}:secret:${id}-??????` };
  return { 'Fn::Sub': `${here}:parameter/${id.replace(/^\//, '')}` };
};

/**
 * Everything the stack takes from the params of one stage.
 *
 * @param name service and stage, what every resource's name begins with
 * @returns the settings, or every wrong param with what it should be
 */
export const readSettings = (name: string, params: Record<string, unknown>) => {
  const set = Object.entries(params).filter(([, value]) => value !== null && value !== '');
  const result = schema.safeParse(Object.fromEntries(set));
  const wrong = (result.error?.issues ?? []).flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(key => `there is no param ${key} (there are ${PARAMS.join(', ')})`)
      : issue.path.map(name => `${String(name)} ${issue.message}, not "${params[String(name)]}"`),
  );
  if (name.length > NAME_LIMIT)
    wrong.push(`service and stage together are longer than ${NAME_LIMIT} characters`);
  if (!result.success || wrong.length > 0) return { wrong };

  const { site = 'international', alarmTopicArn, credentialsKeyArn, logRetentionDays = 30 } = result.data;
  const { credentialsFrom = `secretsmanager:${name}`, ...given } = result.data;
  const read = {
    Sid: 'ReadCredentials',
    Effect: 'Allow',
    Action: credentialsFrom.startsWith('ssm:') ? 'ssm:GetParameter' : 'secretsmanager:GetSecretValue',
    Resource: credentialsArn(credentialsFrom),
  };
  const decrypt = {
    Sid: 'DecryptCredentials',
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: credentialsKeyArn,
  };
  const settings = {
    name,
    osmEndpoint: given.osmEndpoint ?? SITES[site][0],
    iamEndpoint: given.iamEndpoint ?? SITES[site][1],
    credentialsFrom,
    credentialsStatements: credentialsKeyArn ? [read, decrypt] : [read],
    alarmActions: alarmTopicArn ? [alarmTopicArn] : [],
    logRetentionDays,
  };
  return { settings, wrong };
};
