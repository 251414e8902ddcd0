// The command line as a person and a script have it: the compiled program in a process of its own, its output, its exit
// code, and the queues after it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { awsVariables } from '../../local/world.ts';
import { useFolder } from '../folder.ts';
import { type Pair, receipt, string, useLetterQueues } from '../letter-queues.ts';

/** What `npx read-receipt-relay` runs; `npm run build` makes it. */
export const PROGRAM = path.resolve('.build/cli/main.mjs');

interface Given {
  env?: Record<string, string | undefined>;
  input?: string;
  onStart?: (child: ChildProcess) => void;
  node?: string;
}

/** Where there is no such program, nobody can be asked. */
export const onTerminal = spawnSync('script', ['--version']).status === 0 ? test : test.skip;

const ended = async (child: ChildProcess) => {
  const end = new Promise<number | null>(resolve => child.once('exit', resolve));
  // What a test has closed has nothing to say.
  const said = (stream: Readable | null) => (stream && !stream.destroyed ? text(stream) : '');
  const [out, err, code] = await Promise.all([said(child.stdout), said(child.stderr), end]);
  // Nobody is shown a stack trace.
  expect(out + err).not.toMatch(/^\s+at /m);
  return { out, err, code };
};

/** Call it once in a test file; each test has fresh queues. */
export const useCommandLine = async () => {
  // Programs start slowly on a machine that is busy.
  jest.setTimeout(300_000);
  const queues = await useLetterQueues();
  const folder = useFolder();
  let pair: Pair = queues.openPair();
  beforeEach(() => {
    pair = queues.openPair();
  });
  const given = (env: Given['env'] = {}) => ({
    PATH: process.env.PATH,
    ...awsVariables,
    QUEUE_URL: pair.receiptsUrl,
    DEAD_LETTER_QUEUE_URL: pair.lettersUrl,
    ...env,
  });

  return {
    queues,
    folder,
    get pair() {
      return pair;
    },
    /** Four letters: two forbidden, one of them old, one malformed with what a terminal obeys, one that nobody explained. */
    fill() {
      const detail = 'OSM answered 200: no permission';
      pair.put(receipt('a'), { code: 'forbidden', detail, agoMs: 7_200_000 });
      pair.put(receipt('b'), { code: 'forbidden', detail });
      pair.put('\u009b31mnot \u202ejson', { code: 'malformed', detail: 'the body is not JSON' });
      pair.put(receipt('d'), { own: { tenant: string('t-1') } });
    },
    /** @param words with one space between them */
    async relay(words: string, { env, input = '', onStart, node = process.execPath }: Given = {}) {
      const args = words === '' ? [] : words.split(' ');
      const child = spawn(node, [PROGRAM, ...args], { cwd: folder, env: given(env) });
      onStart?.(child);
      child.stdin.end(input);
      return ended(child);
    },
    /** The same on a terminal of 80 columns, one screen; `answer` is typed before it is asked for. */
    async onTerminal(words: string, answer?: string) {
      const command = `stty cols 80; exec ${process.execPath} ${PROGRAM} ${words}`;
      const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, env: given() });
      if (answer) child.stdin.write(`${answer}\n`);
      const { out, code } = await ended(child);
      return { screen: out.replaceAll('\r\n', '\n'), code };
    },
  };
};

export const json = ({ out }: { out: string }) => JSON.parse(out);
export const bodies = (messages: { body: string }[]) => messages.map(({ body }) => body).sort();
/** Without the ends of lines that a screen asks for. */
export const flat = (text: string) => text.replace(/\s+/g, ' ');
/** Lines longer than a screen, but for commands, which are never cut. Chinese takes two columns. */
export const tooLong = (text: string) =>
  text
    .split('\n')
    .filter(line => [...line.replace(/[\u2e80-\uffef]/g, '__')].length > 80 && !line.startsWith('  npx '));
