import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { root } from '../../local/serverless.ts';
import { REGION } from './aws.ts';

const run = promisify(execFile);

/** MiniStack with its version pinned, so that a run next year proves the same; cfn-lint's rules may grow. */
const PACKAGES = ['ministack==1.5.33', 'cfn-lint>=1.40,<2'];
const venv = path.join(root, '.venv');
const inVenv = (program: string) => path.join(venv, 'bin', program);
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

/** The first Python on PATH that is new enough; undefined where there is none. */
const findPython = async (): Promise<string | undefined> => {
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']) {
    const isNewEnough = ['-c', 'import sys, venv; sys.exit(sys.version_info < (3, 10))'];
    if (
      await run(name, isNewEnough).then(
        () => true,
        () => false,
      )
    )
      return name;
  }
  return undefined;
};

/**
 * Makes .venv and installs what the test needs, unless that was done before.
 *
 * @returns false where there is no Python to do it with
 */
export const prepareVenv = async (): Promise<boolean> => {
  const stamp = path.join(venv, 'installed');
  const wanted = PACKAGES.join('\n');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return true;
  const python = await findPython();
  if (!python) return false;
  await run(python, ['-m', 'venv', venv]);
  await run(inVenv('python'), [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    ...PACKAGES,
  ]);
  await writeFile(stamp, wanted);
  return true;
};

/** Every warning of cfn-lint about a template, as it prints them; empty where there is none. */
export const lintTemplate = async (template: object): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'cfn-lint-'));
  try {
    const file = path.join(folder, 'template.json');
    await writeFile(file, JSON.stringify(template));
    return await run(inVenv('cfn-lint'), ['--', file]).then(
      ({ stdout }) => stdout.trim(),
      ({ stdout, stderr }) => `${stdout}${stderr}`.trim(),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
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

/**
 * Starts MiniStack with TLS, and with IAM evaluated: functions run under their own roles.
 *
 * @returns where it is, its certificate, its log, and how to end it and every function it runs
 */
export const startEmulator = async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'relay-emulator-'));
  const port = await freePort();
  const logFile = path.join(folder, 'log');
  const log = openSync(logFile, 'a');
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

  const signal = (name: NodeJS.Signals) => {
    try {
      if (child.pid) process.kill(-child.pid, name);
    } catch {
      // Already gone.
    }
  };
  const stop = async () => {
    if (!hasEnded(child)) {
      const ended = once(child, 'exit');
      signal('SIGTERM');
      await Promise.race([ended, sleep(STOP_TIMEOUT_MS)]);
    }
    signal('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };

  const certificate = path.join(folder, 'ministack-tls', 'server.crt');
  const isUp = async () => {
    if (!(await stat(certificate).catch(() => undefined))) return false;
    return /Running on https/.test(await readFile(logFile, 'utf8'));
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isUp())) {
    if (hasEnded(child) || Date.now() > deadline) {
      const said = await readFile(logFile, 'utf8');
      await stop();
      throw new Error(`MiniStack did not start:\n${said.slice(-2000)}`);
    }
    await sleep(100);
  }
  return { endpoint: `https://127.0.0.1:${port}`, certificate, logFile, stop };
};

export type Emulator = Awaited<ReturnType<typeof startEmulator>>;
