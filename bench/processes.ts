import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { HuaweiOptions } from '../local/huawei/options.ts';
import { childFile } from './bundles.ts';
import type { Order, Run } from './child.ts';

const root = path.resolve(import.meta.dirname, '..');
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const start = (args: string[], env: NodeJS.ProcessEnv, ipc: boolean): ChildProcess => {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', ipc ? 'pipe' : 'inherit', ...(ipc ? (['ipc'] as const) : [])],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
};

export interface Service extends AsyncDisposable {
  url: string;
}

const startService = async <Urls extends { url: string }>(...args: string[]): Promise<Service & Urls> => {
  const child = start(args, process.env, false);
  if (!child.stdout) throw new Error('A service has no standard output.');
  const [line] = await once(createInterface(child.stdout), 'line');
  return { ...(JSON.parse(line) as Urls), [Symbol.asyncDispose]: () => stop(child) };
};

/** The stand-in for Huawei Cloud: every case is there; it keeps no log. */
export const startHuawei = (options: HuaweiOptions = {}): Promise<Service> =>
  startService(
    'local/huawei/server.ts',
    JSON.stringify({ openCases: true, logAtMost: 0, tokenBytes: 3000, ...options }),
  );
/** Secrets Manager with the secret that every function reads, and SQS. */
export const startAws = () => startService<{ url: string; sqs: string }>('local/world.ts');

export interface Load {
  requests: number;
  marks: number;
  logIns: number;
  peakInFlight: number;
  connections: number;
}

/** What the stand-in has seen so far. */
export const loadOf = async ({ url }: Service): Promise<Load> =>
  (await (await fetch(`${url}/-/state`)).json()) as Load;

interface Surroundings {
  huawei: string;
  secrets: string;
  sqs?: string | undefined;
  queueUrl?: string;
  deadLetterQueueUrl?: string;
  requestTimeoutMs?: number;
  functionMs?: number;
}

/** The same environment for every function, as Lambda and the stack set it. */
const environment = ({ huawei, secrets, sqs, ...set }: Surroundings): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  TZ: ':UTC',
  AWS_REGION: 'us-east-1',
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  AWS_LAMBDA_FUNCTION_NAME: 'bench',
  AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets,
  ...(sqs && { AWS_ENDPOINT_URL_SQS: sqs }),
  POWERTOOLS_SERVICE_NAME: 'bench',
  POWERTOOLS_METRICS_NAMESPACE: 'Bench',
  OSM_ENDPOINT: huawei,
  IAM_ENDPOINT: huawei,
  CREDENTIALS_FROM: 'secretsmanager:huawei',
  SECRET_ID: 'huawei',
  QUEUE_URL: set.queueUrl ?? 'http://127.0.0.1/000000000000/receipts',
  DEAD_LETTER_QUEUE_URL: set.deadLetterQueueUrl ?? 'http://127.0.0.1/000000000000/dead-letters',
  MAX_IN_FLIGHT: '50',
  MAX_REQUESTS_PER_SECOND: '100000',
  REQUEST_TIMEOUT_MS: String(set.requestTimeoutMs ?? 5000),
  FUNCTION_MS: String(set.functionMs ?? 900_000),
});

/** What the function prints is read to the end, as Lambda reads it, and thrown away. */
const startChild = (file: string, surroundings: Surroundings, ...args: string[]): ChildProcess => {
  const child = start([childFile, file, ...args], environment(surroundings), true);
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
};

const answerOf = async <T>(child: ChildProcess): Promise<T> => {
  const answered = new AbortController();
  const { signal } = answered;
  const gone = once(child, 'exit', { signal }).then(([code, killedBy]) => {
    throw new Error(`A measured process ended by itself: ${code ?? killedBy}.`);
  });
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), gone]);
    return message as T;
  } finally {
    gone.catch(() => undefined);
    answered.abort();
  }
};

export interface ColdRun extends Run {
  importMs: number;
  /** From the start of the process to the first settled batch. */
  readyMs: number;
  processCpuMs: number;
}

/** A process's start, one batch of ten, its end; an empty file is a process that does nothing. */
export const runCold = async (file: string, surroundings: Surroundings): Promise<ColdRun> => {
  const child = startChild(file, surroundings, 'cold');
  const run = await answerOf<ColdRun>(child);
  await stop(child);
  return run;
};

export interface Running extends AsyncDisposable {
  importMs: number;
  invoke: (order: Order) => Promise<Run>;
}

/** A function that waits for batches. */
export const startFunction = async (file: string, surroundings: Surroundings): Promise<Running> => {
  const child = startChild(file, surroundings);
  const { importMs } = await answerOf<{ importMs: number }>(child);
  return {
    importMs,
    invoke: async order => {
      const answer = answerOf<Run>(child);
      child.send(order);
      return answer;
    },
    [Symbol.asyncDispose]: () => stop(child),
  };
};
