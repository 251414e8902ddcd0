import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { root } from '../../local/serverless.ts';
import { REGION } from './aws.ts';

/** Pinned, so that a run next year proves the same. */
const PACKAGES = ['ministack==1.5.33', 'cfn-lint==1.58.0'];
const venv = path.join(root, '.venv');
const inVenv = (program: string) => path.join(venv, 'bin', program);
/** It takes two seconds; a bound, so that one that hangs is an error. */
const START_LIMIT_MS = 180_000;
/** Each with a port of its own. */
const START_ATTEMPTS = 3;

/** The first Python on PATH that is new enough and can make environments; undefined where there is none. */
const findPython = (): string | undefined => {
  // Debian has Pythons without ensurepip, which make no environment that has pip.
  const isEnough = ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'];
  const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
  return names.find(name => spawnSync(name, isEnough).status === 0);
};

/**
 * Makes .venv and installs what the test needs, unless that was done before.
 *
 * @returns what this machine lacks; undefined where all is there
 */
export const prepareVenv = (): string | undefined => {
  const stamp = path.join(venv, 'installed');
  const wanted = PACKAGES.join('\n');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined;
  const python = findPython();
  if (!python) return 'Python 3.10 or newer on PATH, with venv and pip';
  execFileSync(python, ['-m', 'venv', venv]);
  // More patience than pip's own with an index that does not answer at once.
  const options = ['--quiet', '--disable-pip-version-check', '--retries', '10', '--timeout', '60'];
  try {
    execFileSync(inVenv('python'), ['-m', 'pip', 'install', ...options, ...PACKAGES], { stdio: 'pipe' });
  } catch (error) {
    return `${PACKAGES.join(' and ')} from a Python package index:\n${(error as Error).message}`;
  }
  writeFileSync(stamp, wanted);
  return undefined;
};

/** Every warning of cfn-lint about a template, as it prints them; empty where there is none. */
export const lintTemplate = (template: object): string => {
  const { stdout, stderr } = spawnSync(inVenv('cfn-lint'), {
    input: JSON.stringify(template),
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`.trim();
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
};

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** Undefined where it ended by itself, as where somebody else took the port meanwhile. */
const startOn = async (port: number, folder: string) => {
  const logFile = path.join(folder, 'log');
  const log = openSync(logFile, 'w');
  // Nothing of the caller's environment reaches the functions. TMPDIR is where MiniStack puts its certificate.
  const env = {
    PATH: [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    HOME: folder,
    TMPDIR: folder,
    GATEWAY_PORT: `${port}`,
    BIND_HOST: '127.0.0.1',
    USE_SSL: '1',
    AUTH: 'true',
    // Where it counts what functions do.
    MINISTACK_REGION: REGION,
  };
  // A group of its own, so that its functions end with it.
  const child = spawn(inVenv('ministack'), { env, cwd: folder, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const kill = () => {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  };
  // However this process ends.
  process.once('exit', kill);
  const deadline = Date.now() + START_LIMIT_MS;
  while (!/Running on https/.test(await readFile(logFile, 'utf8'))) {
    if (hasEnded(child)) return undefined;
    if (Date.now() > deadline)
      throw new Error(`MiniStack did not start:\n${await readFile(logFile, 'utf8')}`);
    await sleep(100);
  }
  return kill;
};

/**
 * Starts MiniStack with TLS, which this process trusts from now on, and with IAM evaluated: functions run under their
 * own roles.
 *
 * @returns where it is, its certificate, and how to end it and every function it runs
 */
export const startEmulator = async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'relay-emulator-'));
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const kill = await startOn(port, folder);
    if (!kill) continue;
    const certificate = path.join(folder, 'ministack-tls', 'server.crt');
    setDefaultCACertificates([...getCACertificates(), await readFile(certificate, 'utf8')]);
    const stop = async () => {
      kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    };
    return { endpoint: `https://127.0.0.1:${port}`, certificate, stop };
  }
  throw new Error(`MiniStack did not start:\n${await readFile(path.join(folder, 'log'), 'utf8')}`);
};

export type Emulator = Awaited<ReturnType<typeof startEmulator>>;
