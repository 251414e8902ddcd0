// Discarded letters are on the disk, whole, before anything is removed; and what is there can be sent back.
import { spawn } from 'node:child_process';
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { createArchive, isArchived, readArchived } from '../../lib/dead-letters/archive.ts';
import { discard } from '../../lib/dead-letters/discard.ts';
import { createQueue } from '../../lib/sqs/queue.ts';
import { type Pair, receipt, string, useLetterQueues } from '../letter-queues.ts';

const queues = await useLetterQueues();
let pair: Pair;
let folder: string;
let file: string;
let handles: FileHandle;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'archive-'));
  const handle = await open(folder);
  // The platform's own file handles, in a mood.
  handles = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  pair = queues.openPair();
  file = path.join(folder, `${crypto.randomUUID()}.jsonl`);
});
afterEach(() => jest.restoreAllMocks());

const bodies = ['\u2028', '\u2029', '\u0085', '\r', '\n', '\r\n', '票', '"\\', '\t'].map(
  each => `before${each}after`,
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

test('every letter, whole, whatever characters it has', async () => {
  fill();
  const before = pair.letters();
  expect(await run()).toMatchObject({
    counts: { discarded: bodies.length, failed: 0, remaining: 0 },
    holdsLetters: true,
  });
  const read = await archived();
  expect(bodiesOf(read)).toEqual(bodiesOf(before));
  const [first] = before.filter(({ body }) => body === read[0]?.body);
  expect(read[0]?.attributes.tenant).toEqual(first?.messageAttributes.tenant);
  expect(read[0]?.attributes.failure).toEqual(first?.messageAttributes.failure);
  expect(Buffer.from(read[0]?.attributes.blob?.BinaryValue ?? []).toString('base64')).toBe('AP+A');
});

test('what nobody wrote a failure on carries when it was sent', async () => {
  pair.put('?');
  const sentAt = pair.letters()[0]?.sentTimestamp;
  await run();
  expect((await archived())[0]?.attributes).toEqual({
    sent_at: { DataType: 'Number', StringValue: String(sentAt) },
  });
});

type Write = (bytes: Buffer, from: number, length: number, at: number) => Promise<{ bytesWritten: number }>;
const spoilWrites = (spoil: (write: Write, calls: number) => Write) => {
  const write = handles.write as unknown as Write;
  let calls = 0;
  jest.spyOn(handles, 'write').mockImplementation(function (this: FileHandle, ...given: unknown[]) {
    return spoil(write.bind(this), ++calls)(...(given as Parameters<Write>));
  } as never);
};
const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

test('writes that take a part of the bytes are gone on with', async () => {
  fill();
  spoilWrites(write => (bytes, from, length, at) => write(bytes, from, Math.min(7, length), at));
  expect(await run()).toMatchObject({ counts: { discarded: bodies.length } });
  expect(bodiesOf(await archived())).toEqual([...bodies].sort());
});

test.each<[string, () => void]>([
  ['the first write fails', () => spoilWrites(() => () => Promise.reject(full))],
  [
    'the disk is full in the middle of a line',
    () =>
      spoilWrites((write, calls) =>
        calls === 1 ? (bytes, from, _, at) => write(bytes, from, 30, at) : () => Promise.reject(full),
      ),
  ],
  ['a write takes nothing and says so', () => spoilWrites(() => async () => ({ bytesWritten: 0 }))],
  [
    'what was written does not reach the disk',
    () => jest.spyOn(handles, 'sync').mockRejectedValue(new Error('EIO')),
  ],
])('%s: nothing is removed, in words', async (_, spoil) => {
  fill();
  spoil();
  const { counts, trouble, holdsLetters } = await run();
  expect(counts).toMatchObject({ discarded: 0, remaining: bodies.length, stopped: 'interrupted' });
  expect(trouble).toContain('archive cannot be written');
  expect(holdsLetters).toBe(false);
  expect(bodiesOf(pair.letters())).toEqual([...bodies].sort());
  expect(await archived()).toEqual([]);
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
