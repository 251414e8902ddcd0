import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Place } from '../stage.ts';
import { createGuard } from './guard.ts';
import { createRuns } from './look-and-replay.ts';
import { createApp } from './routes.ts';
import { whoAmI } from './who.ts';

const IDLE_MS = 30 * 60_000;
const IDLE_CHECK_MS = 10_000;

const openBrowser = (url: string) => {
  const [command, ...words] = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] }[
    process.platform as 'darwin'
  ] ?? ['xdg-open'];
  // Where there is no browser, the printed line is enough.
  spawn(command as string, [...words, url], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
};

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Error(
          error.code === 'EADDRINUSE'
            ? `Port ${port} is taken on this machine: choose another, --port N, or none.`
            : `The page cannot be served on port ${port}: ${error.message}.`,
        ),
      ),
    );
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

export interface ConsoleOptions {
  stage?: string;
  port?: number;
  open?: boolean;
  json?: boolean;
}

/**
 * Serves the page on this machine until Ctrl-C, or half an hour without a request. Standard output: the address, and
 * a line of JSON for every action.
 */
export const serveConsole = async (
  place: Place,
  { stage, port = 0, open = true, json }: ConsoleOptions,
): Promise<number> => {
  const guard = createGuard();
  let who: Promise<string> | undefined;
  const audit = async (entry: object) => {
    who ??= whoAmI();
    const line = {
      at: new Date().toISOString(),
      who: await who,
      place: place.name,
      queue: place.deadLetters.url,
      ...entry,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  const runs = createRuns(place, audit);
  const respond = getRequestListener(createApp({ place, stage, guard, runs }).fetch);
  let own = '';
  let last = performance.now();
  const server = createServer((request, response) => {
    last = performance.now();
    // Before anything else: a page elsewhere may have a name that leads here.
    if (request.headers.host === own) void respond(request, response);
    else
      response
        .writeHead(421, { 'Content-Type': 'text/plain' })
        .end('This is not the address of the console.\n');
  });
  own = `127.0.0.1:${await listen(server, port)}`;
  const url = `http://${own}/?code=${guard.code}`;
  process.stdout.write(`${json ? JSON.stringify({ url }) : url}\n`);
  void runs.look();
  if (open) openBrowser(url);
  await new Promise<void>(resolve => {
    const idle = setInterval(() => {
      if (performance.now() - last > IDLE_MS && !runs.run()?.isRunning) resolve();
    }, IDLE_CHECK_MS);
    server.once('close', () => clearInterval(idle));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  // What is under way is finished, what is hidden is shown again.
  runs.run()?.stop();
  await runs.ended();
  server.close();
  server.closeAllConnections();
  return 0;
};
