import { loadRegion } from '../../config.ts';
import { createAwsCall } from '../../credentials/aws-call.ts';
import { createClient } from '../../huawei/http.ts';
import { resolveKeys } from '../check-up/aws-keys.ts';

const TIMEOUT_MS = 3_000;

const askSts = async (): Promise<string | undefined> => {
  const region = loadRegion();
  const sts = process.env.AWS_ENDPOINT_URL_STS || process.env.AWS_ENDPOINT_URL;
  const endpoints = { secretsmanager: undefined, ssm: undefined, sts };
  const aws = { region, endpoints, keys: await resolveKeys({ region }) };
  const answer = await createAwsCall(
    { aws, requestTimeoutMs: TIMEOUT_MS },
    createClient,
  )({
    service: 'sts',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'Action=GetCallerIdentity&Version=2011-06-15',
  });
  return 'body' in answer ? /<Arn>([^<]+)<\/Arn>/.exec(answer.body)?.[1] : undefined;
};

/** Who acts here, by AWS: the ARN of the caller's identity, or that it could not be had. Never throws. */
export const whoAmI = async (): Promise<string> => (await askSts().catch(() => undefined)) ?? 'unknown';
