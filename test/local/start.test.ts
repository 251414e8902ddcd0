// `npm start`, as a person runs it: in a process group of its own, so that what it leaves behind can be found.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Sent, summarize } from '../../local/play/summary.ts';

const START = path.resolve(import.meta.dirname, '../../local/play/start.ts');
/** The acts take about half a minute on an idle machine. */
const PATIENCE_MS = 150_000;

describe('npm start', () => {
  let folder = '';
  let child: ChildProcess;
  let output = '';

  const start = (...options: string[]) => {
    output = '';
    child = spawn(process.execPath, [START, ...options], {
      detached: true,
      env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    return once(child, 'close').then(([code]) => code as number | null);
  };
  const seen = async (text: string) => {
    while (!output.includes(text)) await once(child.stdout as NodeJS.EventEmitter, 'data');
  };
  const row = (name: string) => new RegExp(`^  ${name} +(.*?)\\s*$`, 'm').exec(output)?.[1];
  const nothingIsLeft = async () => {
    expect(() => process.kill(-(child.pid ?? 0), 0)).toThrow('ESRCH');
    expect(await readdir(folder)).toEqual([]);
  };

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'start-'));
  });
  afterEach(async () => {
    if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL');
    await rm(folder, { recursive: true });
  });

  test(
    'plays every act once, and its numbers add up',
    async () => {
      const code = await start('--once');
      expect(output).toContain('The numbers add up.');
      expect(code).toBe(0);
      expect(row('Receipts sent')).toBe('27');
      expect(row('Marked')).toBe('21   2 of them after repair and replay');
      expect(row('Superseded')).toMatch(/^1 /);
      expect(row('Calls saved')).toMatch(/^[1-4] /);
      expect(row('Dead letters made')).toBe('7   forbidden 2, rejected 1, malformed 2, invalid 2');
      expect(row('Dead letters left')).toMatch(/^5 /);
      expect(row('Unread after')).toBe('0');
      expect(row('Hidden unread')).toMatch(/^0 /);
      for (const told of [
        /dead letter {2}demo-gone +rejected: .*OSM\.01010015/,
        /later +demo-busy +back in \d s\. rate_limited: .*429/,
        /marked +demo-busy .*at attempt 2/,
        /log-in +OSM answered 401/,
        /superseded +demo-late +read at [\d:]+, the other side wrote at [\d:]+/,
        /marked +demo-late +unread at Huawei 2 → 0/,
        /breaker/,
      ])
        expect(output).toMatch(told);
      await nothingIsLeft();
    },
    PATIENCE_MS,
  );

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ends on %s in the middle of an act, and leaves no process and no file',
    async signal => {
      const ended = start();
      await seen('marked ');
      // As a terminal does it: Ctrl-C reaches every process of the group.
      process.kill(-(child.pid ?? 0), signal);
      expect(await ended).toBe(signal === 'SIGINT' ? 130 : 143);
      expect(output).not.toMatch(/Error|aborted|failed as a whole/);
      await nothingIsLeft();
    },
    PATIENCE_MS,
  );

  test('takes no other option', async () => {
    expect(await start('--twice')).toBe(2);
    expect(output).toContain('The only option is --once');
  });
});

describe('the summary', () => {
  const sent: Sent[] = [
    { id: '1', who: 'a', why: 'good', body: '', end: 'marked' },
    { id: '2', who: 'a', why: 'good', body: '', end: 'marked' },
    { id: '3', who: 'b', why: 'shared', body: '', end: 'forbidden' },
    { id: '4', who: 'c', why: 'gone', body: '', end: 'rejected' },
    { id: '6', who: 'd', why: 'late', body: '', end: 'superseded' },
  ];
  const facts = () => ({
    sent,
    replayed: 1,
    narrator: {
      ends: new Map([...sent.map(({ id, end }) => [id, end] as const), ['5', 'marked' as const]]),
      delays: new Map<string, number>(),
      counts: { marked: 3, superseded: 1, coalesced: 1, logIns: 2, breakerOpened: 1 },
    },
    waiting: 0,
    deadLetterCodes: ['rejected'],
    marks: 2,
    logIns: 2,
    before: new Map([['a', 3]]),
    after: new Map([['a', 0]]),
    hidden: 0,
  });

  test('is content when all adds up', () => expect(summarize(facts()).problems).toEqual([]));

  test.each<[string, (spoilt: ReturnType<typeof facts>) => void, string]>([
    ['a receipt that ended otherwise', ({ narrator }) => narrator.ends.set('4', 'marked'), 'c (gone)'],
    ['a receipt that never ended', ({ narrator }) => narrator.ends.delete('1'), 'nowhere'],
    ['a receipt left in the queue', spoilt => spoilt.waiting++, 'still holds 1 receipt.'],
    ['a mark too few', ({ narrator }) => narrator.counts.marked--, '2 marked'],
    ['a superseded one too few', ({ narrator }) => narrator.counts.superseded--, '0 superseded'],
    ['a lost dead letter', spoilt => spoilt.deadLetterCodes.pop(), '0 dead letters are in their queue'],
    ['a call too many', spoilt => spoilt.marks++, 'Huawei counted 3 marks'],
    ['an unread message', spoilt => spoilt.after.set('a', 1), 'a 1'],
    ['a message that nobody had read', spoilt => spoilt.hidden++, '1 message should not'],
    ['a breaker that stayed closed', ({ narrator }) => narrator.counts.breakerOpened--, 'breaker'],
    ['a log-in that nobody counted', spoilt => spoilt.logIns++, 'IAM 3 times'],
  ])('finds %s', (_, spoil, sentence) => {
    const spoilt = facts();
    spoil(spoilt);
    expect(summarize(spoilt).problems.join('\n')).toContain(sentence);
  });
});
