import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type BuildOptions, build as bundle } from 'esbuild';
import { build } from '../local/build.ts';
import { buildFolder, bundleOf, root } from '../local/serverless.ts';
import { 'module.exports' as ourSettings } from '../resources/bundle.ts';

const folder = path.join(buildFolder, 'bench');

export interface Target {
  name: 'relay' | 'before' | 'middy' | 'powertools';
  /** What tables call it. */
  title: string;
  /** The file that Lambda would load. */
  file: string;
}

/** Ours first. */
export const targets: Target[] = [
  {
    name: 'relay',
    title: 'this project',
    file: bundleOf('mark-as-read'),
  },
  { name: 'middy', title: '(a) Middy', file: path.join(folder, 'middy.mjs') },
  { name: 'powertools', title: '(b) Powertools', file: path.join(folder, 'powertools.mjs') },
];

/** Runs a bundle in a process of its own and measures it. */
export const childFile = path.join(folder, 'child.mjs');
/** The same work as a replay, in plain SDK calls. */
export const plainReplayFile = path.join(folder, 'plain-replay.mjs');

/**
 * What several packages bring along in neighbouring versions is resolved from the root, one copy of each, as a project
 * has it that installs them all at once: a peer should not pay for the moment at which we installed it.
 */
const alias = Object.fromEntries(['@aws-lambda-powertools/commons', '@middy/util'].map(name => [name, name]));

/** Our own bundle as it is packaged, and the peers' with the same settings. */
export const bundleAll = async (): Promise<void> => {
  await build();
  const { exclude, outputFileExtension, plugins: _, ...settings } = ourSettings();
  for (const entry of ['peers/middy.ts', 'peers/powertools.ts', 'peers/plain-replay.ts', 'child.ts'])
    await bundle({
      ...(settings as BuildOptions),
      absWorkingDir: root,
      entryPoints: [path.join('bench', entry)],
      outdir: folder,
      outExtension: { '.js': outputFileExtension as string },
      external: exclude as string[],
      alias,
    });
};

/** KB that Lambda reads at import, and with what `import()` loads later; as esbuild writes both. */
export const sizesOf = ({ file }: Target): { atImport: number; inAll: number } => {
  const parts = new Set(readdirSync(path.dirname(file)));
  const reach = (link: RegExp): number => {
    const seen = new Set([path.basename(file)]);
    let bytes = 0;
    for (const name of seen) {
      const text = readFileSync(path.join(path.dirname(file), name), 'utf8');
      bytes += Buffer.byteLength(text);
      for (const [, other = ''] of text.matchAll(link)) if (parts.has(other)) seen.add(other);
    }
    return bytes / 1000;
  };
  return {
    atImport: reach(/(?:from|import)"\.\/([^"]+)"/g),
    inAll: reach(/(?:from|import|import\()"\.\/([^"]+)"/g),
  };
};
