import { createInterface } from 'node:readline/promises';
import { tell } from './output.ts';

/** Asks on the terminal; anything but yes is no, Ctrl-C and Ctrl-D too. */
export const confirm = async (question: string): Promise<boolean> => {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await new Promise<string>(resolve => {
      asking.once('SIGINT', () => resolve(''));
      asking.once('close', () => resolve(''));
      asking.question(`${question} [y/N] `).then(resolve, () => resolve(''));
    });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
};

/** Nobody sits at a terminal to be asked. */
export const isUnattended = (): boolean => !(process.stdin.isTTY && process.stderr.isTTY);

/** Of a run that holds letters. */
export const STOPPING = 'Stopping: what is under way is finished, what was only looked at is shown again.';

/**
 * The first Ctrl-C, or a terminal that is closed, ends what runs in good order; the second ends it at once.
 *
 * @param words what the first one says
 */
export const untilInterrupted = (words = () => STOPPING): AbortSignal => {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(130);
      interrupted.abort();
      tell(`${words()} Once more: stop at once.`);
    });
  }
  return interrupted.signal;
};
