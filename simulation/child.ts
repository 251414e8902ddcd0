// A process of its own for one season: it replaces time and chance before any of our code is loaded.
import { plantDefect } from './defects.ts';
import { replaceGlobals } from './engine/globals.ts';

const [spec = '', defect] = process.argv.slice(2);
if (defect) plantDefect(defect);
replaceGlobals();
// Loaded on demand by the code: that would be real I/O in the midst of a season.
await Promise.all([import('../lib/huawei/signature.ts'), import('../lib/credentials/oidc.ts')]);
const { runSeason } = await import('./season.ts');
process.stdout.write(JSON.stringify(await runSeason(JSON.parse(spec))));
