// `npm run build`: packages both functions as `serverless deploy` would, offline, and unpacks them into
// .build/FUNCTION/, so that tests and `npm start` load the very files that go to Lambda.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';

const root = path.resolve(import.meta.dirname, '..');
const buildFolder = path.join(root, '.build');
const stampFile = path.join(buildFolder, 'stamp');

/** The functions' names in serverless.yml, and the folders under .build/. */
export const FUNCTIONS = ['mark-as-read', 'replay'] as const;

const SOURCES = ['serverless.yml', 'package.json', 'resources', 'handlers', 'lib'];

/**
 * Runs Serverless on a copy of the sources of its own, so that it can run beside a deploy or another package.
 *
 * @returns the folder that Serverless packaged into; the caller removes it
 * @throws Error with what Serverless said
 */
const runServerless = async (stage: string, params: string[]) => {
  await mkdir(buildFolder, { recursive: true });
  // Inside the project, where node_modules is found.
  const copy = await mkdtemp(path.join(buildFolder, 'package-'));
  for (const source of SOURCES)
    await cp(path.join(root, source), path.join(copy, source), { recursive: true });
  // Until replay is written: what packages one function packages both.
  await writeFile(path.join(copy, 'handlers/replay.ts'), 'export const handler = () => {};\n', {
    flag: 'wx',
  }).catch(() => undefined);
  const command = path.join(root, 'node_modules/serverless/bin/serverless.js');
  const options = ['--stage', stage, ...params.flatMap(param => ['--param', param])];
  try {
    await promisify(execFile)(process.execPath, [command, 'package', ...options], { cwd: copy });
  } catch (error) {
    await rm(copy, { recursive: true });
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`serverless package failed: ${stdout}${stderr}`, { cause: error });
  }
  return copy;
};

/**
 * Packages one stage offline.
 *
 * @param params Serverless params, `name=value`
 * @returns the CloudFormation template and the files of each function
 */
export const packageStack = async (stage = 'dev', params: string[] = []) => {
  const copy = await runServerless(stage, params);
  const packaged = (name: string) => readFile(path.join(copy, '.serverless', name));
  try {
    const template = JSON.parse(`${await packaged('cloudformation-template-update-stack.json')}`);
    const files: Record<string, Record<string, Uint8Array>> = {};
    for (const name of FUNCTIONS) files[name] = unzipSync(await packaged(`${name}.zip`));
    return { template, files };
  } finally {
    await rm(copy, { recursive: true });
  }
};

/** What the packages are made of; the lock file stands for node_modules. */
const fingerprint = async () => {
  const names = globSync(
    [...SOURCES.flatMap(name => [name, `${name}/**`]), 'package-lock.json', 'local/build.ts'],
    {
      cwd: root,
    },
  );
  const hash = createHash('sha256').update(process.version);
  for (const name of names.sort()) {
    const content = await readFile(path.join(root, name)).catch(() => 'a folder');
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
};

/** Brings .build/ up to date. Does nothing where nothing has changed since. */
export const build = async () => {
  const now = await fingerprint();
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === now) return 'up to date';
  const { files } = await packageStack();
  for (const [name, contents] of Object.entries(files)) {
    const folder = path.join(buildFolder, name);
    await rm(folder, { recursive: true, force: true });
    for (const [file, content] of Object.entries(contents)) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), content);
    }
  }
  await writeFile(stampFile, now);
  return 'packaged';
};

if (import.meta.main) {
  const started = performance.now();
  const result = await build();
  console.log(
    `.build is ${result} (${FUNCTIONS.join(', ')}; ${Math.round(performance.now() - started)} ms).`,
  );
}
