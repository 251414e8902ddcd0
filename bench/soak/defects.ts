// Known defects, planted in the function one at a time: a soak that cannot fail proves nothing.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import PQueue from 'p-queue';
import { buildFolder, root } from '../../local/serverless.ts';
import { shortPlan } from './plans.ts';
import { type Result, soak } from './soak.ts';

export interface Defect {
  name: string;
  /** What to find under lib/, exactly once, and what to put there. */
  find: RegExp;
  replace: string;
  /** What brings it to light. */
  faults: string[];
  /** How the soak has to put it. */
  promise: RegExp;
}

/** Most of a run is waiting. */
const AT_ONCE = 2;
const MOST_RUNS = 3;

const LIES = /acknowledged before its mark/;

export const defects: Defect[] = [
  {
    name: 'acknowledges before the dead letter is confirmed',
    find: /if \(refusal\) entry\.reason/,
    replace: "if (refusal && fate !== 'dead_lettered') entry.reason",
    faults: ['dead_letter_refused'],
    promise: LIES,
  },
  {
    name: 'treats 200 with an error code as success',
    find: /return errorCode \? .* : 'marked';/,
    replace: "return 'marked';",
    faults: ['error_code'],
    promise: LIES,
  },
  {
    name: 'dead-letters on 401',
    find: /case 'forbidden':\s+return 'dead_letter';/,
    replace: "case 'forbidden':\n    case 'unauthorized':\n      return 'dead_letter';",
    faults: ['secret_store_down'],
    promise: /dead-lettered for unauthorized at an age of/,
  },
  {
    name: 'forgets one record at the deadline',
    find: /if \(outcome\?\.code === 'marked'\) entry\.fate = 'marked';/,
    replace:
      "if (outcome?.code === 'marked' || entry === entries.find(each => each.outcome?.code === 'unfinished')) entry.fate = 'marked';",
    faults: ['function_timeout'],
    promise: LIES,
  },
  {
    name: 'retries the log-in without bound',
    find: /standing\(text: string\)[^{]*\{/,
    replace: '$& return undefined;',
    faults: ['wrong_password'],
    promise: /tried a refused password/,
  },
  {
    name: 'coalesces without the group',
    find: /JSON\.stringify\(\[case_id, group_id, /,
    replace: 'JSON.stringify([case_id, ',
    faults: ['calm'],
    promise: LIES,
  },
  {
    name: 'keeps four times the rate',
    find: /createRate\(maxRequestsPerSecond/,
    replace: '$& * 4',
    faults: ['calm'],
    promise: /calls in \d+ ms/,
  },
  {
    name: 'repeats what Huawei says word for word',
    find: /redact\(text: string\): string \{/,
    replace: '$& return text;',
    faults: ['secrets_echoed'],
    promise: /a secret was shown/,
  },
];

const plant = async ({ name, find, replace }: Defect, lib: string) => {
  const fitting: { file: string; text: string }[] = [];
  for (const each of await readdir(lib)) {
    const file = path.join(lib, each);
    const text = await readFile(file, 'utf8');
    for (let times = text.split(find).length - 1; times > 0; times--) fitting.push({ file, text });
  }
  const [place] = fitting;
  if (!place || fitting.length > 1)
    throw new Error(
      `"${name}" fits ${fitting.length} places in lib/ instead of one: adapt bench/soak/defects.ts.`,
    );
  await writeFile(place.file, place.text.replace(find, replace));
};

/** The function built from a copy of the sources that has the defect; without one, as it is. */
export const bundleWith = async (
  defect: Defect | undefined,
): Promise<{ folder: string; remove: () => Promise<void> }> => {
  // Inside the project, where node_modules is found.
  const folder = await mkdtemp(path.join(buildFolder, 'defect-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    for (const name of ['lib', 'handlers'])
      await cp(path.join(root, name), path.join(folder, name), { recursive: true });
    if (defect) await plant(defect, path.join(folder, 'lib'));
    for (const name of ['mark-as-read', 'replay']) {
      await build({
        entryPoints: [path.join(folder, `handlers/${name}.ts`)],
        outdir: path.join(folder, name, 'handlers'),
        outExtension: { '.js': '.mjs' },
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'node',
        target: 'node24',
        mainFields: ['module', 'main'],
        banner: {
          js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
        },
        logLevel: 'error',
      });
    }
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
};

/** A few seconds of soak: enough for one defect to show. */
export const soakWith = async (
  defect: Defect | undefined,
  faults: string[],
  seed: number,
): Promise<Result> => {
  const { folder, remove } = await bundleWith(defect);
  try {
    return await soak(
      {
        ...shortPlan,
        folder,
        // Nothing is undone: however slow the machine is, the fault meets the defect.
        staysToTheEnd: defect !== undefined,
        seed,
        faults,
        receipts: 400 * faults.length,
        drainMs: 12_000,
        pace: { ...shortPlan.pace, batchSize: 200, maxAgeSeconds: 30, requestTimeoutMs: 600 },
      },
      () => {},
    );
  } finally {
    await remove();
  }
};

/**
 * Looks for the promise that a defect breaks, in a few short runs at most: on a busy machine one may end before
 * anything has come of it.
 */
export const findOut = async (defect: Defect, seed: number): Promise<string | undefined> => {
  for (let run = 0; run < MOST_RUNS; run++) {
    const { broken } = await soakWith(defect, defect.faults, seed + run);
    const caught = broken.find(({ promise }) => defect.promise.test(promise));
    if (caught) return caught.promise;
  }
  return undefined;
};

/** Plants each; true where every one was caught for the right reason, and the function as it is was not. */
export const proveDefectsAreCaught = async (seed: number): Promise<boolean> => {
  const lane = new PQueue({ concurrency: AT_ONCE });
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const catchIt = async (defect: Defect): Promise<boolean> => {
    const caught = await findOut(defect, seed);
    say(`${caught ? 'caught' : 'MISSED'}  ${defect.name}${caught ? `: ${caught}` : ''}`);
    return caught !== undefined;
  };
  const found = await Promise.all(defects.map(defect => lane.add(() => catchIt(defect))));
  const all = [...new Set(defects.flatMap(({ faults }) => faults))];
  const { broken } = await soakWith(undefined, all, seed);
  say(`${broken.length === 0 ? 'passed' : 'FAILED'}  the function as it is, under the same faults`);
  for (const { promise } of broken) say(`        ${promise}`);
  return found.every(Boolean) && broken.length === 0;
};
