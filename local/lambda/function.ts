import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Answered, Invocation } from './function-runtime.ts';

/** Lambda's limit for loading the code, which does not count as the function's time. */
const INIT_TIMEOUT_MS = 10_000;
const RUNTIME = path.join(import.meta.dirname, 'function-runtime.ts');

interface FunctionOptions {
  /** The packaged file; it exports `handler`. */
  bundle: string;
  /** The function's whole environment: nothing is added to it. */
  env: Record<string, string>;
  timeoutMs: number;
  /** Told of every line on standard output and standard error. */
  onLine?: (line: string) => void;
}

/** One process that runs one invocation after the other, as one execution environment of Lambda does. */
const openEnvironment = (
  { bundle, env, timeoutMs, onLine = () => {} }: FunctionOptions,
  onExit: () => void,
) => {
  const child = spawn(process.execPath, [RUNTIME, bundle], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  for (const input of [child.stdout, child.stderr]) if (input) createInterface({ input }).on('line', onLine);

  let cause: string | undefined;
  const closed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      onExit();
      reject(
        new Error(cause ?? `The function's process exited on its own (${signal ?? `exit code ${code}`}).`),
      );
    });
  });
  closed.catch(() => {}); // it also ends while nobody waits

  const end = async (why: string) => {
    cause = why;
    child.kill('SIGKILL');
    await closed.catch(() => {});
  };

  const answer = async (limitMs: number, what: string): Promise<Answered> => {
    const seconds = (limitMs / 1000).toFixed(2);
    const timer = setTimeout(() => void end(`${what} timed out after ${seconds} seconds`), limitMs);
    const answered = new Promise<Answered>(resolve => child.once('message', resolve as () => void));
    return Promise.race([answered, closed]).finally(() => clearTimeout(timer));
  };
  const ready = answer(INIT_TIMEOUT_MS, 'Init');
  ready.catch(() => {}); // the invocation that waits for it hears of it

  return {
    end,
    pid: child.pid,
    async run(event: unknown): Promise<string> {
      await ready;
      const invocation: Invocation = { requestId: randomUUID(), event, deadlineMs: Date.now() + timeoutMs };
      child.send(invocation, () => {}); // where it cannot be sent, the process is at its end
      const answered = await answer(timeoutMs, 'Task');
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
  const open = new Set<Environment>();
  const idle = new Set<Environment>();

  const add = (): Environment => {
    const environment = openEnvironment(options, () => {
      open.delete(environment);
      idle.delete(environment);
    });
    open.add(environment);
    return environment;
  };

  return {
    /**
     * Gives the JSON text that the handler answered.
     *
     * @throws Error where the handler threw, the time ran out or the process ended
     */
    async invoke(event: unknown): Promise<string> {
      const [environment = add()] = idle;
      idle.delete(environment);
      try {
        return await environment.run(event);
      } finally {
        if (open.has(environment)) idle.add(environment);
      }
    },
    /** The ids of its processes. */
    pids: (): number[] => [...open].flatMap(({ pid }) => pid ?? []),
    /** Kills every process, as if the machine had died; a later invocation starts a new one. */
    async stop() {
      await Promise.all([...open].map(environment => environment.end("The function's process was killed")));
    },
  };
};
