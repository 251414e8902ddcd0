import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { openPlace } from '../stage.ts';
import { createGuard } from './guard.ts';
import { createRuns } from './replay.ts';
import { createApp } from './routes.ts';
import { whoAmI } from './who.ts';

const MINUTE_MS = 60_000;
const MOST_QUIET_MINUTES = 30;

const openBrowser = (url: string) => {
  const [command, ...words] = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] }[
    process.platform as 'darwin'
  ] ?? ['xdg-open'];
  // Where there is no browser, the printed line is enough.
  spawn(command as string, [...words, url], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
};

const listen = async (server: Server, port: number): Promise<number> => {
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'EADDRINUSE'
        ? `Port ${port} is taken on this machine: choose another, --port N, or none.`
        : `The page cannot be served on port ${port}: ${message}.`,
    );
  }
  return (server.address() as AddressInfo).port;
};

interface ConsoleOptions {
  stage?: string;
  port?: number;
  open?: boolean;
  json?: boolean;
}

/**
 * Serves the page on this machine until Ctrl-C, or half an hour without a request. Standard output: the address, and
 * a line of JSON for every action.
 */
export const serveConsole = async ({
  stage,
  port = 0,
  open = true,
  json = false,
}: ConsoleOptions): Promise<number> => {
  const place = await openPlace(stage);
  const guard = createGuard();
  let who: Promise<string> | undefined;
  const audit = async (entry: object) => {
    who ??= whoAmI();
    const { name, deadLetters } = place;
    const at = new Date().toISOString();
    const line = { at, who: await who, place: name, queue: deadLetters.url, ...entry };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  const runs = createRuns(place, audit);
  const respond = getRequestListener(createApp({ place, stage, guard, runs }).fetch);
  let own = '';
  let quietMinutes = 0;
  const server = createServer((request, response) => {
    quietMinutes = 0;
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
  runs.look();
  if (open) openBrowser(url);
  await new Promise<void>(resolve => {
    const clock = setInterval(() => {
      quietMinutes++;
      if (quietMinutes > MOST_QUIET_MINUTES && !runs.work()) resolve();
    }, MINUTE_MS);
    server.once('close', () => clearInterval(clock));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  // What is under way is finished, what is hidden is shown again.
  await runs.close();
  server.close();
  server.closeAllConnections();
  return 0;
};
