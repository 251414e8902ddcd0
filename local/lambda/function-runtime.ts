// Runs inside the function's process: `node function-runtime.ts BUNDLE`. Invocations come over the IPC channel.
import { pathToFileURL } from 'node:url';

export interface Invocation {
  requestId: string;
  event: unknown;
  /** When the function's time is up, milliseconds since the epoch. */
  deadlineMs: number;
}

export type Answered = { payload: string } | { error: string };

const contextOf = ({ requestId, deadlineMs }: Invocation) => ({
  awsRequestId: requestId,
  functionName: 'local',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:local',
  memoryLimitInMB: '512',
  logGroupName: '/aws/lambda/local',
  logStreamName: String(process.pid),
  getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
});

const send = (answered: Answered) => process.send?.(answered);

if (process.send) {
  // A Ctrl-C reaches the whole group of processes: the parent decides when this one ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  process.on('disconnect', () => process.exit());
  const { handler } = await import(pathToFileURL(process.argv[2] ?? '').href);
  process.on('message', async (invocation: Invocation) => {
    try {
      const result: unknown = await handler(invocation.event, contextOf(invocation));
      send({ payload: JSON.stringify(result) ?? 'null' });
    } catch (error) {
      send({ error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    }
  });
  send({ payload: 'ready' });
}
