// What stands around the functions, each in a process of its own so that its CPU counts for nobody:
// `services.ts secrets`, `services.ts sqs`. Says its URL in a line of JSON.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startFauxqs } from 'fauxqs';

/** The secret every function reads: the stand-in's default account. */
const secret = JSON.stringify({
  type: 'password',
  domain: 'acme',
  user: 'relay',
  password: 'right-password',
});

/** Answers GetSecretValue, whatever the id. */
const startSecrets = async (): Promise<string> => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('Content-Type', 'application/x-amz-json-1.1');
      response.end(
        JSON.stringify({
          ARN: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:huawei-AbCdEf',
          Name: 'huawei',
          VersionId: 'c0ffee00-0000-4000-8000-000000000000',
          SecretString: secret,
          CreatedDate: 1_700_000_000,
        }),
      );
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const startSqs = async (): Promise<string> => {
  const { port } = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  return `http://127.0.0.1:${port}`;
};

const url = process.argv[2] === 'sqs' ? await startSqs() : await startSecrets();
process.stdout.write(`${JSON.stringify({ url })}\n`);
