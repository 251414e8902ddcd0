// `npm run prepare`, which `npm ci` runs by itself: makes the command line one small program that starts at once, under
// Node 20 too. In JavaScript, so that it runs under whatever Node there is before the project has brought its own.
import { chmod, copyFile, rm } from 'node:fs/promises';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const program = path.join(root, '.build/cli/main.mjs');

const esbuild = await import('esbuild').catch(error => {
  // An installation without development dependencies, for whoever wants the sources alone.
  console.error(`The command line was not compiled: ${error.message}`);
});
if (esbuild) {
  await rm(path.dirname(program), { recursive: true, force: true });
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: { main: 'handlers/cli.ts' },
    outdir: path.dirname(program),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What one verb alone needs (CloudFormation, Lambda, CloudWatch) is loaded by that verb.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    banner: {
      js: "import { createRequire as relayRequire } from 'node:module'; const require = relayRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  for (const asset of ['style.css', 'page.js'])
    await copyFile(path.join(root, 'lib/cli/console/pages', asset), path.join(path.dirname(program), asset));
  await chmod(program, 0o755);
}
