import type { ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';
import type { Trouble } from './faults.ts';

/** Sends the answer, or spoils it on its way; false where no status line went out. */
export const deliver = (
  response: ServerResponse,
  answer: Answer | 'nothing',
  trouble: Trouble | undefined,
): boolean => {
  const { socket } = response;
  switch (trouble?.does) {
    case 'reset':
      socket?.resetAndDestroy();
      return false;
    case 'close':
    case 'lose':
      socket?.destroy();
      return false;
    case 'not_http':
      socket?.end('this is not HTTP\r\n\r\n');
      return false;
  }
  if (answer === 'nothing') return false;
  const { status, headers } = answer;
  const body = Buffer.from(answer.body);
  const length = trouble?.does === 'half' ? body.length + 1_000 : body.length;
  // A 204 or 304 has no body, and says no length.
  response.writeHead(
    status,
    status === 204 || status === 304 ? headers : { ...headers, 'Content-Length': length },
  );
  if (trouble?.does === 'half') response.write(body, () => socket?.destroy());
  else response.end(body);
  return true;
};
