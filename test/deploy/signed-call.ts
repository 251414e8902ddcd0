import https from 'node:https';
import aws4 from 'aws4';

export interface SignedCall {
  service: string;
  /** JSON services: `AmazonSQS.SendMessage` and the like. */
  target?: string;
  body?: object;
  /** Query services, such as STS. */
  form?: Record<string, string>;
  method?: string;
  headers?: Record<string, string>;
}

export interface Caller {
  endpoint: string;
  region: string;
  keys: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** The certificate to trust, where the process does not. */
  ca?: string;
}

/** One AWS call as the platform or a sender would make it, without an SDK: shared with the probe function. */
export const signedCall = (
  { endpoint, region, keys, ca }: Caller,
  { service, target, body = {}, form, method = 'POST', headers = {} }: SignedCall,
) => {
  const { hostname, port, host } = new URL(endpoint);
  const version = service === 'sqs' ? '1.0' : '1.1';
  const unsigned = {
    host,
    service,
    region,
    method,
    path: '/',
    headers: target ? { 'Content-Type': `application/x-amz-json-${version}`, 'X-Amz-Target': target } : {},
    ...(method === 'POST' && { body: form ? `${new URLSearchParams(form)}` : JSON.stringify(body) }),
  };
  const signed = aws4.sign(unsigned, keys as aws4.Credentials);
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request = https.request(
      {
        hostname,
        port,
        method,
        path: '/',
        ...(ca && { ca }),
        headers: { ...(signed.headers as object), ...headers },
      },
      response => {
        let text = '';
        response.setEncoding('utf8').on('data', part => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    request.on('error', reject).end(unsigned.body);
  });
};
