// send: from options, from files, from standard input.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { receipt } from '../letter-queues.ts';
import { bodies, json, useCommandLine } from './command-line.ts';

const line = await useCommandLine();

test('one receipt from options', async () => {
  const options = 'send --case a --group g --language en --time-zone GMT+8 --read-at 2026-01-31T09:30:00Z';
  expect(await line.relay(options)).toMatchObject({
    code: 0,
    out: expect.stringContaining('Sent 1 message'),
  });
  expect(line.pair.receipts().map(({ body }) => JSON.parse(body))).toEqual([
    { case_id: 'a', group_id: 'g', language: 'en', time_zone: 'GMT+8', read_at: '2026-01-31T09:30:00Z' },
  ]);
});

test('lines from standard input and a file, as they stand', async () => {
  const lines = [
    '{"case_id": "a"}',
    '',
    '{"detail-type":"x","detail":{"case_id":"b"}}',
    '{"body":"?","attributes":{}}',
  ];
  const sent = await line.relay('send --json', { input: `\uFEFF${lines.join('\r\n')}` });
  expect(json(sent)).toEqual({ sent: 3, failed: 0 });
  expect(bodies(line.pair.receipts())).toEqual(['?', '{"case_id": "a"}', lines[2]].sort());
  await writeFile(path.join(line.folder, 'lines.jsonl'), `${lines.slice(2).join('\n')}\n`);
  const more = await line.relay('send - lines.jsonl --json', { input: '{"case_id":"c"}' });
  expect(json(more).sent).toBe(3);
});

test('a bad line: all are named by number, none is sent', async () => {
  const input = '{"case_id":"a"}\n{"case_id":""}\nnonsense\n{"body":1}\n';
  const { err, code } = await line.relay('send', { input });
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
  expect(line.pair.receipts()).toEqual([]);
});

test('--from: bad lines before it do not count, and lines keep their numbers', async () => {
  await writeFile(path.join(line.folder, 'some.jsonl'), 'nonsense\n{"case_id":"a"}\n{"case_id":""}\n');
  const bad = await line.relay('send some.jsonl --from 2');
  expect(bad).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^In some\.jsonl, line 3: .*\n1 bad line: /s),
  });
  expect(line.pair.receipts()).toEqual([]);
  await writeFile(path.join(line.folder, 'some.jsonl'), 'nonsense\n{"case_id":"a"}\n');
  expect(json(await line.relay('send some.jsonl --from 2 --json'))).toEqual({ sent: 1, failed: 0 });
  expect(bodies(line.pair.receipts())).toEqual(['{"case_id":"a"}']);
});

test('what SQS refuses says where to go on, and --from goes on', async () => {
  const input = Array.from({ length: 450 }, (_, i) => receipt(`c${i}`)).join('\n');
  let entries = 0;
  line.queues.proxy.intercept = (call, forward) => {
    if (call.action === 'SendMessageBatch') entries += call.body.Entries.length;
    if (entries <= 200) return forward();
    return { status: 400, body: { __type: 'com.amazonaws.sqs#RequestThrottled', message: 'slowly' } };
  };
  await writeFile(path.join(line.folder, 'many.jsonl'), input);
  const broken = await line.relay('send many.jsonl --json');
  expect(broken.code).toBe(1);
  expect(json(broken)).toMatchObject({ sent: 200, from: 201 });
  expect(broken.err).toContain('\n  npx read-receipt-relay send many.jsonl --from 201\n');
  line.queues.proxy.intercept = undefined;
  expect(json(await line.relay('send many.jsonl --from 201 --json'))).toEqual({ sent: 250, failed: 0 });
  expect(new Set(bodies(line.pair.receipts())).size).toBe(450);
});

test('only a line feed ends a line', async () => {
  const input =
    '{"case_id":"a","x":"\u2028\u2029\u0085\u000b"}\n{"case_id":"b"}\r\n{"case_id":"c","y":"\u2028"}';
  // A raw U+000B is not JSON, whatever ends a line.
  const bad = await line.relay('send', { input });
  expect(bad).toMatchObject({ code: 1, err: expect.stringContaining('line 1: ') });
  const sent = await line.relay('send --json', { input: input.replace('\u000b', '') });
  expect(json(sent)).toEqual({ sent: 3, failed: 0 });
  expect(bodies(line.pair.receipts()).slice(1)).toEqual(['{"case_id":"b"}', '{"case_id":"c","y":"\u2028"}']);
});

test('an archive whose discard was killed in the middle of a line goes without that one; no line is nothing', async () => {
  const input = '{"message_id":"1","body":"whole"}\n{"message_id":"2","body":"cut o';
  const { code, err } = await line.relay('send', { input });
  expect(code).toBe(0);
  expect(err).toContain('line 2 is cut off');
  expect(bodies(line.pair.receipts())).toEqual(['whole']);
  expect((await line.relay('send', { input: '\n\n' })).out).toMatch(/^Nothing to send/);
});
