// What the docs say of the command line: the runbook's table is its own advice, alarms link the runbook's headings, and
// every command that a page or an alarm names runs.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { advice } from '../../lib/cli/advice.ts';
import { commandsFor } from '../../lib/cli/command.ts';
import { parseReplayRequest } from '../../lib/dead-letters/request.ts';
import { receipt } from '../letter-queues.ts';
import { useCommandLine } from './command-line.ts';
import { startStage } from './stage.ts';

const read = (file: string) => readFile(file, 'utf8');
const runbook = await read('docs/runbook.md');
const alarms = await read('resources/alarms.yml');
const line = await useCommandLine();

test('its table says what the command line says', () => {
  const rows = Object.entries(advice).map(
    ([code, { why, todo, first }]) =>
      `| \`${code}\` | ${why} | ${todo} \`${commandsFor('prod')(...first).trim()}\` |`,
  );
  expect(runbook).toContain(`${rows.join('\n')}\n`);
});

test('every heading that an alarm links is there', () => {
  const linked = Array.from(alarms.matchAll(/docs\/runbook\.md#([\w-]+)/g), ([, anchor]) => anchor);
  expect(linked.length).toBeGreaterThan(10);
  const headings = Array.from(runbook.matchAll(/^### (.*)$/gm), ([, heading]) => heading);
  expect([...headings].sort()).toEqual([...linked].sort());
});

test('every command runs as it stands', async () => {
  const pages = ['README.md', 'docs/sending.md', 'docs/operating.md'].map(read);
  const text = [runbook, alarms, ...(await Promise.all(pages))]
    .join('\n')
    .replace(/\$\{relay:stage\}/g, 'prod');
  // The console stays until somebody ends it: its own tests run it.
  const commands = new Set(
    Array.from(
      text.matchAll(/(?:^ *|`)npx read-receipt-relay ((?!console)[a-z][^`\n]*)/gm),
      ([, words = '']) => words,
    ),
  );
  expect(commands.size).toBeGreaterThan(15);
  const file = path.join(line.folder, 'receipts.jsonl');
  await writeFile(file, receipt('a'));
  const { receiptsUrl, lettersUrl } = line.pair;
  const stage = await startStage({
    queueUrl: receiptsUrl,
    deadLetterQueueUrl: lettersUrl,
    invoke: async () => ({ checks: [{ check: 'all', status: 'ok', says: 'well' }] }),
  });
  const env = { ...stage.environment, QUEUE_URL: undefined };
  try {
    // What a command suggests keeps the stage; one that is not there is said to be.
    line.pair.put(receipt('a'));
    const { out } = await line.relay('status --stage prod', { env });
    expect(out).toContain('\n  npx read-receipt-relay list --stage prod\n');
    const missing = await line.relay('replay --yes --stage no', { env });
    expect(missing).toMatchObject({ code: 1, err: expect.stringMatching(/^There is no stack \S+-no in/) });
    for (const command of commands) {
      for (const code of ['forbidden', 'malformed'] as const)
        line.pair.put(code === 'malformed' ? 'x' : receipt('a'), { code, detail: 'because' });
      const id = line.pair.letters().at(-1)?.messageId ?? '';
      // What replay and discard ask, a script answers with --yes; nobody waits for a function that is not there.
      const asks = /^(replay|discard)/.test(command) && !command.includes('--dry-run') ? ' --yes' : '';
      const named = command
        .replace(/\bID\b/, id)
        .replace(/\bFILE\b/, file)
        .replace(/\bSTAGE\b/, 'prod');
      const stageOf = named.includes('--stage') ? '' : ' --stage prod';
      const { code, err } = await line.relay(named.replace('--wait ', '') + stageOf + asks, { env });
      expect({ command, code, err }).toEqual({ command, code: 0, err: '' });
    }
  } finally {
    await stage.close();
  }
});

test('what the function is invoked with is a request it takes', () => {
  const requests = Array.from(runbook.matchAll(/--data '([^']+)'/g), ([, data = '']) => data);
  expect(requests.length).toBeGreaterThan(0);
  for (const data of requests) expect(() => parseReplayRequest(JSON.parse(data))).not.toThrow();
});
