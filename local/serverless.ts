import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');
export const buildFolder = path.join(root, '.build');

/** The file that Lambda would load, once `npm run build` has made it. */
export const bundleOf = (name: 'mark-as-read' | 'replay') =>
  path.join(buildFolder, name, `handlers/${name}.mjs`);

/** What Serverless reads, except stages/: what is tried and built here depends on nobody's stage. */
export const SOURCES = ['serverless.yml', 'package.json', 'resources', 'handlers', 'lib'];

/**
 * A copy of the sources for Serverless to work in: it writes into its folder, so that two runs at once, or one
 * beside a person's deploy, would spoil each other.
 */
export const copySources = async () => {
  // Inside the project, where node_modules is found.
  await mkdir(buildFolder, { recursive: true });
  const folder = await mkdtemp(path.join(buildFolder, 'serverless-'));
  for (const source of SOURCES)
    await cp(path.join(root, source), path.join(folder, source), { recursive: true });
  await mkdir(path.join(folder, 'stages'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
};

/** Many times what a deploy takes: a command that hangs is an error and not a night. */
const LIMIT_MS = 600_000;
/** How long pipes may stay open after the end; a child of the child may keep them for ever. */
const PIPES_MS = 10_000;

/**
 * Runs one Serverless command.
 *
 * @returns what it said
 * @throws Error with what it said, where it failed
 */
export const serverless = (folder: string, args: string[], env: NodeJS.ProcessEnv = process.env) =>
  new Promise<string>((resolve, reject) => {
    const command = path.join(root, 'node_modules/serverless/bin/serverless.js');
    const child = spawn(process.execPath, [command, ...args], {
      timeout: LIMIT_MS,
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (said += text));
    child.once('error', reject);
    const settle = (code: number | null) => {
      if (code === 0) resolve(said);
      else
        reject(new Error(`serverless ${args[0]} ${code === null ? 'was ended' : 'failed'}:\n${said.trim()}`));
    };
    // What was said is whole when the pipes are closed.
    let afterExit: NodeJS.Timeout | undefined;
    child.once('exit', code => {
      afterExit = setTimeout(settle, PIPES_MS, code);
    });
    child.once('close', code => {
      clearTimeout(afterExit);
      settle(code);
    });
  });
