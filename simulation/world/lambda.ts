import type { SQSRecord } from 'aws-lambda';
import { MINUTE_MS, type Owner, type Scheduled } from '../engine/clock.ts';
import type { Held } from '../model.ts';
import type { Parts } from './parts.ts';
import type { Queue } from './sqs.ts';

// As serverless.yml has them.
const BATCH_SIZE = 1000;
const WINDOW_MS = 5_000;
const MOST_AT_ONCE = 2;
const FUNCTION_MS = 30_000;
/** What is left when our code begins to look at the clock. */
const ENTRY_MS = 20;
const INIT_MS = 250;
const MOST_SKEW_MS = 1_000;

/** What the function is made of, as far as its runtime calls it. */
interface Handler {
  relay: (records: SQSRecord[], remainingMs: number) => Promise<PromiseSettledResult<void>[]>;
  prepare: () => Promise<void>;
}

interface Sandbox {
  owner: Owner;
  /** Since its cold start. */
  handler?: Handler;
  /** Its idle end, or its timeout. */
  end?: Scheduled | undefined;
  /** A deploy has replaced it. */
  isOld?: boolean;
}

const recordOf = (held: Held): SQSRecord => ({
  messageId: held.id,
  receiptHandle: held.handle,
  body: held.body,
  attributes: {
    ApproximateReceiveCount: String(held.receives),
    SentTimestamp: String(Math.floor(held.sentAt)),
    SenderId: 'sender',
    ApproximateFirstReceiveTimestamp: String(Math.floor(held.firstReceivedAt ?? 0)),
    ...(held.groupId && { MessageGroupId: held.groupId }),
    ...(held.traceHeader && { AWSTraceHeader: held.traceHeader }),
  },
  messageAttributes: Object.fromEntries(
    Object.entries(held.attributes).map(([name, { DataType = '', StringValue }]) => [
      name,
      { dataType: DataType, ...(StringValue !== undefined && { stringValue: StringValue }) },
    ]),
  ),
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:ap-southeast-1:123456789012:receipts',
  awsRegion: 'ap-southeast-1',
});

/**
 * The event source mapping and the sandboxes of the function.
 *
 * @param start builds the function's parts in a new sandbox
 */
export const createLambda = (
  { clock, random: randomFor, faults, oracle, alarms }: Parts,
  queue: Queue,
  start: () => Handler,
) => {
  const random = randomFor('lambda');
  const { world } = clock;
  const idle: Sandbox[] = [];
  const busy = new Map<Owner, Sandbox>();
  let gathering: Held[] | undefined;
  let closing: Scheduled | undefined;
  let sandboxes = 0;
  let doomed: Owner['doom'];

  const cancel = (event: Scheduled | undefined) => {
    if (event) event.run = undefined;
  };

  const wake = () => {
    if (faults.on('paused')) return;
    if (!gathering) {
      if (busy.size >= MOST_AT_ONCE || queue.visible() === 0) return;
      const batch = queue.receive(BATCH_SIZE);
      if (batch.length === 0) {
        // Long polls come again; a miss costs some time only.
        if (queue.visible() > 0) clock.after(world, 500, wake);
        return;
      }
      gathering = batch;
      closing = clock.after(world, WINDOW_MS, close);
    } else gathering.push(...queue.receive(BATCH_SIZE - gathering.length));
    if (gathering.length >= BATCH_SIZE) close();
  };

  const close = () => {
    cancel(closing);
    const batch = gathering ?? [];
    gathering = undefined;
    invoke(batch);
    wake();
  };

  const create = (): Sandbox => {
    const owner = clock.createOwner(`sandbox ${++sandboxes}`, random.between(-MOST_SKEW_MS, MOST_SKEW_MS));
    owner.doom = doomed;
    doomed = undefined;
    return { owner };
  };

  const invoke = (batch: Held[]) => {
    const sandbox = idle.pop() ?? create();
    const { owner } = sandbox;
    busy.set(owner, sandbox);
    cancel(sandbox.end);
    if (faults.on('kills') && random.chance(0.2))
      owner.doom = { calls: random.int(1, random.chance(0.5) ? 4 : 30), sends: random.chance(0.5) };
    clock.thaw(owner);
    const begin = ({ relay }: Handler) => {
      sandbox.end = clock.after(world, FUNCTION_MS, () => end(sandbox, 'timed out'));
      oracle.invoked(owner, batch);
      relay(batch.map(recordOf), FUNCTION_MS - ENTRY_MS).then(
        results => clock.after(world, 0, () => answer(sandbox, batch, results)),
        () => clock.after(world, 0, () => end(sandbox, 'threw')),
      );
    };
    const { handler } = sandbox;
    if (handler) clock.after(owner, 0, () => begin(handler));
    else
      clock.after(owner, INIT_MS, () => {
        const started = start();
        sandbox.handler = started;
        started.prepare().then(() => clock.after(owner, 0, () => begin(started)));
      });
  };

  const answer = (sandbox: Sandbox, batch: Held[], results: PromiseSettledResult<void>[]) => {
    const { owner } = sandbox;
    if (owner.state === 'dead') return;
    for (const [index, held] of batch.entries()) {
      if (results[index]?.status !== 'fulfilled') continue;
      oracle.acknowledged(owner, held);
      // The mapping's delete is lost now and then; the message comes again.
      if (!faults.on('sqs_outage') || random.chance(0.5)) queue.delete(held.handle);
    }
    end(sandbox);
  };

  /** @param trouble how it ended, where it did not answer */
  const end = (sandbox: Sandbox, trouble?: 'threw' | 'timed out' | 'killed') => {
    const { owner } = sandbox;
    if (!busy.delete(owner)) return;
    cancel(sandbox.end);
    owner.doom = undefined;
    if (trouble) alarms.record('Errors', 1);
    if (trouble && trouble !== 'killed') oracle.fail('the function answers in time', `it ${trouble}`);
    if (trouble === 'timed out' || sandbox.isOld || faults.on('cold')) owner.state = 'dead';
    if (owner.state === 'running') {
      owner.state = 'frozen';
      idle.push(sandbox);
      sandbox.end = clock.after(world, random.between(5, 15) * MINUTE_MS, () => {
        idle.splice(idle.indexOf(sandbox), 1);
        owner.state = 'dead';
      });
    }
    wake();
  };

  queue.listen(wake);

  return {
    wake,
    /** The next new sandbox dies at this call of its own. */
    doomNext(doom: Owner['doom']) {
      doomed = doom;
    },
    /** A process died at a call: Lambda notices a little later. */
    killed(owner: Owner) {
      const sandbox = busy.get(owner);
      if (sandbox) clock.after(world, 100, () => end(sandbox, 'killed'));
    },
    deploy() {
      for (const { owner, end } of idle.splice(0)) {
        cancel(end);
        owner.state = 'dead';
      }
      for (const sandbox of busy.values()) sandbox.isOld = true;
    },
  };
};
