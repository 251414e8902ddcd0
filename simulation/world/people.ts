import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../engine/clock.ts';
import type { Case, Tracked } from '../model.ts';
import type { Huawei } from './huawei.ts';
import type { Parts } from './parts.ts';
import type { Queue } from './sqs.ts';
import { formats } from './times.ts';

/** Receipts a day, on average. */
const PER_DAY = 970;
const OPEN_CASES = 60;
const BURST = 1_000;
const PAST = 120;
const LANGUAGES = [undefined, undefined, undefined, 'en-us', 'zh-cn'] as const;

/** Some cases belong to a group, which those who act for a colleague must name. */
export const groupOf = (index: number) => (index % 5 === 3 ? `group-${index % 7}` : undefined);

/** How much goes on at an hour of the day, on average 1. */
const activityAt = (atMs: number): number => {
  const hour = (atMs % DAY_MS) / HOUR_MS;
  return hour >= 7 && hour < 19 ? 1.85 : 0.15;
};

/** Most receipts come bare; an envelope is as old as its receipt. */
const wrap = (receipt: object, sentAt: number, form: number): string => {
  const time = new Date(sentAt).toISOString();
  const envelopes = [
    { Type: 'Notification', Message: JSON.stringify(receipt), Timestamp: time },
    { 'detail-type': 'read', time, detail: receipt },
    { specversion: '1.0', type: 'read', time, data: receipt },
  ];
  return JSON.stringify(envelopes[form] ?? receipt);
};

/** The desk: the other side writes, people read, and their apps send receipts. */
export const createPeople = (
  { clock, random: randomFor, faults, oracle }: Parts,
  huawei: Huawei,
  queue: Queue,
) => {
  const random = randomFor('people');
  const { world } = clock;
  const open: Case[] = [];
  let receipts = 0;

  const openCase = (): Case => {
    const index = huawei.cases.size;
    const group = groupOf(index);
    const created: Case = {
      id: `case-${index}`,
      index,
      group,
      messages: [],
      unread: [],
      reads: [],
      isClosed: false,
    };
    // Some have a long past, more than a list's page.
    for (let i = 0; index % 20 === 1 && i < PAST; i++)
      created.messages.push({ at: clock.now() - (PAST - i) * HOUR_MS, isOwn: i % 2 === 0 });
    huawei.cases.set(created.id, created);
    return created;
  };

  const send = (body: string, tracked: Omit<Tracked, 'sentAt' | 'copies'>) => {
    const { n } = tracked;
    oracle.receipts.set(n, { ...tracked, sentAt: clock.now(), copies: 0 });
    queue.add({
      body,
      attributes: n % 8 === 0 ? { source: { DataType: 'String', StringValue: `app-${n % 3}` } } : {},
      ...(n % 10 === 0 && { traceHeader: 'Root=1-00000000-000000000000000000000000' }),
      ...(n % 6 === 0 && { groupId: `tenant-${n % 4}` }),
    });
  };

  /** A person reads; the app says so at once, or much later. */
  const readNow = (of: Case, { isColleague = false } = {}) => {
    const readAt = clock.now();
    of.reads.push(readAt);
    const isLate = faults.on('late_apps') && random.chance(0.5);
    const offMs = faults.on('clocks_off') ? random.between(-10, 10) * MINUTE_MS : random.between(-500, 500);
    // By a clock that is minutes behind, a receipt is late from the start.
    const seemsLate = offMs < -MINUTE_MS / 2;
    const isPrompt = !isColleague && !of.isClosed && !huawei.isOdd(of) && !isLate && !seemsLate;
    const names = random.chance(isLate ? 0.7 : 0.8);
    const language = random.pick(LANGUAGES);
    const isZoned = random.chance(0.05);
    const spell = formats[random.int(0, 3)] as (at: number) => string;
    const form = random.int(0, 12);
    const delayMs = isLate ? random.between(MINUTE_MS, 8 * HOUR_MS) : random.between(100, 2 * SECOND_MS);
    clock.after(world, delayMs, () => {
      const n = ++receipts;
      const receipt = {
        case_id: of.id,
        ...(of.group && !isColleague && { group_id: of.group }),
        ...(language && { language }),
        ...(isZoned && { time_zone: 'GMT+8' }),
        ...(names && { read_at: spell(readAt + offMs) }),
        n,
      };
      send(wrap(receipt, clock.now(), form), { n, caseId: of.id, kind: 'good', readAt, isPrompt });
    });
  };

  const write = (of: Case, isOwn: boolean) => {
    const message = { at: clock.now(), isOwn };
    of.messages.push(message);
    of.unread.push(message);
  };

  /** The other side writes, and someone reads it some time later, or never. */
  const converse = (of: Case) => {
    write(of, false);
    if (random.chance(0.03)) return;
    clock.after(world, Math.min(random.wait(15 * MINUTE_MS), 10 * HOUR_MS) + 2 * SECOND_MS, () => {
      readNow(of);
      // Several messages, one glance.
      if (random.chance(0.1)) clock.after(world, random.between(0.2, 4) * SECOND_MS, () => readNow(of));
      if (random.chance(0.25)) clock.after(world, random.between(1, 5) * MINUTE_MS, () => write(of, true));
      if (!faults.on('second_reader')) return;
      const afterMs = random.wait(random.chance(0.3) ? SECOND_MS : 10 * MINUTE_MS);
      clock.after(world, afterMs, () => readNow(of, { isColleague: random.chance(0.5) }));
    });
  };

  /** What is no receipt, or of a case that does not exist; with characters that end a line elsewhere. */
  const bad = () => {
    const n = ++receipts;
    const case_id = `unknown-${n}`;
    const bodies = [
      ['malformed', `not JSON,\u2028 n=${n}`],
      ['invalid', JSON.stringify({ case_id: '', n })],
      ['invalid', JSON.stringify({ case_id, read_at: 'soon\u2029', n })],
      ['good', JSON.stringify({ case_id, n })],
    ] as const;
    const [kind, body] = random.pick(bodies);
    send(body, { n, caseId: case_id, kind, readAt: clock.now(), isPrompt: false });
  };

  /** One case has its turn; one that is long, or has been open for long, makes room for another. */
  const goOn = () => {
    const at = random.int(0, open.length - 1);
    const of = open[at] as Case;
    converse(of);
    if (of.messages.length % 150 < 30 || of.index % 20 === 1) return;
    open[at] = openCase();
    if (of.index % 3 === 0) clock.after(world, DAY_MS, () => Object.assign(of, { isClosed: true }));
  };

  return {
    receipts: () => receipts,
    openCase,
    bad,
    readNow,
    write,
    start(untilMs: number) {
      while (open.length < OPEN_CASES) open.push(openCase());
      const repeat = (run: () => void, meanMs: () => number) => {
        clock.after(world, random.wait(meanMs()), () => {
          if (clock.now() >= untilMs) return;
          run();
          repeat(run, meanMs);
        });
      };
      repeat(goOn, () => DAY_MS / PER_DAY / activityAt(clock.now()));
      repeat(
        () => faults.on('bad_receipts') && bad(),
        () => 4 * MINUTE_MS,
      );
    },
    /** Many at once, of cases of their own. */
    burst() {
      for (let i = 0; i < BURST; i++) {
        clock.after(world, random.between(0, MINUTE_MS), () => {
          const of = i % 3 ? openCase() : (open[i % open.length] as Case);
          write(of, false);
          clock.after(world, random.between(2, 60) * SECOND_MS, () => readNow(of));
        });
      }
    },
  };
};

export type People = ReturnType<typeof createPeople>;
