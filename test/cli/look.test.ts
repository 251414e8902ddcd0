// status, list and show.
import { receipt } from '../letter-queues.ts';
import { refuseCalls } from '../queue-proxy.ts';
import { flat, json, tooLong, useCommandLine } from './command-line.ts';

const line = await useCommandLine();

test('status', async () => {
  line.fill();
  const { out, code } = await line.relay('status');
  expect(code).toBe(0);
  expect(out).toMatch(/QUEUE +WAITING +IN FLIGHT/);
  expect(out).toMatch(/dead letters +4/);
  expect(out).toMatch(/forbidden +2 +2 h ago/);
  expect(out).toContain('\n  npx read-receipt-relay replay --dry-run\n');
  expect(tooLong(out)).toEqual([]);
  expect(json(await line.relay('status --json'))).toMatchObject({
    dead_letter_queue: { visible: 4, hidden: 0 },
    by_code: { forbidden: 2, malformed: 1, unknown: 1 },
    sampled: 4,
    sample_is_whole: true,
  });
  expect(line.pair.letters()).toHaveLength(4);
});

test('list: groups and reasons for people, an entry a letter in JSON', async () => {
  line.fill();
  const { out, code } = await line.relay('list');
  expect(code).toBe(0);
  expect(out).toMatch(/forbidden +2 .*no permission/);
  expect(out).toContain(
    '\n  npx read-receipt-relay replay --code forbidden --set group_id=GROUP --dry-run\n',
  );
  expect(tooLong(out)).toEqual([]);
  const { letters } = json(await line.relay('list --code forbidden --after 1h --json'));
  expect(letters).toEqual([expect.objectContaining({ case_id: 'b', code: 'forbidden', replays: 0 })]);
  expect(flat((await line.relay('list --limit 2')).out)).toMatch(
    /^The first 2 dead letters that --limit 2 allows; \S+ holds about 4\. /,
  );
  expect(line.pair.hidden()).toEqual([]);
});

test('what others wrote is shown on 80 columns, and no terminal obeys it', async () => {
  const obeyed = /[\p{C}\p{Zl}\p{Zp}]/u;
  const detail = `工单不存在或者您没有权限访问该工单，请检查后重试。${'long'.repeat(30)}\u202e\u2066\u200f`;
  const long = 'x'.repeat(200);
  line.pair.put(receipt('\u202ecase'), { code: 'constructor' as never, detail });
  line.pair.put(receipt('c'), { code: long as never, detail: `https://${'h'.repeat(200)}` });
  line.pair.put('\u007f\u0085\u2028 \u009b31m\u202e', { code: '__proto__' as never, detail: 'one' });
  line.pair.put(receipt('b'), { code: 'constructor' as never, detail: 'another' });
  const [first] = line.pair.letters();
  for (const words of ['status', 'list', 'replay --dry-run', `show ${first?.messageId}`]) {
    const { out, code } = await line.relay(words);
    expect(code).toBe(0);
    expect(out).toContain('constructor');
    expect(out).not.toContain('native code');
    for (const each of out.split('\n')) expect(each).not.toMatch(obeyed);
    expect(tooLong(out)).toEqual([]);
    if (!words.startsWith('show')) expect(out).toContain(`\n${'x'.repeat(17)}…  `);
    if (words === 'list') expect(flat(out)).toContain('(and 1 other reason)');
  }
  const listed = await line.relay('list --json');
  for (const each of listed.out.split('\n')) expect(each).not.toMatch(obeyed);
  expect(json(listed).letters.map((letter: { detail: string }) => letter.detail)).toContain(detail);
  expect((await line.relay('list --code \u202eoops')).err).not.toContain('\u202e');
  const { by_code } = json(await line.relay('status --json'));
  expect(by_code).toEqual({ constructor: 2, ['__proto__']: 1, [long]: 1 });
});

test.each([
  ['rejected', 'it', ['discard --case it --code rejected', 'replay --case it --code rejected']],
  ['invalid', "it's", ["replay --case 'it'\\''s' --code invalid --set FIELD=VALUE"]],
  ['unknown', '\u202eturned', ['replay --code unknown']],
] as const)('show: what to do about one that is %s is there to paste', async (code, id, commands) => {
  line.pair.put(receipt(id), code === 'unknown' ? {} : { code });
  const { out } = await line.relay(`show ${line.pair.letters()[0]?.messageId}`);
  expect(out.slice(out.indexOf('  npx'))).toBe(
    commands.map(words => `  npx read-receipt-relay ${words} --dry-run\n`).join(''),
  );
});

test('show: everything about one', async () => {
  line.fill();
  const [first, , , last] = line.pair.letters();
  const { out, code } = await line.relay(`show ${last?.messageId}`);
  expect(code).toBe(0);
  expect(out).toMatch(/Attribute tenant +t-1 \(String\)/);
  expect(out).toContain('{"case_id":"d"}');
  expect(out).toMatch(/^What to do: /m);
  expect(out).not.toContain('npx read-receipt-relay show');
  expect(json(await line.relay(`show ${first?.messageId} --json`))).toMatchObject({
    code: 'forbidden',
    failure: { attempts: 1 },
    body: '{"case_id":"a"}',
  });
  const missing = await line.relay('show nobody');
  expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('no dead letter nobody') });
});

test.each(['status', 'list', 'replay --yes', 'discard --yes'])('no permission to %s', async words => {
  line.queues.proxy.intercept = refuseCalls('GetQueueAttributes');
  const { err, code } = await line.relay(`${words} --json`);
  expect(code).toBe(1);
  expect(err).toContain('may not do this');
});
