// The command line as a person and a script have it: the compiled program in a process of its own, its output, its exit
// code, and the queues after it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { awsEnvironment, type Pair, receipt, string, useLetterQueues } from '../letter-queues.ts';

/** What `npx read-receipt-relay` runs; `npm run build` makes it. */
export const PROGRAM = path.resolve('.build/cli/main.mjs');

interface Given {
  env?: Record<string, string | undefined>;
  input?: string;
  onStart?: (child: ChildProcess) => void;
  node?: string;
}

/** A terminal of so many columns, in which somebody answers every question alike. */
const TERMINAL = `
import fcntl, os, pty, select, struct, sys, termios
columns, answer, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    # The size is set before the program asks for it.
    sys.stdin.readline()
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
os.write(terminal, b"\\n")
seen = b""
while True:
    try: chunk = os.read(terminal, 65536)
    except OSError: break
    if not chunk: break
    seen += chunk
    if chunk.rstrip().endswith(b"[y/N]") or b"[y/N]" in chunk: os.write(terminal, answer.encode() + b"\\n")
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`;
export const hasTerminal = spawnSync('python3', ['-c', 'import pty']).status === 0;

/** Call it once in a test file; each test has fresh queues. */
export const useCommandLine = async () => {
  // Programs start slowly on a machine that is busy.
  jest.setTimeout(300_000);
  const line = await openCommandLine();
  beforeEach(() => line.renew());
  afterAll(() => line.close());
  return line;
};

const openCommandLine = async () => {
  const queues = await useLetterQueues();
  const folder = await mkdtemp(path.join(tmpdir(), 'relay-cli-'));
  let pair: Pair = queues.openPair();

  const environment = (env: Given['env'] = {}) => ({
    PATH: process.env.PATH,
    ...awsEnvironment,
    QUEUE_URL: pair.receiptsUrl,
    DEAD_LETTER_QUEUE_URL: pair.lettersUrl,
    ...env,
  });
  const ended = async (child: ChildProcess) => {
    const end = new Promise<number | null>(resolve => child.once('exit', resolve));
    // What a test has closed has nothing to say.
    const said = (stream: Readable | null) => (stream && !stream.destroyed ? text(stream) : '');
    const [out, err, code] = await Promise.all([said(child.stdout), said(child.stderr), end]);
    // Nobody is shown a stack trace.
    expect(out + err).not.toMatch(/^\s+at /m);
    return { out, err, code };
  };

  return {
    queues,
    folder,
    get pair() {
      return pair;
    },
    /** Fresh queues. */
    renew() {
      pair = queues.openPair();
    },
    /** Four letters: two forbidden, one of them old, one malformed with what a terminal obeys, one that nobody explained. */
    fill() {
      const detail = 'OSM answered 200: no permission';
      pair.put(receipt('a'), { code: 'forbidden', detail, agoMs: 7_200_000 });
      pair.put(receipt('b'), { code: 'forbidden', detail });
      pair.put('\u009b31mnot \u202ejson', { code: 'malformed', detail: 'the body is not JSON' });
      pair.put(receipt('d'), { own: { tenant: string('t-1') } });
    },
    async relay(args: string[], { env, input = '', onStart, node = process.execPath }: Given = {}) {
      const child = spawn(node, [PROGRAM, ...args], { cwd: folder, env: environment(env) });
      onStart?.(child);
      child.stdin.end(input);
      return ended(child);
    },
    /** The same on a terminal: one screen. */
    async onTerminal(args: string[], { answer = 'n', columns = 80, env = {} as Given['env'] } = {}) {
      const command = ['-c', TERMINAL, String(columns), answer, process.execPath, PROGRAM, ...args];
      const { out, code } = await ended(spawn('python3', command, { cwd: folder, env: environment(env) }));
      return { screen: out.replaceAll('\r\n', '\n'), code };
    },
    close: () => rm(folder, { recursive: true }),
  };
};

export const json = ({ out }: { out: string }) => JSON.parse(out);
export const bodies = (messages: { body: string }[]) => messages.map(({ body }) => body).sort();
/** Lines longer than a screen, but for commands, which are never cut. */
export const tooLong = (text: string, columns = 80) =>
  text.split('\n').filter(line => [...line].length > columns && !line.startsWith('  npx '));
