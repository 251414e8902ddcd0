import { type ListenOptions, Server } from 'node:net';
import { startFauxqs } from 'fauxqs';

export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

export interface Attribute {
  DataType: string;
  StringValue?: string;
  BinaryValue?: string;
}

/**
 * fauxqs listens on every interface and has no option for that (its `host` is only what queue URLs name): no server
 * of a process that loads this file does so.
 */
const { listen } = Server.prototype;
Server.prototype.listen = function (this: Server, options: unknown, ...rest: unknown[]) {
  const isEverywhere = typeof options === 'object' && (options as ListenOptions).host === '0.0.0.0';
  const given = isEverywhere ? { ...options, host: '127.0.0.1' } : options;
  return Reflect.apply(listen, this, [given, ...rest]);
} as typeof listen;

/** SQS in this process, on 127.0.0.1 alone; what is in its queues can be seen without touching it. */
export const startSqs = async () => {
  const server = await startFauxqs({ port: 0, logger: false });

  return {
    port: server.port,
    url: `http://127.0.0.1:${server.port}`,
    /** @param attributes as SQS names them; what is not given is SQS's default */
    createQueue(name: string, attributes: Record<string, string> = {}) {
      const { queueArn } = server.createQueue(name, { attributes });
      const inside = () => {
        const found = server.inspectQueue(name)?.messages;
        if (!found) throw new Error(`There is no queue ${name}.`);
        return found;
      };
      const hidden = () => inside().inflight;
      return {
        name,
        arn: queueArn,
        /** At any address that leads here. */
        urlAt: (origin: string) => `${origin}/${ACCOUNT}/${name}`,
        /** Sends a message and gives its id. */
        put: (body: string, messageAttributes?: Record<string, Attribute>): string =>
          server.sendMessage(name, body, messageAttributes ? { messageAttributes } : {}).messageId,
        /** Messages that a consumer would get now. */
        ready: () => inside().ready,
        hidden: () => hidden().map(({ message }) => message),
        all() {
          const { ready, delayed, inflight } = inside();
          return [...ready, ...delayed, ...inflight.map(({ message }) => message)];
        },
        /** Seconds until a hidden message is shown again; undefined where it is not hidden. */
        hiddenSeconds(messageId: string): number | undefined {
          const found = hidden().find(({ message }) => message.messageId === messageId);
          return found && (found.visibilityDeadline - Date.now()) / 1000;
        },
      };
    },
    /** Removes every message of every queue. */
    reset: () => server.reset(),
    close: () => server.stop(),
  };
};
