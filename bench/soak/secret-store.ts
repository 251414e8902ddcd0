import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the store is doing; `healthy` gives the secret. */
export type StoreState = 'healthy' | 'fails' | 'hangs' | 'forbids' | 'garbled';

interface Version {
  SecretString: string;
  /** Seconds since the epoch. */
  CreatedDate: number;
}

const versionOf = (SecretString: string): Version => ({ SecretString, CreatedDate: Date.now() / 1000 });

/** Secrets Manager's one call, `GetSecretValue`, with the former version, and its bad days. */
export const startSecretStore = async (secret: string) => {
  let current = versionOf(secret);
  let previous: Version | undefined;
  let state: StoreState = 'healthy';
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const version = JSON.parse(body).VersionStage === 'AWSPREVIOUS' ? previous : current;
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    switch (state) {
      case 'healthy':
        return version
          ? answer(200, { Name: 'soak', ...version })
          : answer(400, { __type: 'ResourceNotFoundException' });
      case 'fails':
        return answer(500, { __type: 'InternalServiceError' });
      case 'forbids':
        return answer(400, { __type: 'AccessDeniedException' });
      case 'garbled':
        return answer(200, { Name: 'soak', ...current, SecretString: `${current.SecretString}}` });
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
      previous = current;
      current = versionOf(secret);
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
