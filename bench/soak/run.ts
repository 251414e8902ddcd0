// `npm run soak`: nothing lost, nothing lied. Drives receipts through the packaged functions while everything
// around them fails, and proves for each one what became of it.
import { parseArgs } from 'node:util';
import { withBundles } from './bundles.ts';
import { proveDefectsAreCaught } from './defects.ts';
import { faults } from './faults.ts';
import { defaultPlan, shortPlan } from './plans.ts';
import { createProgress } from './progress.ts';
import { type Plan, type Result, soak } from './soak.ts';
import { print } from './table.ts';

const USAGE = `npm run soak -- [options]
  --receipts N   how many receipts (20000; with --short 1400)
  --seed N       the order of the faults and everything else that is left to chance; repeats a run
  --fault NAME   only this fault; can be given several times
  --short        every fault once, as fast as it goes
  --defects      plants known defects in the function, one at a time, and shows that each is caught
  --json         one JSON document on standard output
Faults: ${faults.map(({ name }) => name).join(', ')}
`;

const MOST_PROMISES_SHOWN = 10;

const read = () => {
  const { values } = parseArgs({
    options: {
      receipts: { type: 'string' },
      seed: { type: 'string' },
      fault: { type: 'string', multiple: true, default: [] },
      short: { type: 'boolean', default: false },
      defects: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const whole = (name: 'receipts' | 'seed', otherwise: number): number => {
    const text = values[name];
    if (text === undefined) return otherwise;
    if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} takes a whole number, not "${text}".`);
    return Number(text);
  };
  for (const name of values.fault) {
    if (!faults.some(fault => fault.name === name)) throw new Error(`There is no fault "${name}".`);
  }
  const plan = values.short ? shortPlan : defaultPlan;
  return {
    ...values,
    plan: {
      ...plan,
      faults: values.fault,
      receipts: whole('receipts', plan.receipts),
      seed: whole('seed', Math.floor(Math.random() * 1e6)),
    } satisfies Omit<Plan, 'folder'>,
  };
};

const sentencesOf = ({ rows, broken, story, ...result }: Result, plan: Omit<Plan, 'folder'>): string => {
  const receipts = rows.reduce((sum, row) => sum + row.receipts, 0);
  const options = plan.faults.map(name => ` --fault ${name}`).join('');
  const short = plan.isShort ? ' --short' : '';
  return [
    print(rows),
    '',
    `${receipts} receipts in ${Math.round(result.seconds)} s, through ${result.instances} instances and ${result.batches.settled + result.batches.broken} batches (${result.batches.broken} of them killed or out of time); ${result.replays.runs} replay runs sent ${result.replays.replayed} back; ${result.logLines} log lines read.`,
    `Repeat with: npm run soak -- --seed ${plan.seed} --receipts ${plan.receipts}${short}${options}`,
    broken.length === 0
      ? 'Every promise was kept.'
      : `${broken.length} broken ${broken.length === 1 ? 'promise' : 'promises'}:`,
    ...broken
      .slice(0, MOST_PROMISES_SHOWN)
      .map(
        ({ promise, receipt }) =>
          `- ${receipt ? `receipt ${receipt.id} (${receipt.fault}): ` : ''}${promise}`,
      ),
    ...(story ? ['', 'The story of the first:', story] : []),
  ].join('\n');
};

const main = async () => {
  const { plan, json, defects, help } = read();
  if (help) {
    process.stdout.write(USAGE);
    return;
  }
  if (defects) {
    process.exitCode = (await proveDefectsAreCaught(plan.seed)) ? 0 : 1;
    return;
  }
  const progress = createProgress();
  const result = await withBundles(folder => soak({ ...plan, folder }, progress.tell));
  progress.end();
  process.stdout.write(
    json ? `${JSON.stringify({ seed: plan.seed, ...result })}\n` : `${sentencesOf(result, plan)}\n`,
  );
  process.exitCode = result.broken.length > 0 ? 1 : 0;
};

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 2;
}
