// The command line as a person and a script have it: a process, its output, its exit code, and the queues after it.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { awsEnvironment, openLetterQueues, type Pair, receipt, string } from '../letter-queues.ts';
import { refuseCalls, refuseEntries } from '../queue-proxy.ts';

jest.setTimeout(30_000);
const CLI = path.resolve('handlers/cli.ts');
let queues: Awaited<ReturnType<typeof openLetterQueues>>;
let pair: Pair;
let folder: string;

beforeAll(async () => {
  queues = await openLetterQueues();
  folder = await mkdtemp(path.join(tmpdir(), 'relay-cli-'));
});
afterAll(async () => {
  await queues.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  queues.proxy.intercept = undefined;
  queues.proxy.calls.length = 0;
  pair = queues.openPair();
});

interface Given {
  env?: Record<string, string>;
  input?: string;
  onStart?: (child: ChildProcess) => void;
}
const relay = async (args: string[], { env = {}, input = '', onStart }: Given = {}) => {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      ...awsEnvironment,
      QUEUE_URL: pair.receiptsUrl,
      DEAD_LETTER_QUEUE_URL: pair.lettersUrl,
      ...env,
    },
  });
  onStart?.(child);
  child.stdin.end(input);
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  expect(out + err).not.toMatch(/^\s+at /m);
  return { out, err, code };
};
const json = ({ out }: { out: string }) => JSON.parse(out);
const bodies = (messages: { body: string }[]) => messages.map(({ body }) => body).sort();

const fill = () => {
  pair.put(receipt('a'), { code: 'forbidden', detail: 'OSM answered 200: no permission', agoMs: 7_200_000 });
  pair.put(receipt('b'), { code: 'forbidden', detail: 'OSM answered 200: no permission' });
  pair.put('\u009b31mnot json', { code: 'malformed', detail: 'the body is not JSON' });
  pair.put(receipt('d'), { own: { tenant: string('t-1') } });
};

describe('use', () => {
  const wrong: [name: string, args: string[], words: string][] = [
    ['no verb', [], 'Usage: relay'],
    ['an unknown verb', ['mend'], "unknown command 'mend'"],
    ['an unknown option', ['list', '--colour'], "unknown option '--colour'"],
    ['a wrong number', ['replay', '--limit', 'many'], 'whole number'],
    ['a wrong code', ['list', '--code', 'oops'], 'failure_code'],
    ['a wrong time', ['list', '--after', 'noon'], 'ISO 8601'],
    ['a wrong repair', ['replay', '--yes', '--set', 'colour=red'], 'no field colour'],
    ['a repair without a value', ['replay', '--yes', '--set', 'group_id'], 'FIELD=VALUE'],
    ['nobody to ask', ['replay'], '--yes'],
    ['nobody to ask about removing', ['discard'], '--yes'],
    ['a receipt both ways', ['send', '--case', 'a', 'file'], 'not both'],
  ];

  test('wrong use: exit code 2 and a sentence, and no queue is asked', async () => {
    const results = await Promise.all(wrong.map(([, args]) => relay(args)));
    for (const [index, { out, err, code }] of results.entries()) {
      const [name, , words] = wrong[index] as (typeof wrong)[number];
      expect({ name, code, out }).toEqual({ name, code: 2, out: '' });
      expect(err).toContain(words);
    }
    expect(queues.proxy.calls).toEqual([]);
  });

  test('each verb has help with an example', async () => {
    const verbs = ['send', 'status', 'list', 'show', 'replay', 'discard'];
    const results = await Promise.all(verbs.map(verb => relay([verb, '--help'])));
    for (const [index, { out, code }] of results.entries()) {
      expect(code).toBe(0);
      expect(out).toContain(`Example:\n  relay ${verbs[index]}`);
    }
  });
});

describe('trouble, in words', () => {
  test.each([
    ['no queues', { QUEUE_URL: '' }, 'QUEUE_URL', 2],
    ['a wrong URL', { DEAD_LETTER_QUEUE_URL: 'letters' }, 'DEAD_LETTER_QUEUE_URL', 2],
    ['nobody there', { DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1:9/0/x' }, 'connection refused', 1],
    ['no region', { AWS_REGION: '' }, 'region', 1],
  ])('%s', async (_, env, words, expected) => {
    const { err, code } = await relay(['list'], { env });
    expect(code).toBe(expected);
    expect(err).toContain(words);
  });

  test('no such queue', async () => {
    const { err, code } = await relay(['list'], { env: { DEAD_LETTER_QUEUE_URL: `${pair.lettersUrl}-not` } });
    expect(code).toBe(1);
    expect(err).toContain(`There is no queue ${pair.lettersUrl}-not`);
  });

  test.each(['status', 'list', 'replay', 'discard'])('no permission to %s', async verb => {
    queues.proxy.intercept = refuseCalls('GetQueueAttributes');
    const yes = ['replay', 'discard'].includes(verb) ? ['--yes'] : [];
    const { err, code } = await relay([verb, ...yes, '--json']);
    expect(code).toBe(1);
    expect(err).toContain('may not do this');
  });

  test('no AWS credentials', async () => {
    const none = {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: folder,
    };
    const { err, code } = await relay(['list'], { env: none });
    expect(code).toBe(1);
    expect(err).toContain('no AWS credentials');
  });
});

describe('look', () => {
  beforeEach(fill);

  test('status', async () => {
    const { out, code } = await relay(['status']);
    expect(code).toBe(0);
    expect(out).toMatch(/dead letters +4/);
    expect(out).toMatch(/forbidden +2 +2 h ago/);
    expect(json(await relay(['status', '--json']))).toMatchObject({
      dead_letter_queue: { visible: 4, hidden: 0 },
      by_code: { forbidden: 2, malformed: 1, unknown: 1 },
      sampled: 4,
      sample_is_whole: true,
    });
    expect(pair.letters()).toHaveLength(4);
  });

  test('list: groups and reasons for people, an entry a letter in JSON', async () => {
    const { out, code } = await relay(['list']);
    expect(code).toBe(0);
    expect(out).toMatch(/forbidden +2 .*no permission/);
    expect(out).toContain('--set group_id=GROUP');
    expect(out).not.toContain('\u009b');
    const { letters } = json(await relay(['list', '--code', 'forbidden', '--after', '1h', '--json']));
    expect(letters).toEqual([expect.objectContaining({ case_id: 'b', code: 'forbidden', replays: 0 })]);
    expect(pair.hidden()).toEqual([]);
  });

  test('show: everything about one', async () => {
    const [first, , , last] = pair.letters();
    const { out, code } = await relay(['show', last?.messageId ?? '']);
    expect(code).toBe(0);
    expect(out).toMatch(/Attribute tenant +t-1 \(String\)/);
    expect(out).toContain('{"case_id":"d"}');
    expect(json(await relay(['show', first?.messageId ?? '', '--json']))).toMatchObject({
      code: 'forbidden',
      failure: { attempts: 1 },
      body: '{"case_id":"a"}',
    });
    const missing = await relay(['show', 'nobody']);
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('no dead letter nobody') });
  });
});

describe('replay', () => {
  beforeEach(fill);

  test('a dry run shows what would go, and changes nothing', async () => {
    const { out, code } = await relay(['replay', '--dry-run', '--code', 'forbidden', '--set', 'group_id=g']);
    expect(code).toBe(0);
    expect(out).toContain('Would replay 2 dead letters');
    expect(out).toContain('{"case_id":"a","group_id":"g"}');
    expect(pair.receipts()).toEqual([]);
    expect(pair.letters()).toHaveLength(4);
  });

  test('what is repaired goes', async () => {
    const { out, code } = await relay([
      'replay',
      '--code',
      'forbidden',
      '--set',
      'group_id=g',
      '--yes',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      scanned: 4,
      matched: 2,
      guarded: 0,
      replayed: 2,
      failed: 0,
      duplicated: 0,
      remaining: 2,
      stopped: 'done',
    });
    expect(bodies(pair.receipts())).toEqual([
      '{"case_id":"a","group_id":"g"}',
      '{"case_id":"b","group_id":"g"}',
    ]);
  });

  test('what cannot be repaired is a shortfall', async () => {
    const { out, code } = await relay(['replay', '--set', 'group_id=g', '--yes']);
    expect(code).toBe(1);
    expect(out).toContain('Replayed 3 dead letters');
    expect(out).toContain('1 were refused');
    expect(out).toContain('the body is not JSON');
    expect(bodies(pair.letters())).toEqual(['\u009b31mnot json']);
  });

  test('Ctrl-C: what was sent is deleted, the rest is visible, the numbers are true', async () => {
    for (let i = 0; i < 400; i++) pair.put(receipt(`c${i}`));
    let child: ChildProcess | undefined;
    queues.proxy.intercept = (call, forward) => {
      if (call.action === 'DeleteMessageBatch') child?.kill('SIGINT');
      return forward();
    };
    const started = relay(['replay', '--yes', '--json', '--rate', '40'], {
      onStart: started => {
        child = started;
      },
    });
    const { out, err, code } = await started;
    // The first Ctrl-C lets it end; fast fingers end it at once.
    if (code === 130) return;
    const counts = JSON.parse(out);
    expect(code).toBe(1);
    expect(err).toContain('Stopping');
    expect(counts).toMatchObject({ stopped: 'interrupted', failed: 0, duplicated: 0 });
    expect(pair.receipts()).toHaveLength(counts.replayed);
    expect(pair.letters()).toHaveLength(404 - counts.replayed);
    expect(pair.hidden()).toEqual([]);
  });
});

describe('discard', () => {
  test('writes to the disk first, and send reads it back to the same messages', async () => {
    const own = {
      tenant: string('é'),
      blob: { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255]).toString('base64') },
      count: { DataType: 'Number.int', StringValue: '1' },
    };
    pair.put(' {"case_id":"a"} \n', { code: 'forbidden', own, replays: 2 });
    pair.put('line\nbreak', { code: 'malformed' });
    pair.put(receipt('stays'), { code: 'failed' });
    const before = pair.letters().map(({ body, messageAttributes }) => ({ body, messageAttributes }));
    const args = [
      'discard',
      '--code',
      'forbidden',
      '--code',
      'malformed',
      '--archive',
      'gone.jsonl',
      '--yes',
      '--json',
    ];
    const { out, code } = await relay(args);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      matched: 2,
      discarded: 2,
      failed: 0,
      remaining: 1,
      archive: 'gone.jsonl',
    });
    expect(bodies(pair.letters())).toEqual(['{"case_id":"stays"}']);
    expect((await stat(path.join(folder, 'gone.jsonl'))).mode & 0o077).toBe(0);

    expect((await relay(['send', 'gone.jsonl'])).code).toBe(0);
    const after = pair.receipts().map(({ body, messageAttributes }) => ({ body, messageAttributes }));
    expect(after).toEqual(expect.arrayContaining(before.slice(0, 2)));
    expect(after).toHaveLength(2);

    // Never into a file that is there, and nothing is removed without it.
    const again = await relay(['discard', '--archive', 'gone.jsonl', '--yes']);
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('archive cannot be written') });
    expect(pair.letters()).toHaveLength(1);
  });

  test('what could not be removed is a shortfall', async () => {
    for (let i = 0; i < 10; i++) pair.put(receipt(`c${i}`));
    queues.proxy.intercept = refuseEntries('DeleteMessageBatch', index => index === 3);
    const { out, code } = await relay(['discard', '--yes', '--json']);
    expect(code).toBe(1);
    const counts = JSON.parse(out);
    expect(counts).toMatchObject({ discarded: 9, failed: 1, remaining: 1 });
    expect((await readFile(path.join(folder, counts.archive), 'utf8')).trim().split('\n')).toHaveLength(10);
  });
});

describe('send', () => {
  test('one receipt from options', async () => {
    const args = [
      'send',
      '--case',
      'a',
      '--group',
      'g',
      '--language',
      'en',
      '--time-zone',
      'GMT+8',
      '--read-at',
      '2026-01-31T09:30:00Z',
    ];
    expect(await relay(args)).toMatchObject({ code: 0, out: expect.stringContaining('Sent 1 message') });
    expect(pair.receipts().map(({ body }) => JSON.parse(body))).toEqual([
      { case_id: 'a', group_id: 'g', language: 'en', time_zone: 'GMT+8', read_at: '2026-01-31T09:30:00Z' },
    ]);
    expect((await relay(['send', '--case', ''])).code).toBe(1);
  });

  test('lines from standard input and a file, as they stand', async () => {
    const lines = [
      '{"case_id": "a"}',
      '',
      '{"detail-type":"x","detail":{"case_id":"b"}}',
      '{"body":"?","attributes":{}}',
    ];
    expect(json(await relay(['send', '--json'], { input: `\uFEFF${lines.join('\r\n')}` }))).toEqual({
      sent: 3,
      failed: 0,
    });
    expect(bodies(pair.receipts())).toEqual(['?', '{"case_id": "a"}', lines[2]].sort());
    await writeFile(path.join(folder, 'lines.jsonl'), `${lines.slice(2).join('\n')}\n`);
    expect(json(await relay(['send', '-', 'lines.jsonl', '--json'], { input: '{"case_id":"c"}' })).sent).toBe(
      3,
    );
  });

  test('a bad line: all are named by number, none is sent', async () => {
    const input = '{"case_id":"a"}\n{"case_id":""}\nnonsense\n{"body":1}\n';
    const { err, code } = await relay(['send'], { input });
    expect(code).toBe(1);
    for (const words of [
      'line 2: ',
      'must be 1 to 64 characters',
      'line 3: ',
      'not JSON',
      'line 4: body must be text',
      'nothing was sent',
    ])
      expect(err).toContain(words);
    expect(pair.receipts()).toEqual([]);
  });

  test('what SQS refuses says where to go on, and --from goes on', async () => {
    const input = Array.from({ length: 450 }, (_, i) => receipt(`c${i}`)).join('\n');
    let entries = 0;
    queues.proxy.intercept = (call, forward) => {
      if (call.action === 'SendMessageBatch') entries += call.body.Entries.length;
      if (entries <= 200) return forward();
      return { status: 400, body: { __type: 'com.amazonaws.sqs#RequestThrottled', message: 'slowly' } };
    };
    const file = path.join(folder, 'many.jsonl');
    await writeFile(file, input);
    const broken = await relay(['send', file, '--json']);
    expect(broken.code).toBe(1);
    expect(json(broken)).toMatchObject({ sent: 200, from: 201 });
    expect(broken.err).toContain('--from 201');
    queues.proxy.intercept = undefined;
    expect(json(await relay(['send', file, '--from', '201', '--json']))).toEqual({ sent: 250, failed: 0 });
    expect(new Set(bodies(pair.receipts())).size).toBe(450);
  });

  test('a file that is not there', async () => {
    expect(await relay(['send', 'nothing.jsonl'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing.jsonl cannot be read'),
    });
  });
});
