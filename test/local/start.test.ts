// `npm start` ends as a person ends it, and finds out what does not add up. The acts themselves are played by
// `.ci/run` (`npm start -- --once`), whose exit code tells.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { type Sent, summarize } from '../../local/play/summary.ts';

const START = path.resolve(import.meta.dirname, '../../local/play/start.ts');
const PATIENCE_MS = 120_000;

/** In a process group of its own, so that what it leaves behind can be found. */
const start = async (...options: string[]) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'start-'));
  const child = spawn(process.execPath, [START, ...options], {
    detached: true,
    env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const group = -(child.pid ?? 0);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return {
    output: () => output,
    ended: once(child, 'close').then(([code]) => code as number | null),
    async seen(text: string) {
      while (!output.includes(text)) await once(child.stdout, 'data');
    },
    /** As a terminal does it: Ctrl-C reaches every process of the group. */
    signal: (name: NodeJS.Signals) => process.kill(group, name),
    async nothingIsLeft() {
      expect(() => process.kill(group, 0)).toThrow('ESRCH');
      expect(await readdir(folder)).toEqual([]);
      await rm(folder, { recursive: true });
    },
  };
};

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends it in the middle of an act, and leaves no process and no file',
  async signal => {
    const play = await start();
    await play.seen('marked ');
    play.signal(signal);
    expect(await play.ended).toBe(128 + constants.signals[signal]);
    expect(play.output()).not.toMatch(/Error|aborted|failed as a whole/);
    await play.nothingIsLeft();
  },
  PATIENCE_MS,
);

test('takes no other option', async () => {
  const play = await start('--twice');
  expect(await play.ended).toBe(2);
  expect(play.output()).toContain('The only option is --once');
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
