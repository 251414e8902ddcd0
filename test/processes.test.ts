// What only real processes and sockets show: the packaged function as Lambda runs it, killed, frozen, out of time
// and with broken connections. What takes days, or chance in great numbers, is the simulation's.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from '../local/build.ts';
import type { Fault } from '../local/huawei/faults.ts';
import type { LoggedRequest } from '../local/huawei/requests.ts';
import { startEventSourceMapping } from '../local/lambda/event-source-mapping.ts';
import { startFunction } from '../local/lambda/function.ts';
import { bundleOf } from '../local/serverless.ts';
import { openWorld } from '../local/world.ts';
import { fabricated, receipt } from './environment.ts';
import { record } from './output/printed.ts';

/** What is killed comes back after it. */
const VISIBILITY_SECONDS = 3;
/** Back-offs, visibility timeouts and a machine that does other things too. */
const PATIENCE_MS = 120_000;
const MB = 1024 * 1024;

await build();
const world = await openWorld();
afterAll(world.close);

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Setup {
  faults?: Fault[];
  env?: Record<string, string>;
  timeoutMs?: number;
}

/** A queue, a Huawei Cloud and the packaged function, which reads the queue as soon as `read` is called. */
const open = async ({ faults = [], env = {}, timeoutMs = 10_000 }: Setup = {}) => {
  const place = await world.open({ openCases: true, faults }, undefined, {
    VisibilityTimeout: String(VISIBILITY_SECONDS),
  });
  closing.push(place.close);
  const lambda = startFunction({
    bundle: bundleOf('mark-as-read'),
    env: { ...place.variables, ...env },
    timeoutMs,
    onLine: line => record(`${line}\n`),
  });
  closing.push(lambda.stop);
  const errors: string[] = [];
  const { huawei, receipts, deadLetters } = place;
  return {
    ...place,
    lambda,
    /** Why batches failed as a whole. */
    errors: () => errors,
    /** Sends receipts, and notes that a person has read each of the cases now. */
    send(caseIds: string[]) {
      for (const id of caseIds) receipts.put(receipt(id, { read_at: huawei.osm.read(id) }));
    },
    unread: (caseIds: string[]) => caseIds.filter(id => huawei.osm.unread(id) !== 0),
    dead: () =>
      deadLetters
        .all()
        .map(({ body, messageAttributes }) => `${body} ${messageAttributes.failure_code?.StringValue}`),
    read() {
      const mapping = startEventSourceMapping({
        consumer: place.consumer,
        invoke: lambda.invoke,
        batchSize: 100,
        windowSeconds: 0.2,
        onError: ({ message }) => errors.push(message),
      });
      closing.push(mapping.stop);
    },
    async settled() {
      while (receipts.all().length > 0) await sleep(50);
    },
  };
};

const cases = (count: number) => Array.from({ length: count }, (_, index) => `case-${index}`);

test(
  'killed amid its batches, on connections that break: nothing is lost, only what is malformed is dead',
  async () => {
    const someMarks = ({ kind }: { kind: string }) => kind === 'mark' && Math.random() < 0.2;
    const place = await open({
      faults: [
        { does: 'slow', ms: 150, match: { kind: 'mark' } },
        { does: 'reset', times: 10, match: someMarks },
        { does: 'half', times: 10, match: someMarks },
        { does: 'lose', times: 10, match: someMarks },
        { does: 'not_http', times: 5, match: someMarks },
      ],
    });
    const ids = cases(300);
    place.send(ids);
    for (const body of ['?', '{}']) place.receipts.put(body);
    place.read();
    for (let kill = 1; kill <= 3; kill++) {
      const before = place.huawei.osm.marks;
      while (place.huawei.osm.marks < before + 20 && place.receipts.all().length > 0) await sleep(5);
      await place.lambda.stop();
    }
    await place.settled();
    expect(place.errors()).toContainEqual(expect.stringContaining('was killed'));
    expect(place.unread(ids)).toEqual([]);
    expect(place.huawei.osm.hidden()).toEqual([]);
    // A kill between its sending and the batch's end makes a dead letter twice.
    expect(new Set(place.dead())).toEqual(new Set(['? malformed', '{} invalid']));
  },
  PATIENCE_MS,
);

test(
  'frozen past its time: Lambda ends the process, and the batch comes back',
  async () => {
    const place = await open({ timeoutMs: 2_000 });
    const freeze = ({ kind }: LoggedRequest) => {
      if (kind !== 'mark') return false;
      for (const pid of place.lambda.pids()) process.kill(pid, 'SIGSTOP');
      return true;
    };
    place.huawei.faults.add({ does: 'hang', times: 1, match: freeze });
    place.send(['case']);
    place.read();
    await place.settled();
    while (place.errors().length === 0) await sleep(50);
    expect(place.errors()).toContain('Task timed out after 2.00 seconds');
    expect(place.unread(['case'])).toEqual([]);
    expect(place.dead()).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  '10,000 receipts, the largest batch of all, stay far within the memory of the function',
  async () => {
    const place = await open({ env: { MAX_REQUESTS_PER_SECOND: '100000' }, timeoutMs: PATIENCE_MS });
    const records = cases(10_000).map(id =>
      fabricated(receipt(id, { language: 'en-us', group_id: 'g'.repeat(32) })),
    );
    expect(JSON.parse(await place.lambda.invoke({ Records: records }))).toEqual({ batchItemFailures: [] });
    expect(place.huawei.osm.marks).toBe(10_000);
    const [pid] = place.lambda.pids();
    const peakKb = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    // serverless.yml gives 512 MB.
    expect(Number(peakKb) * 1024).toBeLessThan(300 * MB);
  },
  PATIENCE_MS,
);
