import type { Clock } from '../engine/clock.ts';
import type { Random } from '../engine/random.ts';
import type { Oracle, Tracked } from '../oracle/oracle.ts';
import type { Faults } from './faults.ts';
import type { Case, Huawei } from './huawei.ts';
import type { Queue } from './sqs.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const OPEN_CASES = 60;
const BURST = 1_000;
const PAST = 120;
const LANGUAGES = [undefined, undefined, undefined, 'en-us', 'zh-cn'] as const;

/** How much goes on at an hour of the day, on average 1. */
const activityAt = (atMs: number): number => {
  const hour = (atMs % DAY_MS) / HOUR_MS;
  return hour >= 7 && hour < 19 ? 1.85 : 0.15;
};

const isoOf = (atMs: number, form: number): string => {
  const whole = new Date(atMs).toISOString();
  if (form === 0) return whole;
  if (form === 1) return `${whole.slice(0, 19)}Z`;
  const there = new Date(atMs + 8 * HOUR_MS).toISOString();
  return form === 2 ? `${there.slice(0, 23)}+08:00` : `${there.slice(0, 19).replace('T', ' ')}+0800`;
};

const wrap = (receipt: object, sentAt: number, form: number): string => {
  const time = new Date(sentAt).toISOString();
  if (form === 0)
    return JSON.stringify({ Type: 'Notification', Message: JSON.stringify(receipt), Timestamp: time });
  if (form === 1) return JSON.stringify({ 'detail-type': 'read', time, detail: receipt });
  if (form === 2) return JSON.stringify({ specversion: '1.0', type: 'read', time, data: receipt });
  return JSON.stringify(receipt);
};

interface Options {
  clock: Clock;
  random: Random;
  faults: Faults;
  huawei: Huawei;
  queue: Queue;
  oracle: Oracle;
  /** Receipts a day, on average. */
  perDay: number;
}

/** The desk: the other side writes, people read, and their apps send receipts. */
export const createPeople = ({ clock, random, faults, huawei, queue, oracle, perDay }: Options) => {
  const { world } = clock;
  const open: Case[] = [];
  let cases = 0;
  let receipts = 0;

  const openCase = (): Case => {
    const index = cases++;
    const created: Case = {
      id: `case-${index}`,
      index,
      group: index % 5 === 3 ? `group-${index % 7}` : undefined,
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

  const send = (body: string, tracked: Omit<Tracked, 'sentAt' | 'copies' | 'n'>, n: number) => {
    oracle.receipts.set(n, { ...tracked, n, sentAt: clock.now(), copies: 0 });
    const trace = n % 10 === 0 ? { traceHeader: 'Root=1-00000000-000000000000000000000000' } : {};
    const attributes = n % 8 === 0 ? { source: { DataType: 'String', StringValue: `app-${n % 3}` } } : {};
    queue.add(
      { body, attributes, ...trace, ...(n % 6 === 0 && { groupId: `tenant-${n % 4}` }) },
      clock.now(),
    );
  };

  /** A person has read; the app says so at once, or much later. */
  const report = (of: Case, { isColleague = false } = {}) => {
    const readAt = clock.now();
    const isPrompt = !isColleague && !of.isClosed && !huawei.isOdd(of);
    const isLate = faults.on('late_apps') && random.chance(0.5);
    const offMs = faults.on('clocks_off') ? random.between(-10, 10) * MINUTE_MS : random.between(-500, 500);
    // By a clock that is minutes behind, a receipt is late from the start.
    const seemsLate = offMs < -MINUTE_MS / 2;
    const names = random.chance(isLate ? 0.7 : 0.8);
    const language = random.pick(LANGUAGES);
    const isZoned = random.chance(0.05);
    const forms = [random.int(0, 3), random.int(0, 12)] as const;
    const delayMs = isLate ? random.between(MINUTE_MS, 8 * HOUR_MS) : random.between(100, 2 * SECOND_MS);
    clock.after(world, delayMs, () => {
      const n = ++receipts;
      const receipt = {
        case_id: of.id,
        ...(of.group && !isColleague && { group_id: of.group }),
        ...(language && { language }),
        ...(isZoned && { time_zone: 'GMT+8' }),
        ...(names && { read_at: isoOf(readAt + offMs, forms[0]) }),
        n,
      };
      // An envelope is as old as its receipt.
      send(
        wrap(receipt, clock.now(), forms[1]),
        { caseId: of.id, kind: 'good', readAt, isPrompt: isPrompt && !isLate && !seemsLate },
        n,
      );
    });
  };

  const readNow = (of: Case, options = {}) => {
    of.reads.push(clock.now());
    report(of, options);
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
      if (faults.on('second_reader')) {
        clock.after(world, random.wait(10 * MINUTE_MS), () =>
          readNow(of, { isColleague: random.chance(0.5) }),
        );
      }
    });
  };

  const bad = () => {
    const n = ++receipts;
    const readAt = clock.now();
    const of = { caseId: `unknown-${n}`, readAt, isPrompt: false };
    const kind = random.int(0, 3);
    if (kind === 0) send(`not JSON,\u2028 n=${n}`, { ...of, kind: 'malformed' }, n);
    else if (kind === 1) send(JSON.stringify({ case_id: '', n }), { ...of, kind: 'invalid' }, n);
    else if (kind === 2)
      send(JSON.stringify({ case_id: of.caseId, read_at: 'soon\u2029', n }), { ...of, kind: 'invalid' }, n);
    else send(JSON.stringify({ case_id: of.caseId, n }), { ...of, kind: 'good' }, n);
  };

  const next = (run: () => void, meanMs: () => number, untilMs: number) => {
    const again = () => {
      if (clock.now() >= untilMs) return;
      run();
      clock.after(world, random.wait(meanMs()), again);
    };
    clock.after(world, random.wait(meanMs()), again);
  };

  return {
    get receipts() {
      return receipts;
    },
    openCase,
    bad,
    readNow,
    write,
    report,
    start(untilMs: number) {
      while (open.length < OPEN_CASES) open.push(openCase());
      const meanMs = () => DAY_MS / (perDay / 1.08) / activityAt(clock.now());
      next(
        () => {
          const at = random.int(0, open.length - 1);
          const of = open[at] as Case;
          converse(of);
          if (of.messages.length % 150 < 30 || of.index % 20 === 1) return;
          open[at] = openCase();
          if (of.index % 3 === 0) clock.after(world, DAY_MS, () => Object.assign(of, { isClosed: true }));
        },
        meanMs,
        untilMs,
      );
      next(
        () => faults.on('bad_receipts') && bad(),
        () => 4 * MINUTE_MS,
        untilMs,
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
