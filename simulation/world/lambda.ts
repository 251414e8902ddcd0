import type { SQSRecord } from 'aws-lambda';
import type { Clock, Owner, Scheduled } from '../engine/clock.ts';
import type { Random } from '../engine/random.ts';
import type { Faults } from './faults.ts';
import type { Held, Queue } from './sqs.ts';

// As serverless.yml has them.
const BATCH_SIZE = 1000;
const WINDOW_MS = 5_000;
const MOST_AT_ONCE = 2;
const FUNCTION_MS = 30_000;
/** What is left when our code begins to look at the clock. */
const ENTRY_MS = 20;
const INIT_MS = 250;
const MOST_SKEW_MS = 1_000;
const MINUTE_MS = 60_000;

interface Parts {
  relay: (records: SQSRecord[], remainingMs: number) => Promise<PromiseSettledResult<void>[]>;
  /** What the function does while it initialises. */
  prepare: () => Promise<void>;
}

interface Sandbox {
  owner: Owner;
  /** Since its cold start. */
  parts?: Parts;
  /** Its idle end. */
  end?: Scheduled | undefined;
  timeout?: Scheduled | undefined;
  /** What it works on. */
  batch?: Held[] | undefined;
  /** A deploy has replaced it. */
  isOld?: boolean;
}

interface Options {
  clock: Clock;
  random: Random;
  faults: Faults;
  queue: Queue;
  /** Builds the function's parts in a new sandbox. */
  start: () => Parts;
  onInvoked: (owner: Owner, batch: Held[]) => void;
  /** What is acknowledged is deleted next. */
  onAcknowledged: (owner: Owner, held: Held) => void;
  onEnded: (how: 'answered' | 'threw' | 'timed_out' | 'killed') => void;
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

/** The event source mapping and the sandboxes of the function. */
export const createLambda = (options: Options) => {
  const { clock, random, faults, queue, start, onInvoked, onAcknowledged, onEnded } = options;
  const idle: Sandbox[] = [];
  const busy = new Map<Owner, Sandbox>();
  let gathering: Held[] | undefined;
  let closing: Scheduled | undefined;
  let sandboxes = 0;
  let doomed: Owner['doom'];

  const wake = () => {
    if (faults.on('paused')) return;
    if (!gathering) {
      if (busy.size >= MOST_AT_ONCE || queue.visible === 0) return;
      const batch = queue.receive(BATCH_SIZE);
      if (batch.length === 0) {
        // Long polls come again; a miss costs some time only.
        if (queue.visible > 0) clock.after(clock.world, 500, wake);
        return;
      }
      gathering = batch;
      closing = clock.after(clock.world, WINDOW_MS, close);
    } else gathering.push(...queue.receive(BATCH_SIZE - gathering.length));
    if (gathering.length >= BATCH_SIZE) close();
  };

  const close = () => {
    if (closing) closing.run = undefined;
    const batch = gathering ?? [];
    gathering = undefined;
    invoke(batch);
    wake();
  };

  const create = (): Sandbox => {
    const owner = clock.createOwner(`sandbox ${++sandboxes}`);
    owner.skewMs = random.between(-MOST_SKEW_MS, MOST_SKEW_MS);
    owner.doom = doomed;
    doomed = undefined;
    return { owner };
  };

  const invoke = (batch: Held[]) => {
    const known = idle.pop();
    const sandbox = known ?? create();
    const { owner } = sandbox;
    busy.set(owner, sandbox);
    sandbox.batch = batch;
    if (sandbox.end) sandbox.end.run = undefined;
    if (faults.on('kills') && random.chance(0.2))
      owner.doom = { calls: random.int(1, random.chance(0.5) ? 4 : 30), sends: random.chance(0.5) };
    clock.thaw(owner);
    const begin = () => {
      sandbox.timeout = clock.after(clock.world, FUNCTION_MS, () => end(sandbox, 'timed_out'));
      onInvoked(owner, batch);
      (sandbox.parts as Parts).relay(batch.map(recordOf), FUNCTION_MS - ENTRY_MS).then(
        results => answer(sandbox, results),
        () => clock.after(clock.world, 0, () => end(sandbox, 'threw')),
      );
    };
    if (known) clock.after(owner, 0, begin);
    else {
      clock.after(owner, INIT_MS, () => {
        sandbox.parts = start();
        sandbox.parts.prepare().then(() => clock.after(owner, 0, begin));
      });
    }
  };

  const answer = (sandbox: Sandbox, results: PromiseSettledResult<void>[]) =>
    clock.after(clock.world, 0, () => {
      const { owner, batch = [] } = sandbox;
      if (owner.state === 'dead') return;
      for (const [index, held] of batch.entries()) {
        if (results[index]?.status !== 'fulfilled') continue;
        onAcknowledged(owner, held);
        // The mapping's delete is lost now and then; the message comes again.
        if (!faults.on('sqs_outage') || random.chance(0.5)) queue.delete(held.handle);
      }
      end(sandbox, 'answered');
    });

  const end = (sandbox: Sandbox, how: 'answered' | 'threw' | 'timed_out' | 'killed') => {
    const { owner } = sandbox;
    if (!busy.delete(owner)) return;
    if (sandbox.timeout) sandbox.timeout.run = undefined;
    sandbox.batch = undefined;
    owner.doom = undefined;
    onEnded(how);
    if (how === 'timed_out' || sandbox.isOld || faults.on('cold')) clock.kill(owner);
    if (owner.state !== 'dead') {
      clock.freeze(owner);
      idle.push(sandbox);
      sandbox.end = clock.after(clock.world, random.between(5, 15) * MINUTE_MS, () => {
        idle.splice(idle.indexOf(sandbox), 1);
        clock.kill(owner);
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
      if (sandbox) clock.after(clock.world, 100, () => end(sandbox, 'killed'));
    },
    deploy() {
      for (const sandbox of idle.splice(0)) {
        if (sandbox.end) sandbox.end.run = undefined;
        clock.kill(sandbox.owner);
      }
      for (const sandbox of busy.values()) sandbox.isOld = true;
    },
  };
};

export type Lambda = ReturnType<typeof createLambda>;
