// The Serverless params of this service, checked before anything is packaged.
import * as z from 'zod';
import { isEndpoint } from '../lib/config.ts';

/** The only periods CloudWatch Logs keeps. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

// Function names are the longest ones built on it: 64 characters less "-mark-as-read".
const NAME_LIMIT = 64 - '-mark-as-read'.length;

const CREDENTIALS_RULE = 'must be secretsmanager:ID or ssm:NAME, by name or whole ARN';
/** Store and id. */
export const CREDENTIALS = /^(?<store>secretsmanager|ssm):(?<id>[\w+=.@/:-]+)$/;

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
const oneOf = <const T extends string>(...values: [T, ...T[]]) =>
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

/** Where a param applies: ARNs are of this region. */
export interface Place {
  service: string;
  stage: string;
  region: string;
}

/**
 * Checks the params of one stage.
 *
 * @returns the params, none where one is wrong; and every wrong one with what it is and should be
 */
export const readParams = ({ service, stage, region }: Place, given: Record<string, Given>) => {
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
  return { params: wrong.length === 0 && result.data ? result.data : {}, wrong };
};
