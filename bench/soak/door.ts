import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * A way to the stand-in for one instance of the function alone: the `Host` header in the stand-in's log tells who
 * called. Bytes pass as they are; a reset behind the door is a reset in front of it.
 */
export const openDoor = async (target: string) => {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer(front => {
    const back = connect(Number(port), hostname);
    sockets.add(front);
    front.setNoDelay();
    back.setNoDelay();
    front.pipe(back).pipe(front);
    front.on('error', () => back.destroy());
    front.on('close', () => {
      sockets.delete(front);
      back.destroy();
    });
    back.on('error', () => front.resetAndDestroy());
    back.on('close', () => front.destroySoon());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
};

export type Door = Awaited<ReturnType<typeof openDoor>>;
