// A proxy in front of the queue: it shows what was asked of SQS, and refuses, spoils or delays what a test wants.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface QueueCall {
  /** SendMessageBatch, ChangeMessageVisibilityBatch, … */
  action: string;
  body: { QueueUrl: string; Entries: Record<string, unknown>[] };
  headers: Record<string, string | string[] | undefined>;
}
export interface QueueAnswer {
  status: number;
  body: object | string;
}
type Entry = { Id: string; [name: string]: unknown };

/** Gives the answer in SQS's place, asks SQS itself (also with another body), or answers never. */
export type Intercept = (
  call: QueueCall,
  forward: (body?: object) => Promise<QueueAnswer>,
) => Promise<QueueAnswer | 'hang' | 'reset'> | QueueAnswer | 'hang' | 'reset';

/** Refuses the entries that a predicate picks, by their place in the call, and lets the others through. */
export const refuseEntries =
  (action: string, picked: (index: number) => boolean): Intercept =>
  async (call, forward) => {
    if (call.action !== action) return forward();
    const entries = call.body.Entries as Entry[];
    const passed = entries.filter((_, index) => !picked(index));
    const refused = entries.filter((_, index) => picked(index));
    const answer = passed.length > 0 ? await forward({ ...call.body, Entries: passed }) : undefined;
    const { Successful = [], Failed = [] } = (answer?.body ?? {}) as {
      Successful?: object[];
      Failed?: object[];
    };
    const failed = refused.map(({ Id }) => ({
      Id,
      SenderFault: false,
      Code: 'KmsThrottled',
      Message: 'Told to refuse.',
    }));
    return { status: 200, body: { Successful, Failed: [...Failed, ...failed] } };
  };

/** An error of the whole call. */
export const refuseCalls =
  (action: string, status = 403, type = 'AccessDeniedException', message = 'Told to refuse.'): Intercept =>
  (call, forward) =>
    call.action === action ? { status, body: { __type: `com.amazonaws.sqs#${type}`, message } } : forward();

export const startQueueProxy = async (port: number) => {
  const calls: QueueCall[] = [];
  const state: { intercept: Intercept | undefined } = { intercept: undefined };

  const server = createServer(async (request, response) => {
    const received = await text(request);
    const headers = { ...request.headers };
    const action = String(headers['x-amz-target']).split('.')[1] ?? '';
    const call: QueueCall = { action, body: JSON.parse(received), headers };
    calls.push(call);
    const forward = async (body?: object): Promise<QueueAnswer> => {
      const { host: _, 'content-length': __, connection: ___, ...kept } = headers;
      const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, {
        method: 'POST',
        headers: kept as Record<string, string>,
        body: body ? JSON.stringify(body) : received,
      });
      return { status: answer.status, body: (await answer.json()) as object };
    };
    const answer = await Promise.resolve(
      (state.intercept ?? ((_, forward) => forward()))(call, forward),
    ).catch(
      // The queue was closed meanwhile.
      () => 'reset' as const,
    );
    if (answer === 'hang') return;
    if (answer === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(answer.status, { 'Content-Type': 'application/x-amz-json-1.0' });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    /** What happens to calls from now on; undefined lets them pass. */
    set intercept(intercept: Intercept | undefined) {
      state.intercept = intercept;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
