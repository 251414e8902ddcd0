import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './answer.ts';
import type { Trouble } from './faults.ts';

const BIG_BYTES = 10 * 1024 * 1024;
/** Over the 64 KB that the relay's client takes. */
const HUGE_HEADERS_BYTES = 100 * 1024;

/** Sends the answer, or spoils it on its way; false where no status line went out. */
export function deliver(
  response: ServerResponse,
  answer: Answer | undefined,
  trouble: Trouble | undefined,
): boolean {
  const { socket } = response;
  switch (trouble?.does) {
    case 'reset':
      socket?.resetAndDestroy();
      return false;
    case 'close':
      socket?.destroy();
      return false;
    case 'hang':
      return false;
    case 'not_http':
      socket?.end('this is not HTTP\r\n\r\n');
      return false;
  }
  if (answer === undefined) return false;
  switch (trouble?.does) {
    case 'trickle':
      void trickle(response, answer, trouble.msPerByte);
      return true;
    case 'big': {
      const padding = 'x'.repeat(BIG_BYTES);
      send(response, { ...answer, body: JSON.stringify({ padding }) });
      return true;
    }
    case 'huge_headers': {
      const padding = 'x'.repeat(HUGE_HEADERS_BYTES);
      send(response, { ...answer, headers: { ...answer.headers, 'X-Padding': padding } });
      return true;
    }
    case 'half':
      head(response, answer, Buffer.byteLength(answer.body) + 1_000);
      response.write(answer.body, () => socket?.destroy());
      return true;
    default:
      send(response, answer);
      return true;
  }
}

function send(response: ServerResponse, answer: Answer): void {
  head(response, answer, Buffer.byteLength(answer.body));
  response.end(answer.body);
}

async function trickle(response: ServerResponse, answer: Answer, msPerByte: number): Promise<void> {
  const body = Buffer.from(answer.body);
  head(response, answer, body.length);
  response.flushHeaders();
  for (const byte of body) {
    await sleep(msPerByte, undefined, { ref: false });
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
  }
  response.end();
}

function head(response: ServerResponse, { status, headers }: Answer, contentLength: number): void {
  // A 204 or 304 has no body, and says no length.
  const length = status === 204 || status === 304 ? {} : { 'Content-Length': contentLength };
  response.writeHead(status, { ...headers, ...length });
}
