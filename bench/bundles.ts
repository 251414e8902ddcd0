import path from 'node:path';
import { type BuildOptions, build as bundle, type Metafile, type Plugin } from 'esbuild';
import { build } from '../local/build.ts';
import { 'module.exports' as ourSettings } from '../resources/bundle.ts';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, '.build/bench');

export type TargetName = 'relay' | 'middy' | 'powertools' | 'sequential';

export interface Target {
  name: TargetName;
  /** What tables call it. */
  title: string;
  /** The file that Lambda would load. */
  file: string;
}

export const targets: Target[] = [
  {
    name: 'relay',
    title: 'this project',
    file: path.join(root, '.build/mark-as-read/handlers/mark-as-read.mjs'),
  },
  { name: 'middy', title: '(a) Middy', file: path.join(folder, 'middy.mjs') },
  { name: 'powertools', title: '(b) Powertools', file: path.join(folder, 'powertools.mjs') },
  {
    name: 'sequential',
    title: '(c) Powertools, one by one',
    file: path.join(folder, 'sequential.mjs'),
  },
];

/** Runs a bundle in a process of its own and measures it. */
export const childFile = path.join(folder, 'child.mjs');
/** The same work as a replay, in plain SDK calls. */
export const plainReplayFile = path.join(folder, 'plain-replay.mjs');

/**
 * One copy of what several packages bring along in neighbouring versions, as a project has that installs them
 * all at once: a peer should not pay for the moment at which we installed it.
 */
const oneCopy: Plugin = {
  name: 'one-copy',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^(@aws-lambda-powertools\/commons|@middy\/util)/ }, async args => {
      if (args.pluginData === 'again') return undefined;
      return resolve(args.path, { kind: args.kind, resolveDir: root, pluginData: 'again' });
    });
  },
};

/** Ours once more, for the sizes of its parts alone: what is measured is the package. */
const entryPoints = {
  relay: 'handlers/mark-as-read.ts',
  middy: 'bench/peers/middy.ts',
  powertools: 'bench/peers/powertools.ts',
  sequential: 'bench/peers/powertools-sequential.ts',
  'plain-replay': 'bench/peers/plain-replay.ts',
  child: 'bench/child.ts',
};

/** Our own bundle as it is packaged, and the peers' with the same settings. */
export const bundleAll = async (): Promise<Record<string, Metafile>> => {
  await build();
  const { exclude, outputFileExtension, plugins: _, ...settings } = ourSettings();
  const metafiles: Record<string, Metafile> = {};
  for (const [name, entry] of Object.entries(entryPoints)) {
    const { metafile } = await bundle({
      ...(settings as BuildOptions),
      absWorkingDir: root,
      entryPoints: { [name]: entry },
      outdir: name === 'relay' ? path.join(folder, 'parts') : folder,
      outExtension: { '.js': outputFileExtension as string },
      external: exclude as string[],
      plugins: [oneCopy],
      metafile: true,
    });
    metafiles[name] = metafile;
  }
  return metafiles;
};
