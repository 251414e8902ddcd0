// `npm run build`: packages both functions as `serverless deploy` would, offline, and unpacks them into
// .build/FUNCTION/, so that tests and `npm start` load the very files that go to Lambda.
import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { buildFolder, copySources, root, SOURCES, serverless } from './serverless.ts';

const stampFile = path.join(buildFolder, 'stamp');

/** The functions' names in serverless.yml, and the folders under .build/. */
const FUNCTIONS = ['mark-as-read', 'replay'] as const;

/**
 * Packages one stage offline.
 *
 * @param params Serverless params, `name=value`
 * @param stageFile what stages/STAGE.yml holds
 * @returns the CloudFormation template, the files of each function, and what Serverless said
 * @throws Error with what Serverless said
 */
export const packageStack = async (stage = 'dev', params: string[] = [], stageFile?: string) => {
  const { folder, remove } = await copySources();
  const packaged = (name: string) => readFile(path.join(folder, '.serverless', name));
  try {
    if (stageFile) await writeFile(path.join(folder, 'stages', `${stage}.yml`), stageFile);
    const options = params.flatMap(param => ['--param', param]);
    // The region of serverless.yml, not of whoever runs this.
    const { AWS_REGION, AWS_DEFAULT_REGION, ...env } = process.env;
    const said = await serverless(folder, ['package', '--stage', stage, ...options], env);
    const template = JSON.parse(`${await packaged('cloudformation-template-update-stack.json')}`);
    const files: Record<string, Record<string, Uint8Array>> = {};
    for (const name of FUNCTIONS) files[name] = unzipSync(await packaged(`${name}.zip`));
    return { template, files, said };
  } finally {
    await remove();
  }
};

/** What the packages are made of; the lock file stands for node_modules. */
const fingerprint = async () => {
  const names = globSync(
    [...SOURCES.flatMap(name => [name, `${name}/**`]), 'package-lock.json', 'local/*.ts'],
    { cwd: root },
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
  console.log(`.build is ${await build()}.`);
}
