// Jest's own modules stay real, so the simulation runs where it always does: in processes of its own.
import { spawn } from 'node:child_process';

interface Run {
  code: number | null;
  output: string;
  errors: string;
}

const simulate = (...options: string[]) =>
  new Promise<Run>(resolve => {
    const child = spawn(process.execPath, ['simulation/simulate.ts', ...options]);
    const run: Run = { code: null, output: '', errors: '' };
    child.stdout.on('data', data => {
      run.output += data;
    });
    child.stderr.on('data', data => {
      run.errors += data;
    });
    child.on('close', code => resolve({ ...run, code }));
  });

const documentOf = async (...options: string[]) => {
  const { output } = await simulate(...options, '--json');
  return JSON.parse(output);
};

const PATIENCE_MS = 120_000;

test(
  'a seed tells the same story each time, also where the real event loop turns after every event',
  async () => {
    const days = ['--days', '1', '--faults', 'kills,sqs_partial'];
    const [first, turned, other] = await Promise.all([
      documentOf(...days, '--seed', '7'),
      documentOf(...days, '--seed', '7', '--turns'),
      documentOf(...days, '--seed', '8'),
    ]);
    expect(turned.trace).toBe(first.trace);
    expect(other.trace).not.toBe(first.trace);
    expect(first).toMatchObject({ seed: 7, days: 1, broken: 0 });
    expect(first.receipts).toBeGreaterThan(500);
    expect(Object.keys(first.hidden)).toEqual(['race', 'fresh', 'unchecked', 'sender', 'asked', 'broken']);
    expect(typeof first.seconds).toBe('number');
  },
  PATIENCE_MS,
);

test(
  'wrong use is exit 2 and says what there is',
  async () => {
    for (const options of [['--faults', 'sunshine'], ['--days', 'many'], ['--nonsense']]) {
      const { code, errors } = await simulate(...options);
      expect(code).toBe(2);
      expect(errors).toContain('--faults <a,b>');
    }
  },
  PATIENCE_MS,
);
