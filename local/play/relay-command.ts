import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { command } from './screen.ts';

/** As a person types it. */
export const COMMAND = 'npx read-receipt-relay';
const CLI = path.resolve(import.meta.dirname, '../../.build/cli/main.mjs');

/**
 * Runs the command line as a person would, on the same screen.
 *
 * @param queues its environment; a profile of the person's own would win over it, so none is passed on
 * @throws Error where it ends with another exit code than 0
 */
export const runCommand = async (args: string[], queues: Record<string, string>, signal: AbortSignal) => {
  command(`${COMMAND} ${args.join(' ')}`);
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...Object.fromEntries(own), ...queues },
    // A bar of progress would draw over what the function does meanwhile; none is drawn into a pipe.
    stdio: ['inherit', 'inherit', 'pipe'],
    signal,
  });
  child.stderr.pipe(process.stderr, { end: false });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${COMMAND} ${args[0]} ended with exit code ${code}.`);
};
