import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the store is doing; `healthy` gives the secret. */
export type StoreState = 'healthy' | 'fails' | 'hangs' | 'forbids' | 'garbled';

/** Secrets Manager's one call, `GetSecretValue`, and its bad days. */
export const startSecretStore = async (secret: string) => {
  let text = secret;
  let state: StoreState = 'healthy';
  const server = createServer((_, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    switch (state) {
      case 'healthy':
        return answer(200, { Name: 'soak', SecretString: text });
      case 'fails':
        return answer(500, { __type: 'InternalServiceError' });
      case 'forbids':
        return answer(400, { __type: 'AccessDeniedException' });
      case 'garbled':
        return answer(200, { Name: 'soak', SecretString: `${text}}` });
      case 'hangs':
        return;
      default:
        return state satisfies never;
    }
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put: (secret: string) => {
      text = secret;
    },
    be: (wanted: StoreState) => {
      state = wanted;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
};

export type SecretStore = Awaited<ReturnType<typeof startSecretStore>>;
