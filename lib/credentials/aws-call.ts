import aws4 from 'aws4';
import type { Config } from '../config.ts';
import { failure } from '../failure.ts';
import type { Broken, CreateClient } from '../huawei/http.ts';
import type { Answer } from '../huawei/outcome.ts';
import { parseJson } from '../json.ts';

type Service = keyof Config['aws']['endpoints'];

interface Request {
  service: Service;
  headers: Record<string, string>;
  body: string;
  /** For the whole answer; REQUEST_TIMEOUT_MS by default. */
  timeoutMs?: number | undefined;
}

/**
 * Makes small signed calls to AWS, each over a connection of its own: they are hours apart. An AWS SDK client
 * would double the cold start.
 *
 * @returns a function that gives the answer, or the failure of a call that got none; it never throws
 */
export const createAwsCall =
  ({ aws, requestTimeoutMs }: Pick<Config, 'aws' | 'requestTimeoutMs'>, createClient: CreateClient) =>
  async ({ service, headers, body, timeoutMs = requestTimeoutMs }: Request): Promise<Answer | Broken> => {
    const { region, endpoints, keys } = aws;
    if (!keys.accessKeyId || !keys.secretAccessKey)
      return {
        broken: failure('unauthorized', 'needs AWS keys: those of a role, or of a profile (AWS_PROFILE)'),
        stale: false,
      };
    const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    const client = createClient(endpoints[service] ?? `https://${service}.${region}.${domain}`, timeoutMs);
    const request = { host: client.host, service, region, method: 'POST' as const, path: '/', headers, body };
    const signed = aws4.sign(request, keys as aws4.Credentials);
    return client.send({ ...request, headers: signed.headers as Record<string, string>, fresh: true });
  };

export type AwsCall = ReturnType<typeof createAwsCall>;

/**
 * One call in the JSON protocol of Secrets Manager and SSM.
 *
 * @returns what was answered; or what went wrong, in words that hold nothing of what was sent or answered
 */
export const callJson = async (
  call: AwsCall,
  service: 'secretsmanager' | 'ssm',
  { target, body, timeoutMs }: { target: string; body: object; timeoutMs?: number },
): Promise<{ json: unknown } | { problem: string }> => {
  const headers = { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': target };
  const answer = await call({ service, headers, body: JSON.stringify(body), timeoutMs });
  if ('broken' in answer) return { problem: answer.broken.detail };
  if (answer.status === 200) return { json: parseJson(answer.body) };
  const name = /"__type"\s*:\s*"(?:[^"#]*#)?(\w+)"/.exec(answer.body)?.[1];
  return { problem: `${service} answered ${name ?? answer.status}` };
};
