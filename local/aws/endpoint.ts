import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { parseJson } from '../../lib/json.ts';
import type { AwsAnswer, AwsCall } from './call.ts';
import { createSecretStore } from './secret-store.ts';
import { createSts } from './sts.ts';

type Ending = AwsAnswer | 'hang' | 'reset';

/** Gives the answer in AWS's place, lets the call pass (also with another body), or answers never. */
export type Intercept = (
  call: AwsCall,
  forward: (body?: object) => Promise<AwsAnswer>,
) => Promise<Ending> | Ending;

export type Aws = Awaited<ReturnType<typeof startAws>>;

/**
 * One address for all of AWS that the relay calls: SQS (handed on), Secrets Manager, SSM, STS and its issuer. It
 * shows every call, and refuses, spoils or delays what is asked of it.
 *
 * @param sqsPort of a queue server on this machine
 */
export const startAws = async (sqsPort?: number) => {
  const secrets = createSecretStore();
  const sts = createSts(() => url);
  const calls: AwsCall[] = [];
  let interceptor: Intercept | undefined;

  const handOn = async (request: IncomingMessage, body: string): Promise<AwsAnswer> => {
    const { host: _, 'content-length': __, connection: ___, ...headers } = request.headers;
    const answer = await fetch(`http://127.0.0.1:${sqsPort}${request.url}`, {
      method: 'POST',
      headers: headers as Record<string, string>,
      body,
    });
    const said = parseJson(await answer.text()) as object;
    return { status: answer.status, body: said, contentType: 'application/x-amz-json-1.0' };
  };

  const serve = async (request: IncomingMessage, received: string): Promise<Ending> => {
    if (request.method === 'GET') return (await sts.published(request.url ?? '')) ?? unknown;
    const call = callOf(request, received);
    calls.push(call);
    const forward = async (changed?: object): Promise<AwsAnswer> => {
      const body = changed ? { ...changed } : call.body;
      if (call.target === 'sts.GetWebIdentityToken') return sts.getWebIdentityToken({ ...call, body });
      const stored = secrets.answer(call.target, body);
      if (stored) return stored;
      if (sqsPort === undefined || !call.target.startsWith('AmazonSQS.')) return unknown;
      return handOn(request, changed ? JSON.stringify(changed) : received);
    };
    return interceptor ? interceptor(call, forward) : forward();
  };

  const server = createServer(async (request, response) => {
    // The queue may be closed by now.
    const ending = await text(request)
      .then(received => serve(request, received))
      .catch(() => 'reset' as const);
    if (ending === 'hang') return;
    if (ending === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const { status, body, contentType = 'application/x-amz-json-1.1', date } = ending;
    if (date !== undefined) response.sendDate = false;
    response.writeHead(status, { 'Content-Type': contentType, ...(date && { Date: date }) });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    /** Also the issuer of STS's tokens. */
    url,
    /** Every call in the order of arrival; empty it with `calls.length = 0`. */
    calls,
    secrets: secrets.controls,
    sts: sts.controls,
    /** What happens to calls from now on; undefined lets them pass. */
    set intercept(intercept: Intercept | undefined) {
      interceptor = intercept;
    },
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
};

const unknown: AwsAnswer = { status: 400, body: { __type: 'UnknownOperationException' } };

const callOf = ({ headers }: IncomingMessage, received: string): AwsCall => {
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    const body = Object.fromEntries(new URLSearchParams(received));
    return { target: `sts.${body.Action}`, action: `${body.Action}`, body, headers };
  }
  const target = `${headers['x-amz-target'] ?? ''}`;
  const body = parseJson(received) as Record<string, unknown>;
  return { target, action: target.split('.')[1] ?? '', body, headers };
};
