import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, FUNCTIONS } from '../../local/build.ts';
import { buildFolder } from '../../local/serverless.ts';

/** Gives `use` a folder with a copy of the packaged functions, so that nobody rebuilds them in the middle of a run. */
export const withBundles = async <T>(use: (folder: string) => Promise<T>): Promise<T> => {
  await build();
  const folder = await mkdtemp(path.join(tmpdir(), 'soak-'));
  try {
    for (const name of FUNCTIONS)
      await cp(path.join(buildFolder, name), path.join(folder, name), { recursive: true });
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
