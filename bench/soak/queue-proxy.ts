import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageAttributeValue } from 'fauxqs';
import type { Caller, Ledger, QueueName } from './ledger.ts';
import { now } from './random.ts';

/** What goes wrong with a call to SQS. */
export type SqsTrouble =
  /** SQS does nothing and answers with an error. */
  | { does: 'refuse'; status: number; code: string }
  /** SQS does its work, and its answer is lost. */
  | { does: 'lose_answer' }
  /** Every second entry of a batch is refused. */
  | { does: 'refuse_some' }
  | { does: 'slow'; ms: number };

export interface SqsCall {
  by: Caller;
  action: string;
  queue: QueueName;
}

interface Entry {
  Id: string;
  MessageBody?: string;
  MessageAttributes?: Record<string, MessageAttributeValue>;
  ReceiptHandle?: string;
  VisibilityTimeout?: number;
}
interface Body {
  QueueUrl?: string;
  Entries?: Entry[];
  ReceiptHandle?: string;
  VisibilityTimeout?: number;
  MessageBody?: string;
  MessageAttributes?: Record<string, MessageAttributeValue>;
}
interface Answer {
  MessageId?: string;
  Successful?: { Id: string; MessageId?: string }[];
  Failed?: { Id: string; Code: string; Message: string; SenderFault: boolean }[];
  Messages?: { MessageId: string; ReceiptHandle: string; Attributes?: Record<string, string> }[];
}

const textOf = async (message: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

interface Options {
  /** Where the queue itself listens. */
  target: string;
  /** Visibility timeouts that a caller names are multiplied with this, so that waiting takes less time. */
  timeScale: number;
  ledger: Ledger;
  /** Asked about each call. */
  troubleOf: (call: SqsCall) => SqsTrouble | undefined;
}

/**
 * Stands between the queue and all who use it: shortens what they wait for, breaks what it is told to break, and
 * writes what really happened into the ledger. A URL for each kind of caller.
 */
export const createQueueProxy = ({ target, timeScale, ledger, troubleOf }: Options) => {
  const agent = new Agent({ keepAlive: true });
  const servers: ReturnType<typeof createServer>[] = [];
  const { hostname, port } = new URL(target);

  const forward = (action: string, body: Body) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const text = JSON.stringify(body);
      const headers = {
        'Content-Type': 'application/x-amz-json-1.0',
        'X-Amz-Target': `AmazonSQS.${action}`,
        'Content-Length': Buffer.byteLength(text),
      };
      request({ hostname, port, method: 'POST', path: '/', agent, headers }, answer => {
        textOf(answer).then(text => resolve({ status: answer.statusCode ?? 0, text }), reject);
      })
        .on('error', reject)
        .end(text);
    });

  const scale = (body: Body): Body => {
    const scaled = <T extends { VisibilityTimeout?: number }>(item: T): T =>
      item.VisibilityTimeout === undefined
        ? item
        : { ...item, VisibilityTimeout: item.VisibilityTimeout * timeScale };
    return { ...scaled(body), ...(body.Entries && { Entries: body.Entries.map(scaled) }) };
  };

  const write = (call: SqsCall, body: Body, answer: Answer, at: number, lost: boolean) => {
    const sent = (id: string, { MessageBody = '', MessageAttributes = {} }: Partial<Entry>) =>
      ledger.sent({
        id,
        queue: call.queue,
        body: MessageBody,
        attributes: MessageAttributes,
        sentBy: call.by,
        sentAt: at,
        ...(!lost && { confirmedAt: now() }),
      });
    switch (call.action) {
      case 'SendMessage':
        return sent(answer.MessageId ?? '', body);
      case 'SendMessageBatch':
        for (const { Id, MessageId = '' } of answer.Successful ?? [])
          sent(MessageId, body.Entries?.find(entry => entry.Id === Id) ?? {});
        return;
      case 'ReceiveMessage':
        for (const { MessageId, ReceiptHandle: handle, Attributes = {} } of answer.Messages ?? []) {
          const firstReceivedAt = Number(Attributes.ApproximateFirstReceiveTimestamp ?? at);
          ledger.received(MessageId, { handle, at: now(), firstReceivedAt });
        }
        return;
      case 'DeleteMessage':
        return ledger.deleted(body.ReceiptHandle ?? '', at, call.by);
      case 'DeleteMessageBatch':
        for (const { ReceiptHandle = '' } of body.Entries ?? []) ledger.deleted(ReceiptHandle, at, call.by);
    }
  };

  const refusal = (code: string) => JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: code });

  const handle = async (call: SqsCall, asked: Body): Promise<{ status: number; text: string }> => {
    const at = now();
    const trouble = troubleOf(call);
    if (trouble?.does === 'refuse') return { status: trouble.status, text: refusal(trouble.code) };
    if (trouble?.does === 'slow') await sleep(trouble.ms);

    const refused =
      trouble?.does === 'refuse_some' ? (asked.Entries ?? []).filter((_, n) => n % 2 === 0) : [];
    const kept = asked.Entries?.filter(entry => !refused.includes(entry));
    const body = scale({ ...asked, ...(kept && { Entries: kept }) });
    const { status, text } =
      kept?.length === 0 ? { status: 200, text: '{}' } : await forward(call.action, body);
    const lost = trouble?.does === 'lose_answer';
    if (status !== 200) return { status, text };
    const answer: Answer = JSON.parse(text);
    write(call, body, answer, at, lost);
    if (lost) return { status: 500, text: refusal('InternalFailure') };
    if (refused.length === 0) return { status, text };
    const failed = refused.map(({ Id }) => ({
      Id,
      Code: 'InternalError',
      Message: 'Told to refuse it.',
      SenderFault: false,
    }));
    return {
      status,
      text: JSON.stringify({
        ...answer,
        Successful: answer.Successful ?? [],
        Failed: [...(answer.Failed ?? []), ...failed],
      }),
    };
  };

  return {
    /** A URL that only this kind of caller knows. */
    async open(by: Caller): Promise<string> {
      const server = createServer(async (incoming, outgoing) => {
        try {
          const body: Body = JSON.parse(await textOf(incoming));
          const action = String(incoming.headers['x-amz-target']).replace('AmazonSQS.', '');
          const queue = body.QueueUrl?.endsWith('/dead-letters') ? 'dead-letters' : 'receipts';
          const { status, text } = await handle({ by, action, queue }, body);
          outgoing.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.0' }).end(text);
        } catch {
          outgoing.destroy();
        }
      });
      servers.push(server);
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    close() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      agent.destroy();
    },
  };
};
