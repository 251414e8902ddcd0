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

const CREDENTIALS_RULE = 'must be secretsmanager:ID or ssm:NAME, by name or whole ARN';
const CREDENTIALS = /^(?<store>secretsmanager|ssm):(?<id>[\w+=.@/:-]+)$/;

/** Whether `value` is an ARN of this service in this region, and its last part follows the pattern. */
const isArn = (value: string, service: string, region: string, resource: string) =>
  new RegExp(`^arn:aws[a-z-]*:${service}:${region}:\\d{12}:${resource}$`).test(value);

/** What a whole ARN of the credentials must be; undefined where `from` holds none, or a right one. */
const ruleOfCredentials = (from: string, region: string): string | undefined => {
  const { store, id } = CREDENTIALS.exec(from)?.groups ?? {};
  if (!store || !id) return CREDENTIALS_RULE;
  if (!id.startsWith('arn:')) return undefined;
  if (store === 'ssm') {
    const isRight = isArn(id, 'ssm', region, 'parameter/[\\w/.-]+');
    return isRight
      ? undefined
      : `must be a parameter in ${region}: ssm:arn:aws:ssm:${region}:ACCOUNT:parameter/NAME`;
  }
  // Secrets Manager ends each ARN in a dash and six characters of its own; a policy with less allows nothing.
  if (isArn(id, 'secretsmanager', region, 'secret:[\\w/+=.@-]+-[A-Za-z0-9]{6}')) return undefined;
  return isArn(id, 'secretsmanager', region, 'secret:.+')
    ? 'must be the whole ARN of the secret, with the dash and the six characters at its end (or its name: secretsmanager:NAME)'
    : `must be a secret in ${region}: secretsmanager:arn:aws:secretsmanager:${region}:ACCOUNT:secret:NAME-SUFFIX`;
};

const text = (rule: string, holds: (value: string) => boolean) =>
  z.string(rule).refine(holds, rule).optional();
const oneOf = (...values: [string, ...string[]]) =>
  z.enum(values, `must be one of ${values.join(', ')}`).optional();
const endpoint = text('must be https://HOST, without a path (plain http:// only to loopback)', isEndpoint);
// A stage file says `true`, the command line "true".
const flag = z.literal(['true', true], 'must be true').optional();
const number = (rule: string, holds: (value: number) => boolean) =>
  z.coerce.number(rule).refine(holds, rule).optional();

const paramsIn = (region: string) =>
  z.strictObject({
    site: oneOf('international', 'china', 'europe'),
    osmEndpoint: endpoint,
    iamEndpoint: endpoint,
    credentialsFrom: z
      .string(CREDENTIALS_RULE)
      .superRefine((from, context) => {
        const message = ruleOfCredentials(from, region);
        if (message) context.addIssue({ code: 'custom', message });
      })
      .optional(),
    credentialsKeyArn: text(
      `must be the ARN of a KMS key in ${region}, arn:aws:kms:${region}:ACCOUNT:key/ID`,
      arn => isArn(arn, 'kms', region, 'key/[\\w-]+'),
    ),
    webIdentityAudience: text(
      'must be 1 to 1,000 visible ASCII characters without * ? and $',
      audience => /^[!-~]{1,1000}$/.test(audience) && !/[*?$]/.test(audience),
    ),
    alarms: oneOf('all', 'none'),
    alarmTopicArn: text(
      `must be the ARN of a standard SNS topic in ${region}, arn:aws:sns:${region}:ACCOUNT:NAME`,
      arn => isArn(arn, 'sns', region, '[\\w-]{1,256}'),
    ),
    deadLetterThreshold: number(
      'must be a whole number of dead letters, 1 or more',
      letters => Number.isSafeInteger(letters) && letters >= 1,
    ),
    dashboard: oneOf('all', 'none'),
    logRetentionDays: number(`must be one of ${RETENTION_DAYS.join(', ')}`, days =>
      RETENTION_DAYS.includes(days),
    ),
    permissionsBoundaryArn: text('must be the ARN of an IAM policy, arn:aws:iam::ACCOUNT:policy/NAME', arn =>
      /^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]+$/.test(arn),
    ),
    change: flag,
    removeAnyway: flag,
  });

export const PARAMS = Object.keys(paramsIn('').shape);
/** Each is a yes to one command: in a file it would be a yes to all. */
const ONLY_TYPED = ['change', 'removeAnyway'];

/** A param as it was given, and where. */
export interface Given {
  value: unknown;
  /** "--param", or the stage's file. */
  from: string;
}

const credentialsArn = (from: string) => {
  const { store, id = '' } = CREDENTIALS.exec(from)?.groups ?? {};
  if (id.startsWith('arn:')) return id;
  const here = `arn:\${AWS::Partition}:${store}:\${AWS::Region}:\${AWS::AccountId}`;
  if (store === 'secretsmanager') return { 'Fn::Sub': `${here}:secret:${id}-??????` };
  return { 'Fn::Sub': `${here}:parameter/${id.replace(/^\//, '')}` };
};

/** What mark-as-read's role may do to get its credentials. */
const credentialsStatements = (from: string, keyArn?: string, audience?: string): object[] => {
  const [store] = from.split(':', 1);
  const read = {
    Sid: 'ReadCredentials',
    Effect: 'Allow',
    Action: store === 'ssm' ? 'ssm:GetParameter' : 'secretsmanager:GetSecretValue',
    Resource: credentialsArn(from),
  };
  const decrypt = {
    Sid: 'DecryptCredentials',
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: keyArn,
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
      'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': [audience] },
      Null: { 'sts:IdentityTokenAudience': 'false' },
      NumericLessThanEquals: { 'sts:DurationSeconds': '300' },
    },
  };
  return [read, ...(keyArn ? [decrypt] : []), ...(audience ? [prove] : [])];
};

/**
 * Everything the stack takes from the params of one stage.
 *
 * @returns the settings, and every wrong param with what it is and should be; where there is one, the settings are
 * those of a stage without params, so that Serverless can go on until the sentence is said
 */
export const readSettings = (
  { service, stage, region }: { service: string; stage: string; region: string },
  given: Record<string, Given>,
) => {
  const name = `${service}-${stage}`;
  const set = Object.entries(given).filter(([, { value }]) => value !== null && value !== '');
  const result = paramsIn(region).safeParse(Object.fromEntries(set.map(([key, { value }]) => [key, value])));
  const wrong = (result.error?.issues ?? []).flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(
          key => `there is no param ${key} (${given[key]?.from}); there are ${PARAMS.join(', ')}`,
        )
      : issue.path.map(key => {
          const { value, from } = given[String(key)] as Given;
          return `${String(key)} is "${value}" (${from}), and ${issue.message}`;
        }),
  );
  for (const [key, { from }] of set) {
    if (ONLY_TYPED.includes(key) && from !== '--param')
      wrong.push(`${key} is for one command alone: give it as --param="${key}=true", not in ${from}`);
  }
  if (name.length > NAME_LIMIT)
    wrong.push(`${name} is ${name.length} characters long, and service and stage may have ${NAME_LIMIT}`);

  const params = wrong.length === 0 && result.data ? result.data : {};
  const { site = 'international', credentialsFrom = `secretsmanager:${name}`, alarmTopicArn } = params;
  const tagMap = { service, stage };
  const [osm, iam] = SITES[site as keyof typeof SITES];
  const settings = {
    name,
    stage,
    region,
    osmEndpoint: params.osmEndpoint ?? osm,
    iamEndpoint: params.iamEndpoint ?? iam,
    credentialsFrom,
    credentialsStatements: credentialsStatements(
      credentialsFrom,
      params.credentialsKeyArn,
      params.webIdentityAudience,
    ),
    /** The files in resources/ that make them; of `none` there is no file. */
    alarms: params.alarms === 'none' ? 'none' : 'alarms',
    dashboard: params.dashboard === 'none' ? 'none' : 'dashboard',
    alarmActions: alarmTopicArn ? [alarmTopicArn] : [],
    alarmsTell:
      params.alarms === 'none'
        ? 'nobody, there are no alarms (alarms: none)'
        : (alarmTopicArn ?? 'nobody, they only show in the console (alarmTopicArn names a topic)'),
    deadLetterThreshold: params.deadLetterThreshold ?? 1,
    logRetentionDays: params.logRetentionDays ?? 30,
    permissionsBoundary: params.permissionsBoundaryArn ?? { Ref: 'AWS::NoValue' },
    tags: Object.entries(tagMap).map(([Key, Value]) => ({ Key, Value })),
    tagMap,
    isChange: params.change !== undefined,
    isRemoveAnyway: params.removeAnyway !== undefined,
  };
  return { settings, wrong };
};

export type Settings = ReturnType<typeof readSettings>['settings'];

/**
 * How long one call to Huawei Cloud may take: half of the invocation's time for calls. The rest, a quarter of all and
 * at most five seconds, is for settling (lib/relay/relay.ts).
 */
export const longestCallMs = (timeoutSeconds: number): number =>
  (timeoutSeconds * 1000 - Math.min(5000, timeoutSeconds * 250)) / 2;
