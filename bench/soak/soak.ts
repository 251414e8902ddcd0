import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, faults } from './faults.ts';
import type { Pace } from './plans.ts';
import { type Broken, prove } from './proof.ts';
import { createDice } from './random.ts';
import { generate, type Receipt } from './receipts.ts';
import { startReplays } from './replays.ts';
import { storyOf } from './story.ts';
import { type Row, tableOf } from './table.ts';
import { createWorld, type World } from './world.ts';

export interface Plan {
  /** The folder of both bundles. */
  folder: string;
  receipts: number;
  seed: number;
  /** By name; all where empty. */
  faults: string[];
  isShort: boolean;
  /** Faults end only when all is over. */
  staysToTheEnd?: boolean;
  /** How long receipts arrive while a fault is there. */
  faultMs: number;
  /** How long it stays at most until their first batches are settled. */
  settleMs: number;
  /** How long the service has to get over it before the next comes. */
  restMs: number;
  /** How long the queue may take to run empty when all is over. */
  drainMs: number;
  pace: Pace;
}

export interface Progress {
  fault: string;
  /** Of the faults, this is the so-manieth. */
  step: number;
  steps: number;
  sent: number;
  calls: number;
  waiting: number;
}

export interface Result {
  rows: Row[];
  broken: Broken[];
  /** All that happened to the receipt of the first broken promise. */
  story?: string;
  seconds: number;
  instances: number;
  batches: { settled: number; broken: number };
  replays: { runs: number; replayed: number };
  logLines: number;
}

/** Receipts come in so many bursts per fault: some before it strikes, some amid. */
const BURSTS = 4;
const LOOK_MS = 20;

/** The faults in an order of the seed; the first one stays, as it needs the longest. */
const scheduleOf = ({ faults: wanted, seed }: Plan): Fault[] => {
  const dice = createDice(seed, 'schedule');
  const chosen = faults.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const [first, ...others] = chosen;
  const shuffled = others.map(fault => ({ fault, at: dice.roll() })).sort((a, b) => a.at - b.at);
  return first ? [first, ...shuffled.map(({ fault }) => fault)] : [];
};

const wereTried = ({ ledger, batches }: World, receipts: Receipt[]): boolean =>
  receipts.every(receipt => batches.tried.has(ledger.of(receipt)[0]?.id ?? ''));

/** One fault: it strikes, receipts arrive, their batches run, it ends. */
const strike = async (world: World, plan: Plan, fault: Fault, first: number, count: number) => {
  const dice = createDice(plan.seed, fault.name);
  const receipts = generate(fault.name, first, count, dice);
  const undo = fault.arm(world, dice);
  for (let burst = 0; burst < BURSTS; burst++) {
    const from = Math.round((burst * count) / BURSTS);
    const to = Math.round(((burst + 1) * count) / BURSTS);
    for (const receipt of receipts.slice(from, to)) world.send(receipt);
    await sleep(plan.faultMs / BURSTS);
  }
  const until = Date.now() + plan.settleMs;
  while (Date.now() < until && !wereTried(world, receipts)) await sleep(LOOK_MS);
  if (plan.staysToTheEnd) return undo;
  if (!plan.isShort) await sleep(fault.lastsMs ?? 0);
  undo();
  await sleep(plan.restMs);
  // Lambda replaces instances when it likes to. A short run cannot wait for an open breaker to probe.
  if (plan.isShort ? fault.opensBreaker : dice.chance(0.3)) await world.instances.recycle();
  return () => {};
};

/** Runs the whole plan, then looks for a promise that was not kept. */
export const soak = async (plan: Plan, onProgress: (progress: Progress) => void): Promise<Result> => {
  const started = performance.now();
  const schedule = scheduleOf(plan);
  const world = await createWorld(plan.folder, plan.pace);
  const replays = startReplays(world, createDice(plan.seed, 'replay'));
  const undone: (() => void)[] = [];
  try {
    let sent = 0;
    const tell = (fault: string, step: number) =>
      onProgress({
        fault,
        step,
        steps: schedule.length,
        sent,
        calls: world.huawei.requests.length,
        waiting: world.standing('receipts').size,
      });
    for (const [step, fault] of schedule.entries()) {
      const until = Math.round((plan.receipts * (step + 1)) / schedule.length);
      tell(fault.name, step + 1);
      undone.push(await strike(world, plan, fault, sent, until - sent));
      sent = until;
    }
    await replays.stop();
    const drained = Date.now() + plan.drainMs;
    while (Date.now() < drained && world.standing('receipts').size > 0) {
      tell('the end', schedule.length);
      await sleep(500);
    }
    await world.stopReceiving();
    const { broken, calls } = prove(world);
    const receipt = broken.find(each => each.receipt)?.receipt;
    return {
      ...(receipt && { story: storyOf(world, calls, receipt) }),
      rows: tableOf(world, calls),
      broken,
      seconds: (performance.now() - started) / 1000,
      instances: world.instances.started(),
      batches: { settled: world.batches.settled, broken: world.batches.broken },
      replays: replays.counts,
      logLines: world.watch.lines(),
    };
  } finally {
    for (const undo of undone) undo();
    await world.replay.stop();
    await replays.stop();
    await world.close();
  }
};
