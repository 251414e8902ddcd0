import { createInterface } from 'node:readline/promises';
import cliProgress from 'cli-progress';

/** What others wrote goes to the terminal without anything that a terminal obeys. */
export const plain = (text: string): string =>
  text.replace(/\p{Cc}/gu, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

export const print = (text = '') => process.stdout.write(`${text}\n`);
/** For people beside the result: standard output stays what was asked for. */
export const tell = (text: string) =>
  process.stderr.write(`${text.replace(/^[a-z](?=[a-z]* )/, first => first.toUpperCase())}\n`);
export const printJson = (document: unknown) => print(JSON.stringify(document, undefined, 2));

const shorten = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

/** Columns under their names, as wide as they need to be; the last one is cut at the edge of a terminal. */
export const table = (names: string[], rows: string[][]): string => {
  const lines = [names, ...rows.map(row => row.map(plain))];
  const widths = names.map((_, column) => Math.max(...lines.map(row => (row[column] ?? '').length)));
  const edge = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  return lines
    .map(row =>
      shorten(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
        edge,
      ),
    )
    .join('\n');
};

export const number = (value: number): string => value.toLocaleString('en-US');
/** `1 dead letter`, `2 dead letters`. */
export const count = (value: number, noun: string): string =>
  `${number(value)} ${noun}${value === 1 ? '' : 's'}`;

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;
export const ago = (at: number, now = Date.now()): string => {
  const passed = Math.max(0, now - at);
  const [unit, name] = UNITS.find(([size]) => passed >= 2 * size) ?? [1_000, 's'];
  return `${Math.floor(passed / unit)} ${name} ago`;
};

const LINE_EVERY_MS = 5_000;

/** The bar on the terminal now, which must go before anything else is written there. */
let endBar = () => {};

/** A bar with rate and remaining time on a terminal, a line from time to time elsewhere; on standard error. */
export const createProgress = (what: string, total: number, quiet: boolean) => {
  const start = performance.now();
  const rate = (done: number) => done / Math.max(0.001, (performance.now() - start) / 1000);
  if (quiet || total === 0) return { update: () => {}, end: () => {} };
  if (!process.stderr.isTTY) {
    let told = start;
    const line = (done: number) =>
      tell(`${what}: ${number(done)} of about ${number(total)}, ${number(Math.round(rate(done)))} a second`);
    return {
      update(done: number) {
        if (performance.now() - told < LINE_EVERY_MS) return;
        told = performance.now();
        line(done);
      },
      end: () => {},
    };
  }
  const bar = new cliProgress.SingleBar(
    {
      format: `${what} {bar} {value}/{total} · {rate} a second · {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      gracefulExit: false,
      clearOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0, { rate: 0 });
  let isOver = false;
  const end = () => {
    if (!isOver) bar.stop();
    isOver = true;
  };
  endBar = end;
  return {
    update(done: number) {
      if (isOver) return;
      // More may be there than SQS said.
      if (done > bar.getTotal()) bar.setTotal(done);
      bar.update(done, { rate: Math.round(rate(done)) });
    },
    end,
  };
};

/** Asks on the terminal; anything but yes is no. */
export const confirm = async (question: string): Promise<boolean> => {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D are a no.
    const answer = await new Promise<string>(resolve => {
      asking.once('SIGINT', () => resolve(''));
      asking.once('close', () => resolve(''));
      asking.question(`${question} [y/N] `).then(resolve, () => resolve(''));
    });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
};

/** Nobody sits at a terminal to be asked. */
export const isAlone = (): boolean => !(process.stdin.isTTY && process.stderr.isTTY);

/** The first Ctrl-C ends what runs in good order, the second at once. */
export const untilInterrupted = (): AbortSignal => {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(130);
      interrupted.abort();
      endBar();
      tell(
        'Stopping: what is under way is finished, what was only looked at is shown again. Once more: stop at once.',
      );
    });
  }
  return interrupted.signal;
};
