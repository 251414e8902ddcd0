import type { ConsoleOptions } from '../console/console.ts';
import { openPlace } from '../stage.ts';

/** Serves the page. It is loaded by who asks for it only. */
export const consoleVerb = async (options: ConsoleOptions): Promise<number> => {
  const place = await openPlace(options.stage);
  const { serveConsole } = await import('../console/console.ts');
  return serveConsole(place, options);
};
