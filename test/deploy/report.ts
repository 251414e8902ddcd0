import { setTimeout as sleep } from 'node:timers/promises';

/** Prints what is checked as it goes, and counts what failed. */
export const createReport = () => {
  const started = performance.now();
  const failed: string[] = [];
  let passed = 0;
  const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

  return {
    section: (title: string) => console.log(`\n${title}  (${seconds(started)} so far)`),

    /**
     * Runs one check; what it returns is printed beside it. A failed one does not stop the others.
     *
     * @returns what the check returned, undefined where it failed
     */
    async check<T>(what: string, run: () => Promise<T>): Promise<T | undefined> {
      const since = performance.now();
      try {
        const result = await run();
        passed += 1;
        console.log(`  ✓ ${what}${typeof result === 'string' ? `: ${result}` : ''} (${seconds(since)})`);
        return result;
      } catch (error) {
        failed.push(what);
        const said = (error as Error).message.replace(/^/gm, '      ');
        console.log(`  ✗ ${what} (${seconds(since)})\n${said}`);
        return undefined;
      }
    },

    /** @returns whether all was well */
    summary(): boolean {
      console.log(`\n${passed} checks passed, ${failed.length} failed, in ${seconds(started)}.`);
      for (const what of failed) console.log(`  ✗ ${what}`);
      return failed.length === 0;
    },
  };
};

export type Report = ReturnType<typeof createReport>;

/** Many times what anything here takes: only what never happens is an error. */
const LIMIT_MS = 180_000;

/** Waits until `look` finds something, and returns it. */
export const eventually = async <T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> => {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`);
    await sleep(200);
  }
};
