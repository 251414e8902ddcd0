// Secrets Manager and SSM as far as one call each goes, over real HTTP: GetSecretValue and GetParameter.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface StoreRequest {
  target: string;
  body: Record<string, unknown>;
  headers: IncomingHttpHeaders;
}
type StoreAnswer = { status: number; body: string } | 'hang' | 'reset';

export const startAwsStores = async () => {
  const secrets = new Map<string, string>();
  const requests: StoreRequest[] = [];
  const state: { fault: ((request: StoreRequest) => StoreAnswer | undefined) | undefined } = {
    fault: undefined,
  };

  const answer = (request: StoreRequest): StoreAnswer => {
    const fault = state.fault?.(request);
    if (fault) return fault;
    const { target, body } = request;
    const id = String(target.startsWith('secretsmanager') ? body.SecretId : body.Name);
    const value = secrets.get(id);
    if (value === undefined) {
      const type = target.startsWith('secretsmanager') ? 'ResourceNotFoundException' : 'ParameterNotFound';
      return { status: 400, body: JSON.stringify({ __type: type, Message: `Can't find ${id}.` }) };
    }
    if (target === 'secretsmanager.GetSecretValue')
      return { status: 200, body: JSON.stringify({ Name: id, SecretString: value, VersionId: 'v1' }) };
    if (target === 'AmazonSSM.GetParameter' && body.WithDecryption === true) {
      const Parameter = { Name: id, Type: 'SecureString', Value: value };
      return { status: 200, body: JSON.stringify({ Parameter }) };
    }
    return { status: 400, body: JSON.stringify({ __type: 'UnknownOperationException' }) };
  };

  const server = createServer(async (incoming, response) => {
    const request: StoreRequest = {
      target: String(incoming.headers['x-amz-target']),
      body: JSON.parse(await text(incoming)),
      headers: incoming.headers,
    };
    requests.push(request);
    const answered = answer(request);
    if (answered === 'hang') return;
    if (answered === 'reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    response.writeHead(answered.status, { 'Content-Type': 'application/x-amz-json-1.1' });
    response.end(answered.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** By the secret's id or the parameter's name. */
    secrets,
    requests,
    /** Answers in the store's place where it gives something. */
    set fault(fault: typeof state.fault) {
      state.fault = fault;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
