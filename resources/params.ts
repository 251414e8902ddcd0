// The Serverless params of this service, checked before anything is packaged.
import * as z from 'zod';
import { isEndpoint } from '../lib/config.ts';

/** The only periods CloudWatch Logs keeps. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

// Function names are the longest ones built on it: 64 characters less "-mark-as-read".
const NAME_LIMIT = 64 - '-mark-as-read'.length;

/** Store and id. */
export const CREDENTIALS = /^(?<store>secretsmanager|ssm):(?<id>[\w+=.@/:-]+)$/;

/** Whether `value` is an ARN of this service in this region, and its last part follows the pattern. */
const isArn = (value: string, service: string, region: string, resource: string) =>
  new RegExp(`^arn:aws[a-z-]*:${service}:${region}:\\d{12}:${resource}$`).test(value);

/** By name, or by an ARN of the same store and region. */
const isCredentials = (from: string, region: string) => {
  const { store, id } = CREDENTIALS.exec(from)?.groups ?? {};
  if (!store || !id?.startsWith('arn:')) return id !== undefined;
  return store === 'ssm'
    ? isArn(id, store, region, 'parameter/[\\w/.-]+')
    : // Secrets Manager ends each ARN in a dash and six characters of its own; a policy with less allows nothing.
      isArn(id, store, region, 'secret:[\\w/+=.@-]+-[A-Za-z0-9]{6}');
};

const text = (rule: string, holds: (value: string) => boolean) => z.string(rule).refine(holds, rule);
const oneOf = <const T extends string>(...values: [T, ...T[]]) =>
  z.enum(values, `must be one of ${values.join(', ')}`).default(values[0]);
const endpoint = text('must be https://HOST, without a path (plain http:// only to loopback)', isEndpoint);
// A stage file says 30 and true, the command line "30" and "true".
const number = (rule: string, holds: (value: number) => boolean) =>
  z
    .union([z.number(), z.string().regex(/^\d+$/, rule)], rule)
    .transform(Number)
    .refine(holds, rule);
const flag = z.literal(['true', true], 'must be true').optional();

/** Where a param applies: ARNs are of this region. */
export interface Place {
  service: string;
  stage: string;
  region: string;
}

const paramsOf = ({ service, stage, region }: Place) =>
  z.strictObject({
    site: oneOf('international', 'china', 'europe'),
    osmEndpoint: endpoint.optional(),
    iamEndpoint: endpoint.optional(),
    credentialsFrom: text(
      `must be secretsmanager:ID or ssm:NAME, by name or by a whole ARN in ${region} (a secret's ends in a dash and six characters)`,
      from => isCredentials(from, region),
    ).default(`secretsmanager:${service}-${stage}`),
    credentialsKeyArn: text(
      `must be the ARN of a KMS key in ${region}, arn:aws:kms:${region}:ACCOUNT:key/ID`,
      arn => isArn(arn, 'kms', region, 'key/[\\w-]+'),
    ).optional(),
    webIdentityAudience: text(
      'must be 1 to 1,000 visible ASCII characters without * ? and $',
      audience => /^[!-~]{1,1000}$/.test(audience) && !/[*?$]/.test(audience),
    ).optional(),
    alarms: oneOf('all', 'none'),
    alarmTopicArn: text(
      `must be the ARN of a standard SNS topic in ${region}, arn:aws:sns:${region}:ACCOUNT:NAME`,
      arn => isArn(arn, 'sns', region, '[\\w-]{1,256}'),
    ).optional(),
    deadLetterThreshold: number(
      'must be a whole number of dead letters, 1 or more',
      letters => Number.isSafeInteger(letters) && letters >= 1,
    ).default(1),
    dashboard: oneOf('all', 'none'),
    logRetentionDays: number(`must be one of ${RETENTION_DAYS.join(', ')}`, days =>
      RETENTION_DAYS.includes(days),
    ).default(30),
    permissionsBoundaryArn: text('must be the ARN of an IAM policy, arn:aws:iam::ACCOUNT:policy/NAME', arn =>
      /^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]+$/.test(arn),
    ).optional(),
    change: flag,
    removeAnyway: flag,
  });

export type Params = z.infer<ReturnType<typeof paramsOf>>;
export const PARAMS = Object.keys(paramsOf({ service: '', stage: '', region: '' }).shape);
/** Each is a yes to one command: in a file it would be a yes to all. */
const ONLY_TYPED = ['change', 'removeAnyway'];

/** A param as it was given, and where. */
export interface Given {
  value: unknown;
  /** "--param", or the stage's file. */
  from: string;
}

/**
 * Checks the params of one stage.
 *
 * @returns the params with their defaults, those alone where one is wrong; and every wrong one with what it is and
 * should be
 */
export const readParams = (place: Place, given: Record<string, Given>) => {
  const schema = paramsOf(place);
  const name = `${place.service}-${place.stage}`;
  const set = Object.entries(given).filter(([, { value }]) => value !== null && value !== '');
  const result = schema.safeParse(Object.fromEntries(set.map(([key, { value }]) => [key, value])));
  const wrong = (result.error?.issues ?? []).flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(
          key =>
            `there is no param ${key} (${given[key]?.from}); there are ${PARAMS.filter(name => !ONLY_TYPED.includes(name)).join(', ')}`,
        )
      : issue.path.map(key => {
          const { value, from } = given[String(key)] as Given;
          return `${String(key)} is ${JSON.stringify(value)} (${from}), and ${issue.message}`;
        }),
  );
  for (const [key, { from }] of set) {
    if (ONLY_TYPED.includes(key) && from !== '--param')
      wrong.push(`${key} is for one command alone: give it as --param="${key}=true", not in ${from}`);
  }
  if (name.length > NAME_LIMIT)
    wrong.push(`${name} is ${name.length} characters long, and service and stage may have ${NAME_LIMIT}`);
  return { params: wrong.length === 0 && result.data ? result.data : schema.parse({}), wrong };
};
