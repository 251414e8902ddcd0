// Discarded letters are on the disk, whole, before anything is removed; and what is there can be sent back.
import { spawn } from 'node:child_process';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { createArchive, isArchived, readArchived } from '../../lib/dead-letters/archive.ts';
import { discard } from '../../lib/dead-letters/discard.ts';
import { createQueue } from '../../lib/sqs/queue.ts';
import { useFolder } from '../folder.ts';
import { type Pair, receipt, string, useLetterQueues } from '../letter-queues.ts';

// A command of its own starts slowly on a machine that is busy.
jest.setTimeout(60_000);
const queues = await useLetterQueues();
let pair: Pair;
const folder = useFolder();
let file: string;
let handles: FileHandle;

beforeAll(async () => {
  const handle = await open(folder);
  // The platform's own file handles, in a mood.
  handles = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
});
beforeEach(() => {
  pair = queues.openPair();
  file = path.join(folder, `${crypto.randomUUID()}.jsonl`);
});
afterEach(() => jest.restoreAllMocks());

// More than one batch.
const bodies = ['\u2028', '\u2029', '\u0085', '\r', '\n', '\r\n', '票', '"\\', '\t'].flatMap(each =>
  ['a', 'b', 'c'].map(which => `${which}${each}after`),
);
const own = { tenant: string('a\u2028\nb'), blob: { DataType: 'Binary.gz', BinaryValue: 'AP+A' } };
const fill = () => {
  for (const body of bodies) pair.put(body, { code: 'malformed', own });
};
const run = async () => {
  const archive = createArchive(file);
  const { counts, trouble } = await discard(createQueue(pair.lettersUrl), {}, archive.write);
  await archive.close();
  return { counts, trouble, holdsLetters: archive.holdsLetters() };
};
/** The lines of a file that ends in a whole one, as `send` reads them. */
const archived = async () => {
  const whole = await readFile(file, 'utf8').catch(() => '');
  expect(whole === '' || whole.endsWith('\n')).toBe(true);
  return whole
    .split('\n')
    .slice(0, -1)
    .map(line => {
      const value: unknown = JSON.parse(line);
      expect(isArchived(value)).toBe(true);
      const read = readArchived(value);
      if ('wrong' in read) throw new Error(read.wrong);
      return read.message;
    });
};
const bodiesOf = (messages: { body: string }[]) => messages.map(({ body }) => body).sort();

test('every letter, whole, whatever characters it has; with when it was sent, where no failure tells it', async () => {
  fill();
  pair.put('?');
  const before = pair.letters();
  expect(await run()).toMatchObject({
    counts: { discarded: bodies.length + 1, failed: 0, remaining: 0 },
    holdsLetters: true,
  });
  const read = await archived();
  expect(bodiesOf(read)).toEqual(bodiesOf(before));
  for (const { body, attributes } of read) {
    const [{ messageAttributes = {}, sentTimestamp = 0 } = {}] = before.filter(each => each.body === body);
    const sent_at = { DataType: 'Number', StringValue: String(sentTimestamp) };
    const bytes = Buffer.from(attributes.blob?.BinaryValue ?? []).toString('base64');
    const blob = attributes.blob && { blob: { ...attributes.blob, BinaryValue: bytes } };
    expect({ ...attributes, ...blob }).toEqual(body === '?' ? { sent_at } : messageAttributes);
  }
});

type Write = (bytes: Buffer, from: number, length: number, at: number) => Promise<{ bytesWritten: number }>;
const spoilWrites = (spoil: (write: Write, calls: number) => Write) => {
  const write = handles.write as unknown as Write;
  let calls = 0;
  jest.spyOn(handles, 'write').mockImplementation(function (this: FileHandle, ...given: unknown[]) {
    return spoil(write.bind(this), ++calls)(...(given as Parameters<Write>));
  } as never);
};

test('writes that take a part of the bytes are gone on with', async () => {
  fill();
  spoilWrites(write => (bytes, from, length, at) => write(bytes, from, Math.min(7, length), at));
  expect(await run()).toMatchObject({ counts: { discarded: bodies.length } });
  expect(bodiesOf(await archived())).toEqual([...bodies].sort());
});

test.each<[string, number, () => void]>([
  [
    'the disk is full in the middle of the second batch',
    10,
    () =>
      spoilWrites((write, calls) => async (bytes, from, length, at) => {
        if (calls > 2) throw new Error('ENOSPC: no space left on device, write');
        return write(bytes, from, calls === 1 ? length : 30, at);
      }),
  ],
  ['a write takes nothing and says so', 0, () => spoilWrites(() => async () => ({ bytesWritten: 0 }))],
  [
    'what was written does not reach the disk',
    0,
    () => jest.spyOn(handles, 'sync').mockRejectedValue(new Error('EIO')),
  ],
])('%s: only the %i letters that are there are removed', async (_, discarded, spoil) => {
  fill();
  spoil();
  const { counts, trouble, holdsLetters } = await run();
  expect(counts).toMatchObject({ discarded, remaining: bodies.length - discarded, stopped: 'interrupted' });
  expect(trouble).toContain('archive cannot be written');
  expect(holdsLetters).toBe(discarded > 0);
  const read = await archived();
  expect(read).toHaveLength(discarded);
  expect(bodiesOf([...read, ...pair.letters()])).toEqual([...bodies].sort());
});

test('nothing is removed before it is on the disk', async () => {
  fill();
  const steps: string[] = [];
  const { sync } = handles;
  jest.spyOn(handles, 'sync').mockImplementation(async function (this: FileHandle) {
    await sync.call(this);
    steps.push('sync');
  });
  queues.proxy.intercept = (call, forward) => {
    if (call.action === 'DeleteMessageBatch') steps.push('delete');
    return forward();
  };
  await run();
  queues.proxy.intercept = undefined;
  expect(steps.indexOf('sync')).toBe(0);
  expect(steps).toContain('delete');
});

test('an existing file is left as it is', async () => {
  pair.put('?');
  await (await open(file, 'w')).close();
  expect((await run()).trouble).toContain('EEXIST');
  expect(pair.letters()).toHaveLength(1);
});

test('a file that may not grow any more: exit 1, each letter is in the file or in the queue', async () => {
  const COUNT = 150;
  for (let i = 0; i < COUNT; i++) pair.put(receipt(`c${i}`, { fat: 'x'.repeat(1_000) }), { code: 'failed' });
  // 64 blocks of 512 or 1,024 bytes: write() takes what fits, and fails the next time.
  const command = `ulimit -f 64; exec "${process.execPath}" .build/cli/main.mjs discard --code failed --yes --json --archive "${file}"`;
  const child = spawn('sh', ['-c', command], {
    env: { ...process.env, QUEUE_URL: pair.receiptsUrl, DEAD_LETTER_QUEUE_URL: pair.lettersUrl },
  });
  const ended = new Promise(resolve => child.once('exit', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  expect(code).toBe(1);
  expect(err).toContain('archive cannot be written');
  const read = await archived();
  expect(read.length).toBeGreaterThan(0);
  expect(JSON.parse(out)).toMatchObject({ discarded: read.length, remaining: COUNT - read.length });
  expect(read.length).toBeLessThan(COUNT);
  expect([...bodiesOf(read), ...bodiesOf(pair.letters())]).toHaveLength(COUNT);
  expect(new Set([...bodiesOf(read), ...bodiesOf(pair.letters())]).size).toBe(COUNT);
});
