// Wrong use, errors in words, and the program itself: its name, its version, the oldest Node it runs under.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { flat, json, PROGRAM, tooLong, useCommandLine } from './command-line.ts';

const line = await useCommandLine();

describe('wrong use: exit code 2, a sentence on standard error, and no queue is asked', () => {
  const wrong = [
    ['', 'Usage: read-receipt-relay'],
    ['mend', "Unknown command 'mend'"],
    ['list --colour', "Unknown option '--colour'"],
    ['list extra', 'Too many arguments'],
    ['show', "Missing required argument 'id'"],
    [
      'replay --limit many',
      "Option '--limit <n>' argument 'many' is invalid. It takes a whole number from 1.",
    ],
    ['replay --limit 0', 'It takes a whole number from 1.'],
    ['replay --rate 100001', 'It takes a whole number from 1 to 100000.'],
    ['list --code forbiden', 'It takes malformed, invalid, rejected, forbidden,'],
    ['list --code forbidden,constructor', 'It takes malformed, invalid, rejected, forbidden,'],
    ['list --after noon', 'It takes how long ago, such as 90m, 12h or 2d'],
    ['list --after 99999999999d', 'It takes how long ago'],
    ['list --before 2026-02-30T00:00:00Z', 'It takes how long ago'],
    ['list --after 1h --before 2h', 'turn them round'],
    ['list --case a --case b', 'Give it once.'],
    ['list --stage a --stage b', 'Give it once.'],
    ['replay --set colour=red', 'with case_id, group_id, language, time_zone, read_at for a field'],
    ['replay --set group_id', 'It takes FIELD=VALUE'],
    ['replay --set language=é', 'language "é" must be 1 to 32 visible ASCII characters.'],
    ['replay --set group_id=a --set group_id=b', 'Give group_id once.'],
    ['replay --unset case_id', 'It takes group_id, language, time_zone, read_at.'],
    ['replay --set language=en --unset language', 'Give --set or --unset for language'],
    ['replay', '--yes'],
    ['replay --json', '--yes'],
    ['discard', '--yes'],
    ['send --case a file', 'not both'],
    ['send --case ', '--case "" must be 1 to 64 characters'],
    ['send --group g', '--case is missing'],
    ['send --case a --read-at now', '--read-at "now" must be an ISO 8601 time'],
    ['send --case a --time-zone é', '--time-zone "é" must be 1 to 32'],
    ['send --from 0 file', 'It takes a whole number from 1.'],
    ['send --from 2 a b', 'one file'],
    ['console --port 65536', 'It takes a whole number from 1 to 65535.'],
    ['doctor --group g', 'give --case too'],
    ['doctor --case ', '--case "" must be 1 to 64 characters'],
    ['status --stage ', 'It takes the name of a stage, 1 to 32 letters, digits and hyphens.'],
    ['doctor --stage a_b', 'It takes the name of a stage'],
  ] as const;

  test.each(wrong)('%s', async (words, said) => {
    const { out, err, code } = await line.relay(words);
    expect([code, out]).toEqual([2, '']);
    expect(flat(err)).toContain(said);
    expect(err).not.toMatch(/^error/m);
    expect(tooLong(err)).toEqual([]);
    expect(line.queues.proxy.calls).toEqual([]);
  });
});

test('each verb has help within 80 columns, with an example that can be pasted', async () => {
  for (const verb of ['send', 'status', 'list', 'show', 'replay', 'discard', 'doctor', 'console']) {
    const { out, code } = await line.relay(`${verb} --help`);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^For example:\n  npx read-receipt-relay ${verb}`, 'm'));
    expect(tooLong(out)).toEqual([]);
  }
});

describe('errors say what is wrong, where, and what to do, once', () => {
  test.each([
    ['no queues', { QUEUE_URL: '' }, 'QUEUE_URL', 2],
    ['a wrong URL', { DEAD_LETTER_QUEUE_URL: 'letters' }, 'DEAD_LETTER_QUEUE_URL', 2],
    ['nobody there', { DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1:9/0/x' }, 'connection refused', 1],
    ['no region', { AWS_REGION: '' }, 'region', 1],
    [
      'no AWS credentials',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', HOME: '/' },
      'no AWS credentials',
      1,
    ],
  ])('%s', async (_, env, words, expected) => {
    for (const verb of ['list', 'status', 'replay --yes', 'discard --yes']) {
      const given = { env: { AWS_EC2_METADATA_DISABLED: 'true', ...env } };
      const { out, err, code } = await line.relay(verb, given);
      expect([verb, code, out]).toEqual([verb, expected, '']);
      expect(err.split(words)).toHaveLength(2);
      expect(err).toMatch(/^([A-Z]|http)/);
    }
  });

  test('no such queue', async () => {
    const url = `${line.pair.lettersUrl}-not`;
    const { err, code } = await line.relay('list', { env: { DEAD_LETTER_QUEUE_URL: url } });
    expect(code).toBe(1);
    expect(flat(err)).toContain(`There is no queue ${url}`);
  });

  test.each([
    [400, '{"__type":"com.amazonaws.sqs#InvalidAction"}'],
    [404, '<html>nobody</html>'],
    [200, ''],
  ])('--stage where AWS_ENDPOINT_URL leads to no CloudFormation: %s %s', async (status, answer) => {
    const server = createServer((_, response) => response.writeHead(status).end(answer));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const { err, code } = await line.relay('status --stage prod', { env: { AWS_ENDPOINT_URL: url } });
      expect([code, flat(err)]).toEqual([
        1,
        `What answers at ${url} (AWS_ENDPOINT_URL) is no CloudFormation: unset the variable, or leave out --stage to use QUEUE_URL and DEAD_LETTER_QUEUE_URL. `,
      ]);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test.each(['Nofile', 'nofile'])('a file that is not there keeps its name: %s', async name => {
    const { err, code } = await line.relay(`send ${name}`);
    expect([err, code]).toEqual([`Cannot read ${name}: no such file or directory. Nothing was sent.\n`, 1]);
  });
});

test('--version', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(await line.relay('--version')).toMatchObject({ out: `${version}\n`, code: 0 });
});

/** Another Node than the project's own, such as the machine's. */
const olderNode = ['/usr/bin/node', '/usr/local/bin/node', process.env.OLDER_NODE].find(file => {
  try {
    return file && /^v20\./.test(execFileSync(file, ['--version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
});

test('every verb runs under Node 20, without a warning, and a repair keeps numbers there too', async () => {
  if (!olderNode) return console.warn('Node 20 is not tried: it is not on this machine.');
  line.pair.put('{"case_id":"a","n":12345678901234567890}', { code: 'forbidden' });
  const deep = `{"case_id":"deep","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  const node = { node: olderNode };
  for (const words of ['status', 'list', 'discard --dry-run', 'send --case b', '--help'])
    expect(await line.relay(words, node)).toMatchObject({ code: 0, err: '' });
  const env = { OSM_ENDPOINT: 'http://127.0.0.1:9', CREDENTIALS_FROM: 'file:/nowhere' };
  const checked = json(await line.relay('doctor --json', { ...node, env }));
  expect(checked.checks.map(({ check }: { check: string }) => check)).toContain('queue');
  const looked = await line.relay('doctor --case a', { ...node, env });
  expect(looked.out).toMatch(/^Case a: the stored credentials/);
  const set = 'replay --set group_id=g --yes --json';
  expect(json(await line.relay(set, node))).toMatchObject({ replayed: 1 });
  expect(line.pair.receipts().map(({ body }) => body)).toContain(
    '{"case_id":"a","n":12345678901234567890,"group_id":"g"}',
  );
  line.pair.put(deep, { code: 'failed' });
  expect((await line.relay('replay --set group_id=g --yes', node)).out).toContain('nested too deep');
});

test('the program is what npx finds under the one name, and runs by itself', () => {
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(bin).toEqual({ 'read-receipt-relay': '.build/cli/main.mjs' });
  expect(execFileSync(PROGRAM, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
});
