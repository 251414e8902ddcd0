import type { Calls } from './calls.ts';
import { failureOf } from './ledger.ts';
import { keyOf, type Receipt } from './receipts.ts';
import type { World } from './world.ts';

/** What became of the receipts that were sent while a fault was there. */
export interface Row {
  fault: string;
  receipts: number;
  marked: number;
  /** Receipts that stand in the dead-letter queue, by code. */
  dead: Record<string, number>;
  /** Still in the source queue. */
  waiting: number;
  /** Successful calls beyond the first of each mark. */
  duplicates: number;
  calls: number;
  /** From sending a receipt to its first mark or dead letter. */
  worstDelaySeconds: number;
}

const rowOf = (world: World, calls: Calls, fault: string, receipts: Receipt[]): Row => {
  const standing = { source: world.standing('receipts'), dead: world.standing('dead-letters') };
  const row: Row = {
    fault,
    receipts: receipts.length,
    marked: 0,
    dead: {},
    waiting: 0,
    duplicates: 0,
    calls: 0,
    worstDelaySeconds: 0,
  };
  const keys = new Set<string>();
  for (const receipt of receipts) {
    const messages = world.ledger.of(receipt);
    const sentAt = messages[0]?.sentAt ?? 0;
    const ends: number[] = [];
    let isMarked = false;
    for (const { id, queue, verdict, ...message } of messages) {
      if (queue === 'dead-letters') {
        ends.push(message.sentAt);
        if (!standing.dead.has(id)) continue;
        const code = failureOf({ id, queue, verdict, ...message })?.code ?? 'unknown';
        row.dead[code] = (row.dead[code] ?? 0) + 1;
        continue;
      }
      if (standing.source.has(id)) row.waiting += 1;
      if (!('mark' in verdict)) continue;
      const key = keyOf(verdict.mark);
      keys.add(key);
      const mark = calls.of(key).find(call => call.meaning === 'marked' && call.at >= sentAt);
      if (!mark) continue;
      isMarked = true;
      ends.push(mark.at);
    }
    if (isMarked) row.marked += 1;
    if (ends.length > 0) {
      row.worstDelaySeconds = Math.max(row.worstDelaySeconds, (Math.min(...ends) - sentAt) / 1000);
    }
  }
  for (const key of keys) {
    const made = calls.of(key);
    row.calls += made.length;
    row.duplicates += Math.max(0, made.filter(({ meaning }) => meaning === 'marked').length - 1);
  }
  return row;
};

/** A row per fault, in the order of sending. */
export const tableOf = (world: World, calls: Calls): Row[] =>
  [...Map.groupBy(world.ledger.receipts.values(), ({ fault }) => fault)].map(([fault, receipts]) =>
    rowOf(world, calls, fault, receipts),
  );

const HEADINGS = [
  'fault',
  'receipts',
  'marked',
  'waiting',
  'duplicates',
  'calls',
  'worst delay',
  'dead by code',
];

/** The table as text, its columns under each other. */
export const print = (rows: Row[]): string => {
  const cells = rows.map(row => [
    row.fault,
    String(row.receipts),
    String(row.marked),
    String(row.waiting),
    String(row.duplicates),
    String(row.calls),
    `${row.worstDelaySeconds.toFixed(1)} s`,
    Object.entries(row.dead)
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
  ]);
  const sum = (of: (row: Row) => number) => String(rows.reduce((total, row) => total + of(row), 0));
  const worst = Math.max(0, ...rows.map(row => row.worstDelaySeconds));
  const dead = sum(row => Object.values(row.dead).reduce((total, count) => total + count, 0));
  const total = [
    'all',
    sum(row => row.receipts),
    sum(row => row.marked),
    sum(row => row.waiting),
    sum(row => row.duplicates),
    sum(row => row.calls),
    `${worst.toFixed(1)} s`,
    dead,
  ];
  const lines = [HEADINGS, ...cells, total];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)));
  const isNumber = (column: number) => column > 0 && column < HEADINGS.length - 1;
  return lines
    .map(line =>
      line
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};
