import { SQSClient } from '@aws-sdk/client-sqs';
import aws4 from 'aws4';
import { loadRegion } from '../../config.ts';
import { createClient } from '../../huawei/http.ts';

const TIMEOUT_MS = 3_000;

/** Who acts here, by AWS: the ARN of the caller's identity, or that it could not be had. Never throws. */
export const whoAmI = async (): Promise<string> => {
  const region = loadRegion();
  const endpoint =
    process.env.AWS_ENDPOINT_URL_STS || process.env.AWS_ENDPOINT_URL || `https://sts.${region}.amazonaws.com`;
  const sqs = new SQSClient({ region });
  try {
    const client = createClient(endpoint, TIMEOUT_MS);
    const request = {
      host: client.host,
      service: 'sts',
      region,
      method: 'POST' as const,
      path: '/',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'Action=GetCallerIdentity&Version=2011-06-15',
    };
    const { headers } = aws4.sign(request, await sqs.config.credentials());
    const answer = await client.send({ ...request, headers: headers as Record<string, string>, fresh: true });
    return ('body' in answer && /<Arn>([^<]+)<\/Arn>/.exec(answer.body)?.[1]) || 'unknown';
  } catch {
    return 'unknown';
  } finally {
    sqs.destroy();
  }
};
