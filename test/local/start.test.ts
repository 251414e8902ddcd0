// `npm start` ends as a person ends it, and finds out what does not add up. The acts themselves are played by
// `.ci/run` (`npm start -- --once`), whose exit code tells.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Sent, summarize } from '../../local/play/summary.ts';

const START = path.resolve(import.meta.dirname, '../../local/play/start.ts');
const PATIENCE_MS = 120_000;

let folder = '';
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'start-'));
});
afterEach(async () => {
  if (child?.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  await rm(folder, { recursive: true });
});

/** In a process group of its own, so that what it leaves behind can be found. */
const start = (...options: string[]) => {
  const started = spawn(process.execPath, [START, ...options], {
    detached: true,
    env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  const group = -(started.pid ?? 0);
  let output = '';
  for (const stream of [started.stdout, started.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return {
    output: () => output,
    ended: once(started, 'close').then(([code]) => code as number | null),
    async seen(text: string) {
      while (!output.includes(text) && started.exitCode === null) await sleep(20);
    },
    /** As a terminal does it: Ctrl-C reaches every process of the group. */
    signal: (name: NodeJS.Signals) => process.kill(group, name),
    async nothingIsLeft() {
      expect(() => process.kill(group, 0)).toThrow('ESRCH');
      expect(await readdir(folder)).toEqual([]);
    },
  };
};

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends it in the middle of an act, and leaves no process and no file',
  async signal => {
    const play = start();
    await play.seen('marked ');
    play.signal(signal);
    expect(await play.ended).toBe(128 + constants.signals[signal]);
    expect(play.output()).not.toMatch(/Error|aborted|failed as a whole/);
    await play.nothingIsLeft();
  },
  PATIENCE_MS,
);

test('takes no other option', async () => {
  const play = start('--twice');
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
    narrator: {
      ends: new Map<string, string>([...sent.map(({ id, end }) => [id, end] as const), ['5', 'marked']]),
      delays: new Map<string, number>(),
      counts: { coalesced: 1, logIns: 2, breakerOpened: 1 },
    },
    waiting: 0,
    deadLetterCodes: ['rejected'],
    marks: 2,
    logIns: 2,
    unreadBefore: 3,
    unreadAfter: 0,
    hidden: 0,
  });

  test.each<[string, (spoilt: ReturnType<typeof facts>) => void, string[]]>([
    ['that all adds up', () => {}, []],
    [
      'a receipt that never ended',
      ({ narrator }) => narrator.ends.delete('6'),
      ['Ended otherwise', 'Superseded'],
    ],
    ['a receipt left in the queue', spoilt => spoilt.waiting++, ['In the queue']],
    ['a replayed one that was lost', ({ narrator }) => narrator.ends.delete('5'), ['Marked', 'Calls saved']],
    ['a lost dead letter', spoilt => spoilt.deadLetterCodes.pop(), ['Dead letters left']],
    ['a call too many', spoilt => spoilt.marks++, ['Calls saved']],
    ['a breaker that stayed closed', ({ narrator }) => narrator.counts.breakerOpened--, ['Breaker']],
    ['a log-in that nobody counted', spoilt => spoilt.logIns++, ['Log-ins']],
  ])('finds %s', (_, spoil, names) => {
    const spoilt = facts();
    spoil(spoilt);
    const wrong = summarize(spoilt).filter(([, value, should = value]) => value !== should);
    expect(wrong.map(([name]) => name)).toEqual(names);
  });
});
