// How both functions are bundled: the one place, read by serverless-esbuild (`custom.esbuild.config`).
import path from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';

/**
 * Gives each function a folder of its own, so that chunks (what a dynamic `import()` loads) go into the package
 * of the function that loads them and no other. serverless-esbuild packages the folder `__only_NAME` into the
 * function NAME alone, without that prefix; it knows no other way to tell chunks apart.
 */
const ownFolder: Plugin = {
  name: 'own-folder',
  setup: ({ initialOptions }) => {
    const [entry] = initialOptions.entryPoints as string[];
    const { outdir } = initialOptions;
    if (!entry || !outdir) throw new Error('serverless-esbuild no longer builds one entry into one folder');
    const functionName = path.basename(entry, '.ts');
    initialOptions.outdir = path.join(path.dirname(outdir), `__only_${functionName}`, path.dirname(entry));
  },
};

/**
 * What the AWS SDK imports only outside Lambda (where keys are not in the environment) or for other services'
 * streams: about 130 KB that no function would ever open. Reached all the same, the import says what is missing.
 */
const NEVER_LOADED = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
  '@smithy/core/event-streams',
  'bowser',
];

const bundle = (): BuildOptions & Record<string, unknown> => ({
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  outputFileExtension: '.mjs',
  // Everything else comes along, the SDK too: the functions run on what they were tested with.
  exclude: NEVER_LOADED,
  // The AWS SDK's ES modules are lighter than its CommonJS ones, and can be shaken.
  mainFields: ['module', 'main'],
  // CommonJS dependencies still ask for `require("node:…")`, which an ES module does not have.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  // What only the unhappy path needs is a file that the happy path never opens.
  splitting: true,
  chunkNames: '[name]-[hash]',
  minify: true,
  legalComments: 'none',
  plugins: [ownFolder],
});

// serverless-esbuild calls `require()` and wants the function itself.
export { bundle as 'module.exports' };
