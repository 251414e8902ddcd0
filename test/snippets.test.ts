// The ways to send a receipt that docs/sending.md shows, run as they stand there, where the tool is on this machine.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { parseReceipt } from '../lib/receipt/receipt.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(import.meta.dirname, 'snippets');

/** The command that runs each snippet, and one that tells whether it can. */
const ways = [
  ['TypeScript', 'send.ts', [process.execPath], [process.execPath, '--version']],
  ['Python (boto3)', 'send.py', ['python3'], ['python3', '-c', 'import boto3']],
  // Its version 1 takes no endpoint from the environment.
  [
    'AWS CLI',
    'send.sh',
    ['sh', '-c', `aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }; . "$0"`],
    ['aws', '--version'],
  ],
] as const;

let fauxqs: FauxqsServer;
beforeAll(async () => {
  fauxqs = await startFauxqs({ port: 0, logger: false });
  fauxqs.createQueue('receipts');
});
afterAll(() => fauxqs.stop());

describe.each(ways)('%s', (_, file, command, probe) => {
  const [program, ...before] = command;

  test('sends a receipt', async () => {
    const [tool, ...options] = probe;
    const missing = await run(tool, [...options]).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (missing !== undefined) {
      console.warn(`${file} is not tried: ${missing.split('\n', 1)[0]}`);
      return;
    }
    const QUEUE_URL = `${fauxqs.address}/000000000000/receipts`;
    const keys = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
    const env = {
      ...process.env,
      ...keys,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: fauxqs.address,
      QUEUE_URL,
    };
    const start = Date.now();
    await run(program, [...before, path.join(folder, file)], { env });
    const client = new SQSClient({
      region: 'us-east-1',
      endpoint: fauxqs.address,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl: QUEUE_URL }));
    client.destroy();
    fauxqs.reset();
    expect(Messages).toHaveLength(1);
    const parsed = parseReceipt(Messages[0]?.Body ?? '');
    expect(parsed).toMatchObject({ receipt: { case_id: '8f5a2c1e9b7d4e60', group_id: '5f0c31b2a4' } });
    // To the second, as the shell tells it.
    expect('readAt' in parsed && parsed.readAt).toBeGreaterThan(start - 1_000);
  }, 20_000);

  test('stands in docs/sending.md word for word', async () => {
    const page = await readFile(path.join(root, 'docs/sending.md'), 'utf8');
    expect(page).toContain(await readFile(path.join(folder, file), 'utf8'));
  });
});
