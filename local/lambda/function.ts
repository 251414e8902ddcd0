import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Answered, Invocation } from './function-runtime.ts';

/** Lambda's limit for loading the code, which does not count as the function's time. */
const INIT_TIMEOUT_MS = 10_000;
const RUNTIME = path.join(import.meta.dirname, 'function-runtime.ts');

export interface FunctionOptions {
  /** The packaged file; it exports `handler`. */
  bundle: string;
  /** The function's whole environment: nothing is added to it. */
  env: Record<string, string>;
  timeoutMs: number;
  /** Execution environments at most; one invocation more is refused. @default 2 */
  concurrency?: number;
  /** Told of every line on standard output and standard error. */
  onLine?: (line: string) => void;
}

type Settings = Required<FunctionOptions>;

/** One process that runs one invocation after the other, as one execution environment of Lambda does. */
const openEnvironment = ({ bundle, env, timeoutMs, onLine }: Settings, onExit: () => void) => {
  const child: ChildProcess = spawn(process.execPath, [RUNTIME, bundle], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const input of [child.stdout, child.stderr]) if (input) createInterface({ input }).on('line', onLine);

  let cause = 'exited on its own';
  const closed = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.once('close', (code, signal) => {
      onExit();
      reject(new Error(`The function's process ${cause} (${signal ?? `exit code ${code}`}).`));
    });
  });
  closed.catch(() => {}); // it also ends while nobody waits

  const end = async (why: string) => {
    cause = why;
    child.kill('SIGKILL');
    await closed.catch(() => {});
  };

  const nextMessage = async (limitMs: number, overrun: string) => {
    const timer = new AbortController();
    const message = once(child, 'message', { signal: timer.signal }).then(
      ([answered]) => answered as Answered,
    );
    let late = false;
    const clock = setTimeout(() => {
      late = true;
      void end(overrun);
    }, limitMs);
    try {
      return await Promise.race([message, closed]);
    } catch (error) {
      throw late ? new Error(overrun) : error;
    } finally {
      clearTimeout(clock);
      timer.abort();
      message.catch(() => {});
    }
  };
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} seconds`;
  const ready = nextMessage(INIT_TIMEOUT_MS, `Init timed out after ${seconds(INIT_TIMEOUT_MS)}`);

  return {
    end,
    pid: child.pid,
    async run(event: unknown): Promise<string> {
      await ready;
      const invocation: Invocation = { requestId: randomUUID(), event, deadlineMs: Date.now() + timeoutMs };
      child.send(invocation, () => {}); // where it cannot be sent, the process is at its end
      const answered = await nextMessage(timeoutMs, `Task timed out after ${seconds(timeoutMs)}`);
      if ('error' in answered) throw new Error(answered.error);
      return answered.payload;
    },
  };
};
type Environment = ReturnType<typeof openEnvironment>;

/**
 * Runs a packaged function as Lambda would: a process for each invocation under way, used again for later ones,
 * and killed and thrown away at the function's timeout.
 */
export const startFunction = (options: FunctionOptions) => {
  const settings: Settings = { concurrency: 2, onLine: () => {}, ...options };
  const open = new Set<Environment>();
  const idle: Environment[] = [];
  let stopped = false;

  const add = (): Environment => {
    const environment = openEnvironment(settings, () => {
      open.delete(environment);
      if (idle.includes(environment)) idle.splice(idle.indexOf(environment), 1);
    });
    open.add(environment);
    return environment;
  };
  const killAll = async (why: string) => {
    await Promise.all([...open].map(environment => environment.end(why)));
  };

  return {
    /**
     * Gives the JSON text that the handler answered.
     *
     * @throws Error where the handler threw, the time ran out or the process ended
     */
    async invoke(event: unknown): Promise<string> {
      if (stopped) throw new Error('The function has been stopped.');
      if (idle.length === 0 && open.size >= settings.concurrency) throw new Error('Rate Exceeded.');
      const environment = idle.pop() ?? add();
      try {
        return await environment.run(event);
      } finally {
        if (open.has(environment)) idle.push(environment);
      }
    },
    /** The ids of its processes. */
    pids: (): number[] => [...open].flatMap(({ pid }) => pid ?? []),
    /** Kills every process, as if the machine had died; later invocations start new ones. */
    kill9: () => killAll('was killed'),
    /** Ends every process for good. */
    async stop() {
      stopped = true;
      await killAll('was stopped');
    },
  };
};

export type LocalFunction = ReturnType<typeof startFunction>;
