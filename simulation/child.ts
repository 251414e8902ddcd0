// A process of its own that runs seasons: it replaces time and chance before any of our code is loaded.
import { writeSync } from 'node:fs';
import { plantDefect } from './defects.ts';
import { realNow } from './engine/clock.ts';
import { replaceGlobals } from './engine/globals.ts';
import type { Spec } from './spec.ts';

export interface ChildTask {
  seasons: Spec[];
  /** The name of a planted defect. */
  defect?: string;
}

const task: ChildTask = JSON.parse(process.argv[2] ?? '{"seasons":[]}');
if (task.defect) plantDefect(task.defect);
replaceGlobals();
// Loaded on demand by the code: that would be real I/O in the midst of a season.
await Promise.all([import('../lib/huawei/signature.ts'), import('../lib/credentials/oidc.ts')]);
const { runSeason } = await import('./season.ts');

for (const spec of task.seasons) {
  const began = realNow();
  const result = await runSeason(spec);
  writeSync(1, `${JSON.stringify({ ...result, seconds: (realNow() - began) / 1000 })}\n`);
}
