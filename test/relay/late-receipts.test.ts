// Late receipts, seen from outside: what Huawei is asked, what is hidden unread, what SQS is told.
import type { SQSRecord } from 'aws-lambda';
import type { Fault } from '../../local/huawei/faults.ts';
import { pass, useClock } from '../clock.ts';
import { aged, batchOf, fabricated, receipt, startEnvironment, useEnvironment } from '../environment.ts';
import { secret } from '../output/printed.ts';

useEnvironment();
useClock();

const MINUTE_MS = 60_000;
const ago = (ms: number) => Date.now() - ms;
const iso = (ms: number) => new Date(ms).toISOString();

/** A receipt that was sent ten minutes ago, unless told otherwise. */
const late = (caseId: string, sentAt = ago(10 * MINUTE_MS), body = receipt(caseId)): SQSRecord =>
  fabricated(body, { SentTimestamp: String(sentAt) });
const lates = (name: string, count: number) =>
  batchOf(name, count, { SentTimestamp: String(ago(10 * MINUTE_MS)) });

const start = async (setup: Parameters<typeof startEnvironment>[0] = {}) => {
  const environment = await startEnvironment(setup);
  const { huawei } = environment;
  /** OSM's calls in their order: l for a look, m for a mark, and the case. */
  const calls = () =>
    huawei.requests
      .filter(({ kind }) => kind === 'mark' || kind === 'messages')
      .map(({ kind, caseId }) => `${kind === 'mark' ? 'm' : 'l'} ${caseId}`);
  return { ...environment, calls, osm: huawei.osm };
};
const lists = { kind: 'messages' as const };

describe('a receipt', () => {
  test.each([
    [{}, 60, ['l 3', 'm 3']],
    [{ LATE_AFTER_SECONDS: '3600' }, 3600, ['l 3', 'm 3']],
    [{ LATE_RECEIPTS: 'mark' }, 86_400, ['m 3']],
  ])('costs no look where it is fresh (%j: after %i s)', async (env, seconds, rest) => {
    const { invoke, calls } = await start({ env: { ...env, MAX_IN_FLIGHT: '1' } });
    const at = ago(seconds * 1000);
    await invoke([late('1', at), fabricated(receipt('2', { read_at: iso(at) })), late('3', at - 1)]);
    expect(calls()).toEqual(['m 1', 'm 2', ...rest]);
  });

  test('that becomes late while it waits for its turn is looked at', async () => {
    const passing: Fault = {
      does: 'hang',
      match: ({ caseId }) => {
        if (caseId === '1') pass({ seconds: 1 });
        return false;
      },
    };
    const env = { MAX_REQUESTS_PER_SECOND: '1' };
    const { invoke, calls } = await start({ env, huawei: { faults: [passing] } });
    const at = ago(60_000);
    await invoke([late('1', at), late('2', at)]);
    expect(calls()).toEqual(['m 1', 'l 2', 'm 2']);
  });

  test('that is late is looked at, with its group, and marked at once where nobody has written since', async () => {
    const { failures, calls, huawei, osm } = await start({ env: { OSM_TIME_ZONE: 'GMT-3' } });
    osm.write('1', { at: ago(20 * MINUTE_MS) });
    osm.write('1', { at: ago(MINUTE_MS), own: true });
    const group = receipt('1', { group_id: 'g 1' });
    expect(await failures([late('1', undefined, group)])).toBe(0);
    expect(calls()).toEqual(['l 1', 'm 1']);
    expect(huawei.requests.find(({ kind }) => kind === 'messages')).toMatchObject({
      rawPath: expect.stringMatching(/\/cases\/1\/messages\?group_id=g%201&limit=100$/),
      headers: { 'x-time-zone': 'GMT+8' },
    });
    expect(osm.unread('1')).toBe(0);
  });

  test('is superseded where the other side has written since: nothing is marked, and the next reader marks', async () => {
    const environment = await start();
    const { osm } = environment;
    const sentAt = ago(10 * MINUTE_MS);
    const newer = ago(5 * MINUTE_MS);
    osm.list({ fraction: 3 });
    osm.write('1', { at: newer });
    const { failed, ids } = await environment.deliver([
      { body: receipt('1'), system: { SentTimestamp: String(sentAt) } },
    ]);
    expect(failed).toEqual([]);
    expect(environment.left()).toEqual([]);
    expect(environment.deadLetters()).toEqual([]);
    expect(environment.calls()).toEqual(['l 1']);
    expect(environment.lines().filter(({ message }) => message === 'receipt.superseded')).toMatchObject([
      { message_id: ids[0], case_id: '1', bound: iso(sentAt), newer: iso(newer) },
    ]);
    expect(environment.metrics()).toMatchObject({ Superseded: 1, Settled: 1 });
    expect(environment.counts()).toMatchObject({ superseded: 1, receipts: 1 });

    expect(await environment.failures([fabricated(receipt('1', { read_at: osm.read('1') }))])).toBe(0);
    expect(osm.unread('1')).toBe(0);
    expect(osm.hidden()).toEqual([]);
  });

  test('is looked at after the fresh ones of its batch, and reaches up to the newest of its mark', async () => {
    const { invoke, calls, osm } = await start({ env: { MAX_IN_FLIGHT: '1' } });
    osm.write('late-1', { at: ago(20 * MINUTE_MS) });
    await invoke([late('late-1', ago(60 * MINUTE_MS)), ...lates('late', 2), ...batchOf('fresh', 2)]);
    expect(calls()).toEqual(['m fresh-0', 'm fresh-1', 'l late-1', 'm late-1', 'l late-0', 'm late-0']);
  });

  // The times of other envelopes, and what is not believed: receipt/receipt.test.ts and late.test.ts.
  const read = iso(ago(30 * MINUTE_MS));
  test.each<[string, Partial<SQSRecord>]>([
    ['when it was read', { body: receipt('1', { read_at: read }) }],
    [
      'the time of SNS',
      { body: JSON.stringify({ Type: 'Notification', Message: receipt('1'), Timestamp: read }) },
    ],
    [
      'sent_at of a replay',
      {
        messageAttributes: {
          sent_at: { dataType: 'String', stringValue: String(Date.parse(read)) },
        } as never,
      },
    ],
  ])('that came just now reaches up to %s', async (_, record) => {
    const { failures, osm, calls } = await start();
    osm.write('1', { at: ago(20 * MINUTE_MS) });
    expect(await failures([{ ...fabricated(receipt('1')), ...record }])).toBe(0);
    expect(calls()).toEqual(['l 1']);
    expect(osm.unread('1')).toBe(1);
  });
});

describe('the list', () => {
  test('that tells nothing: it is marked, and counted', async () => {
    const environment = await start({
      huawei: { faults: [{ does: 'answer', status: 403, body: {}, match: lists }] },
    });
    expect(await environment.failures([late('1')])).toBe(0);
    expect(environment.calls()).toEqual(['l 1', 'm 1']);
    expect(environment.metrics()).toMatchObject({ Marked: 1, LateUnchecked: 1 });
    expect(environment.lines().find(({ message }) => message === 'receipt.marked')).toHaveProperty(
      'unchecked',
    );
  });

  test("of a megabyte is read, and no message's text is kept", async () => {
    const text = secret('the-answer-of-the-engineer');
    const { failures, osm, printed, metrics } = await start();
    for (let i = 0; i < 100; i++) osm.write('1', { at: ago(3e6), content: text.repeat(390) });
    osm.write('2', { at: ago(5 * MINUTE_MS), content: text, listed: { create_time: text } });
    osm.write('3', { at: ago(5 * MINUTE_MS), content: text });
    expect(await failures([late('1'), late('2'), late('3')])).toBe(0);
    expect([osm.unread('1'), osm.unread('2'), osm.unread('3')]).toEqual([0, 0, 1]);
    // The second one's time alone.
    expect(metrics().LateUnchecked).toBe(1);
    expect(printed()).not.toContain(text);
  });
});

describe('a look that meets trouble', () => {
  // What is trouble, and for how long they pause: huawei/messages.test.ts and late.test.ts.
  test('late ones come back later, fresh ones go on, and five pause the looks', async () => {
    const environment = await start({
      huawei: { faults: [{ does: 'answer', status: 503, match: lists }] },
      env: { MAX_IN_FLIGHT: '1' },
    });
    const sent = { SentTimestamp: String(ago(10 * MINUTE_MS)) };
    const { failed, ids } = await environment.deliver([
      ...Array.from({ length: 20 }, (_, i) => ({
        body: receipt(`late-${i}`),
        system: { ...sent, ...(i > 9 && aged(86_401)) },
      })),
      ...Array.from({ length: 3 }, (_, i) => receipt(`fresh-${i}`)),
    ]);
    expect(environment.marks()).toHaveLength(3);
    expect(environment.calls().filter(call => call.startsWith('l'))).toHaveLength(5);
    expect(failed).toEqual(Array.from({ length: 20 }, (_, i) => i));
    for (const index of failed)
      expect(environment.hiddenSeconds(ids[index] as string)).toBeLessThanOrEqual(5);
    expect(environment.counts()).toMatchObject({ unavailable: 20, marked: 3 });
    // What was never looked at is not given up for it, however old.
    expect(environment.deadLetters()).toEqual([]);
    expect(environment.metrics()).not.toHaveProperty('BreakerOpened');
  });

  test('gives that failure to a receipt past its age', async () => {
    const environment = await start({ huawei: { faults: [{ does: 'html502', match: lists }] } });
    const system = { ...aged(86_401), SentTimestamp: String(ago(2 * 86_400_000)) };
    const { failed } = await environment.deliver([{ body: receipt('1'), system }]);
    expect(failed).toEqual([]);
    expect(environment.deadLetters()).toMatchObject([
      { failure: { code: 'unavailable', status: 502, sent_at: iso(Number(system.SentTimestamp)) } },
    ]);
  });

  test('marks that are down open the breaker, though looks are answered', async () => {
    const environment = await start({ huawei: { faults: [{ does: 'html502', match: { kind: 'mark' } }] } });
    expect(await environment.failures(lates('c', 90))).toBe(90);
    expect(environment.metrics().BreakerOpened).toBe(1);
    expect(environment.marks().length).toBeLessThanOrEqual(55);
  });
});

describe('LATE_RECEIPTS=shadow', () => {
  test('looks, says and counts what it would do, and marks', async () => {
    const environment = await start({ env: { LATE_RECEIPTS: 'shadow' } });
    environment.osm.write('newer', { at: ago(5 * MINUTE_MS) });
    expect(await environment.failures([late('newer'), late('older')])).toBe(0);
    expect(environment.calls().sort()).toEqual(['l newer', 'l older', 'm newer', 'm older']);
    expect(environment.metrics()).toMatchObject({ Marked: 2, Superseded: 1 });
    const lines = environment.lines().filter(({ message }) => message === 'receipt.marked');
    expect(lines).toMatchObject([{ shadow: { bound: expect.any(String), newer: expect.any(String) } }, {}]);
    expect(lines[1]).not.toHaveProperty('shadow');
  });

  test.each<Fault>([{ does: 'html502' }, { does: 'answer', status: 404 }])(
    'a failed look changes nothing (%j)',
    async fault => {
      const { failures, osm } = await start({
        huawei: { faults: [{ ...fault, match: lists }] },
        env: { LATE_RECEIPTS: 'shadow' },
      });
      expect(await failures(lates('c', 8))).toBe(0);
      expect(osm.marks).toBe(8);
    },
  );
});

describe('looks take their place among the calls', () => {
  test('in flight and in pace, and a mark goes before looks that wait', async () => {
    const { failures, huawei } = await start({ env: { MAX_IN_FLIGHT: '40', MAX_REQUESTS_PER_SECOND: '20' } });
    const began = performance.now();
    expect(await failures(lates('c', 40))).toBe(0);
    // 80 calls in windows of 20: the last twenty begin three seconds after the first.
    expect(performance.now() - began).toBeGreaterThan(2999);
    expect(huawei.load.peakInFlight).toBeLessThanOrEqual(20);
    const calls = huawei.requests.filter(({ kind }) => kind !== 'log_in');
    expect(calls).toHaveLength(80);
    // Each mark in the window after that of its look, before the twenty looks that wait.
    for (const [i, { kind, caseId }] of calls.entries()) {
      if (kind !== 'messages') continue;
      expect(calls.findIndex(call => call.kind === 'mark' && call.caseId === caseId) - i).toBeLessThan(40);
    }
  });
});
