// docs/runbook.md: its table is the command line's own advice, alarms link its headings, and every command runs.
import { readFile } from 'node:fs/promises';
import { jest } from '@jest/globals';
import { advice } from '../../lib/cli/advice.ts';
import { commandsFor } from '../../lib/cli/command.ts';
import { parseReplayRequest } from '../../lib/dead-letters/request.ts';
import { receipt } from '../letter-queues.ts';
import { type CommandLine, openCommandLine } from './command-line.ts';
import { startStage } from './stage.ts';

jest.setTimeout(120_000);
const runbook = await readFile('docs/runbook.md', 'utf8');
let line: CommandLine;
beforeAll(async () => {
  line = await openCommandLine();
});
afterAll(() => line.close());

test('its table says what the command line says', () => {
  const rows = Object.entries(advice).map(
    ([code, { why, todo, first }]) =>
      `| \`${code}\` | ${why} | ${todo} \`${commandsFor('prod')(...first).trim()}\` |`,
  );
  expect(runbook).toContain(`${rows.join('\n')}\n`);
});

test('every heading that an alarm links is there', async () => {
  const alarms = await readFile('resources/alarms.yml', 'utf8');
  const linked = Array.from(alarms.matchAll(/docs\/runbook\.md#([\w-]+)/g), ([, anchor]) => anchor);
  expect(linked.length).toBeGreaterThan(10);
  const headings = Array.from(runbook.matchAll(/^### (.*)$/gm), ([, heading]) => heading);
  expect([...headings].sort()).toEqual([...linked].sort());
});

test('every command runs as it stands', async () => {
  const commands = Array.from(
    runbook.matchAll(/(?:^ {4}|`)npx read-receipt-relay ([^`\n]+)/gm),
    ([, words = '']) => words,
  );
  expect(commands.length).toBeGreaterThan(20);
  const { receiptsUrl, lettersUrl } = line.pair;
  const stage = await startStage({
    queueUrl: receiptsUrl,
    deadLetterQueueUrl: lettersUrl,
    invoke: async () => ({ checks: [{ check: 'all', status: 'ok', says: 'well' }] }),
  });
  try {
    for (const command of new Set(commands)) {
      for (const code of ['forbidden', 'malformed'] as const)
        line.pair.put(code === 'malformed' ? 'x' : receipt('a'), { code, detail: 'because' });
      const id = line.pair.letters().at(-1)?.messageId ?? '';
      // What replay and discard ask, a script answers with --yes; nobody waits for a function that is not there.
      const asks = /^(replay|discard)/.test(command) && !command.includes('--dry-run') ? ['--yes'] : [];
      const args = command.replace('ID', id).replace('--wait ', '').split(' ');
      const { code, err } = await line.relay([...args, ...asks], {
        env: { ...stage.environment, QUEUE_URL: undefined },
      });
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
