import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { HuaweiOptions } from '../local/huawei/options.ts';
import type { Place, World } from '../local/world.ts';
import { childFile } from './bundles.ts';
import type { Order, Run } from './child.ts';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A Huawei Cloud in which every case is there, queues and a secret, for one scenario or run. */
export const openPlace = async (
  world: World,
  options: HuaweiOptions = {},
  queue: Record<string, string> = {},
) => {
  const given = { openCases: true, keepsRequests: false, tokenBytes: 3000, ...options };
  const place = await world.open(given, undefined, queue);
  return { ...place, [Symbol.asyncDispose]: place.close };
};

export interface Limits {
  requestsPerSecond?: number;
  requestTimeoutMs?: number;
  functionMs?: number;
}

/** The same for every function, as Lambda and the stack set it; the rate, which would be all one measures, only where given. */
const environment = (
  { variables, secretId }: Place,
  { requestsPerSecond = 100_000, requestTimeoutMs = 5000, functionMs = 900_000 }: Limits,
): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  TZ: ':UTC',
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  AWS_LAMBDA_FUNCTION_NAME: 'bench',
  AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  POWERTOOLS_SERVICE_NAME: 'bench',
  POWERTOOLS_METRICS_NAMESPACE: 'Bench',
  ...variables,
  SECRET_ID: secretId,
  MAX_IN_FLIGHT: '50',
  MAX_REQUESTS_PER_SECOND: String(requestsPerSecond),
  REQUEST_TIMEOUT_MS: String(requestTimeoutMs),
  FUNCTION_MS: String(functionMs),
});

/** What the function prints is read to the end, as Lambda reads it, and thrown away. */
const start = (file: string, place: Place, limits: Limits, ...args: string[]): ChildProcess => {
  const child = spawn(process.execPath, [childFile, file, ...args], {
    cwd: path.resolve(import.meta.dirname, '..'),
    env: environment(place, limits),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
};

const answerOf = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    const gone = (code: number | null, signal: NodeJS.Signals | null) =>
      reject(new Error(`A measured process ended by itself: ${code ?? signal}.`));
    child.once('exit', gone);
    child.once('message', message => {
      child.off('exit', gone);
      resolve(message as T);
    });
  });

export interface ColdRun extends Run {
  importMs: number;
  /** From the start of the process to the first settled batch. */
  readyMs: number;
  processCpuMs: number;
}

/** A process's start, one batch of ten, its end; an empty file is a process that does nothing. */
export const runCold = async (file: string, place: Place): Promise<ColdRun> => {
  const child = start(file, place, {}, 'cold');
  const exited = once(child, 'exit');
  const run = await answerOf<ColdRun>(child);
  await exited;
  return run;
};

/** A function that waits for batches. */
export const startFunction = async (file: string, place: Place, limits: Limits = {}) => {
  const child = start(file, place, limits);
  await answerOf(child);
  return {
    invoke(order: Order): Promise<Run> {
      const answer = answerOf<Run>(child);
      child.send(order);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
};
