// discard: written to the disk first, and send reads it back.
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { receipt, string } from '../letter-queues.ts';
import { refuseEntries } from '../queue-proxy.ts';
import { bodies, flat, json, onTerminal, tooLong, useCommandLine } from './command-line.ts';

const line = await useCommandLine();

test('a dry run: how many by code, which, and changes nothing', async () => {
  line.fill();
  const { out, code } = await line.relay('discard --code forbidden --dry-run');
  expect(code).toBe(0);
  expect(out).toMatch(/^Would discard 2 dead letters of receipts-\S+-dead-letters\./);
  expect(out).toMatch(/^forbidden +2$/m);
  expect(out).toContain('{"case_id":"a"}');
  // The time of the real run is not known yet.
  expect(flat(out)).toContain(' They would be written to a file named by the time first, and then removed');
  expect(tooLong(out)).toEqual([]);
  expect(json(await line.relay('discard --dry-run --json'))).toMatchObject({
    matched: 4,
    discarded: 0,
    from: line.pair.lettersUrl,
    preview: { letters: 4 },
  });
  expect(line.pair.letters()).toHaveLength(4);
  expect(await readdir(line.folder)).toEqual([]);
});

onTerminal('the question says the same, and yes is yes', async () => {
  line.fill();
  const { screen, code } = await line.onTerminal('discard --code malformed --archive asked.jsonl', 'y');
  expect(code).toBe(0);
  expect(screen).toContain('\\u009b31mnot \\u202ejson');
  expect(screen).toMatch(/Discard 1 dead letter of receipts-\S+-dead-letters\? \[y\/N\]/);
  expect(screen).toContain('\n  npx read-receipt-relay send asked.jsonl\n');
  expect(line.pair.letters()).toHaveLength(3);
});

test('writes to the disk first, and send reads it back to the same messages', async () => {
  const own = {
    tenant: string('é'),
    blob: { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255]).toString('base64') },
    count: { DataType: 'Number.int', StringValue: '1' },
  };
  line.pair.put(' {"case_id":"a"} \n', { code: 'forbidden', own, replays: 2 });
  line.pair.put('line\nbreak', { code: 'malformed' });
  line.pair.put(receipt('stays'), { code: 'failed' });
  const before = line.pair.letters().map(({ body, messageAttributes }) => ({ body, messageAttributes }));
  const discarded = await line.relay('discard --code forbidden,malformed --archive gone.jsonl --yes --json');
  expect(discarded.code).toBe(0);
  const counts = { matched: 2, discarded: 2, failed: 0, remaining: 1, archive: 'gone.jsonl' };
  expect(json(discarded)).toMatchObject(counts);
  expect(bodies(line.pair.letters())).toEqual(['{"case_id":"stays"}']);
  expect((await stat(path.join(line.folder, 'gone.jsonl'))).mode & 0o077).toBe(0);

  expect((await line.relay('send gone.jsonl')).code).toBe(0);
  const after = line.pair.receipts().map(({ body, messageAttributes }) => ({ body, messageAttributes }));
  expect(after).toEqual(expect.arrayContaining(before.slice(0, 2)));
  expect(after).toHaveLength(2);

  // Never into a file that is there, and nothing is removed without it.
  for (const [file, words] of [
    [
      'gone.jsonl',
      'There is a file gone.jsonl already, and letters are never mixed with what it holds: name',
    ],
    ['no/where.jsonl', 'nothing is removed without it: no/where.jsonl: no such file or directory.'],
  ]) {
    const { code, err } = await line.relay(`discard --archive ${file} --yes`);
    expect([code, flat(err)]).toEqual([1, expect.stringContaining(`${words}`)]);
    expect(line.pair.letters()).toHaveLength(1);
  }
});

test('what could not be removed is a shortfall', async () => {
  for (let i = 0; i < 10; i++) line.pair.put(receipt(`c${i}`));
  line.queues.proxy.intercept = refuseEntries('DeleteMessageBatch', index => index === 3);
  const discarded = await line.relay('discard --yes --json');
  expect(discarded.code).toBe(1);
  const counts = json(discarded);
  expect(counts).toMatchObject({ discarded: 9, failed: 1, remaining: 1 });
  const archive = await readFile(path.join(line.folder, counts.archive), 'utf8');
  expect(archive.trim().split('\n')).toHaveLength(10);
});
