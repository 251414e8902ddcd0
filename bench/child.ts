// Runs one function as Lambda would, in a process of its own, and measures it. `child.mjs FILE [cold]`: with
// `cold`, one batch of ten right away; else batches as they are ordered. An empty FILE is an empty process.
import type { SQSRecord } from 'aws-lambda';
import { type Batch, recordsOf } from './events.ts';

export type Order = { batch: Batch } | { event: unknown };

export interface Run {
  ms: number;
  /** User and system time of the whole process, compiler and garbage collector included. */
  cpuMs: number;
  /** The most memory the process ever held. */
  peakMb: number;
  failed: string[];
  /** What the function answered, or the error it threw. */
  answer?: unknown;
  error?: string;
}

type Handler = (event: unknown, context: object) => Promise<unknown>;

const [, , file = '', cold] = process.argv;
const functionMs = Number(process.env.FUNCTION_MS ?? 900_000);

/** Not by `import`, which loads more of it than most bundles do: they should pay for it themselves. */
const { readFileSync } = process.getBuiltinModule('node:fs');

/** Linux keeps a peak that starts with the program; elsewhere the parent's may shine through. */
const peakMb = (): number => {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
};

const cpuMsOf = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;

/** As the event source mapping reads it: a throw, and a function that ran out of time, fail the whole batch. */
const failedOf = (answer: unknown, records: SQSRecord[]): string[] => {
  const failures = (answer as { batchItemFailures?: { itemIdentifier: string }[] } | null)?.batchItemFailures;
  return failures ? failures.map(({ itemIdentifier }) => itemIdentifier) : records.map(r => r.messageId);
};

const invoke = async (handler: Handler, event: unknown): Promise<Run> => {
  const records = (event as { Records?: SQSRecord[] }).Records ?? [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  const context = {
    awsRequestId: '8a7d0e5e-0000-4000-8000-000000000000',
    functionName: 'bench',
    memoryLimitInMB: '1024',
    getRemainingTimeInMillis: () => functionMs - (performance.now() - start),
  };
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the function ran out of time')), functionMs);
  });
  const measured = () => ({
    ms: performance.now() - start,
    cpuMs: cpuMsOf(process.cpuUsage(cpu)),
    peakMb: peakMb(),
  });
  try {
    const answer = await Promise.race([handler(event, context), timeout]);
    return { ...measured(), failed: failedOf(answer ?? { batchItemFailures: [] }, records), answer };
  } catch (error) {
    const failed = records.map(({ messageId }) => messageId);
    return { ...measured(), failed, error: `${(error as Error).name}: ${(error as Error).message}` };
  } finally {
    clearTimeout(timer);
  }
};

const send = (message: object) => new Promise(resolve => process.send?.(message, resolve));

const before = performance.now();
const handler: Handler = file ? (await import(file)).handler : async () => undefined;
const importMs = performance.now() - before;

if (cold) {
  const records = file ? recordsOf({ receipts: 10, cases: 10 }) : [];
  const run = await invoke(handler, { Records: records });
  await send({
    ...run,
    importMs,
    readyMs: performance.now(),
    processCpuMs: cpuMsOf(process.cpuUsage()),
  });
  process.exit();
}
process.on('message', async (order: Order) => {
  await send(await invoke(handler, 'event' in order ? order.event : { Records: recordsOf(order.batch) }));
});
await send({});
