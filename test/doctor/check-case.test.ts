// {"doctor": true, "case": "ID"}: how a late receipt's look at a case is read.
import type { CaseCheck } from '../../lib/doctor/check-case.ts';
import { context, type Setup, startEnvironment, useEnvironment } from '../environment.ts';

useEnvironment();

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const start = async (setup: Setup = {}) => {
  const environment = await startEnvironment(setup);
  const ask = (event: object) => environment.handler({ doctor: true, ...event }, context);
  const check = async (event: object = {}) => {
    const answer = (await ask({ case: '1', ...event })) as unknown as { case: CaseCheck };
    expect(environment.marks()).toEqual([]);
    expect(JSON.stringify(answer)).not.toContain('private');
    return answer.case;
  };
  const write = (ago: number, more: object = {}) =>
    environment.huawei.osm.write('1', { at: Date.now() - ago, content: 'private', ...more });
  return { ...environment, ask, check, write };
};

const verdicts = (read: CaseCheck) =>
  read.status === 'ok' ? read.decisions.map(({ looked_at, verdict }) => [looked_at, verdict]) : [];

test('how many, the newest three, the order, what is unread, and what would be decided', async () => {
  const { check, write, huawei } = await start();
  write(50 * HOUR);
  write(40 * HOUR, { own: true });
  write(2 * HOUR);
  write(10 * MINUTE, { own: true });
  const newest = new Date(Date.now() - 10 * MINUTE).toISOString().replace(/\.\d+Z/, '');
  const read = await check();
  expect(read).toMatchObject({
    case_id: '1',
    status: 'ok',
    late_receipts: 'check',
    messages: 4,
    listed: 4,
    order: 'newest first',
    newest: [{ own: true }, { own: false }, { own: true }],
    other_zone: { asked: 'GMT+9', moves: false, same_times: true },
    unread: { count: 2, listed: 2, all_listed: true },
    decisions: [{ read: 'now' }, { read: 'an hour ago' }, { read: 'a day ago', newer: expect.any(String) }],
  });
  expect(read.status === 'ok' && read.newest[0]?.sent).toBe(`${newest}Z`);
  // The end of the second that it may mean.
  expect(read.status === 'ok' && read.newest[0]?.understood).toBe(
    new Date(Date.parse(`${newest}Z`) + 1000).toISOString(),
  );
  expect(verdicts(read)).toEqual([
    [false, 'mark'],
    [true, 'mark'],
    [true, 'superseded'],
  ]);
  expect(huawei.osm.unread('1')).toBe(2);
});

test.each<[string, HowListed, object, string[]]>([
  [
    'without offset, in the zone that was asked for',
    { offset: 'none' },
    { moves: true, same_times: true },
    ['mark', 'mark', 'superseded'],
  ],
  ['with an offset', { offset: '+0800' }, { moves: false, same_times: true }, ['mark', 'mark', 'superseded']],
  // Nine hours ahead: nothing can be told.
  [
    'without offset, in a zone of its own',
    { offset: 'none', misreadZone: 'GMT+17' },
    { moves: false, same_times: false },
    ['mark', 'unchecked', 'superseded'],
  ],
])('times %s', async (_, how, other_zone, expected) => {
  const { check, write, huawei } = await start();
  write(20 * HOUR);
  write(3 * HOUR);
  huawei.osm.list({ order: 'ascending', ...how });
  const read = await check();
  expect(read).toMatchObject({ order: 'oldest first', other_zone });
  expect(verdicts(read).map(([, verdict]) => verdict)).toEqual(expected);
});
type HowListed = { offset: string; misreadZone?: string };

test('a time that cannot be read is shown first, masked', async () => {
  const { check, write } = await start();
  write(5 * HOUR, { listed: { create_time: 'a private word at 12:00' } });
  write(1 * HOUR);
  expect(await check()).toMatchObject({
    newest: [{ sent: '? ??????? ???? ?? 12:00' }, { understood: expect.any(String) }],
    decisions: [{ verdict: 'mark' }, {}, { verdict: 'superseded' }],
  });
});

test("another group's case needs its group", async () => {
  const { check } = await start({ huawei: { cases: { '1': { group: 'g' } } } });
  expect(await check()).toMatchObject({
    status: 'failed',
    says: expect.stringContaining('OSM.01010002'),
    todo: expect.stringContaining('group'),
  });
  expect(await check({ group: 'g' })).toMatchObject({ status: 'ok', messages: 1 });
});

test.each([
  ['trouble', 503, 'Run the check-up without a case'],
  ['a refusal', 403, 'LateUnchecked'],
])('%s: says what, and what to do', async (_, status, todo) => {
  const { check, huawei } = await start();
  huawei.faults.add({ does: 'answer', status, body: {}, match: { kind: 'messages' } });
  expect(await check()).toMatchObject({
    status: 'failed',
    says: expect.stringContaining(`${status}`),
    todo: expect.stringContaining(todo),
  });
});

test('where late receipts are marked without a look, it says so', async () => {
  const { check, write } = await start({ env: { LATE_RECEIPTS: 'mark' } });
  write(MINUTE);
  const read = await check();
  expect(read).toMatchObject({ late_receipts: 'mark' });
  expect(verdicts(read)).toEqual([
    [false, 'mark'],
    [false, 'mark'],
    [false, 'mark'],
  ]);
});
