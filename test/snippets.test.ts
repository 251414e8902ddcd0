// The ways to send a receipt that docs/sending.md shows, run as they stand there, where the tool is on this machine.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseReceipt } from '../lib/receipt/receipt.ts';
import { openWorld } from '../local/world.ts';

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

const world = await openWorld();
afterAll(world.close);

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
    const { receipts, variables } = world.openQueues();
    const start = Date.now();
    // What npm start prints suffices, whatever else a shell has.
    const env = { PATH: process.env.PATH, ...variables };
    await run(program, [...before, path.join(folder, file)], { env });
    const messages = receipts.ready();
    expect(messages).toHaveLength(1);
    const parsed = parseReceipt(messages[0]?.body ?? '');
    expect(parsed).toMatchObject({ receipt: { case_id: '8f5a2c1e9b7d4e60', group_id: '5f0c31b2a4' } });
    // To the second, as the shell tells it.
    expect('readAt' in parsed && parsed.readAt).toBeGreaterThan(start - 1_000);
  }, 120_000);

  test('stands in docs/sending.md word for word', async () => {
    const page = await readFile(path.join(root, 'docs/sending.md'), 'utf8');
    expect(page).toContain(await readFile(path.join(folder, file), 'utf8'));
  });
});
