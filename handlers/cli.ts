#!/usr/bin/env -S node --optimize-for-size --max-semi-space-size=8
// V8 would rather reserve memory than collect garbage: with these, 100,000 letters pass through under 200 MB.
import { Command, CommanderError } from 'commander';
import {
  addCommon,
  addFilter,
  addLimit,
  addReplay,
  addSafety,
  type Options,
  UsageError,
} from '../lib/cli/options.ts';
import { openQueues } from '../lib/cli/queues.ts';
import { tell } from '../lib/cli/screen.ts';
import { discard } from '../lib/cli/verbs/discard.ts';
import { doctor } from '../lib/cli/verbs/doctor.ts';
import { list } from '../lib/cli/verbs/list.ts';
import { replay } from '../lib/cli/verbs/replay.ts';
import { send } from '../lib/cli/verbs/send.ts';
import { show } from '../lib/cli/verbs/show.ts';
import { status } from '../lib/cli/verbs/status.ts';

type Queues = Awaited<ReturnType<typeof openQueues>>;

/** All was done. A shortfall is 1. */
let exitCode = 0;

const run = (verb: (queues: Queues, options: Options) => Promise<number>) => async (options: Options) => {
  exitCode = await verb(await openQueues(options.stage), options);
};

const program = new Command('relay')
  .description('Read receipts and their dead letters: send, see, repair, replay.')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride();

const verb = (usage: string, description: string, example: string) =>
  addCommon(program.command(usage).description(description)).addHelpText('after', `\nExample:\n  ${example}`);

verb(
  'send [files...]',
  'send receipts, or archived dead letters, from options, files or standard input (JSON Lines)',
  'relay send --case 8f5a --group g-1\n  relay send receipts.jsonl --from 1201',
)
  .option('--case <id>', 'case_id of one receipt')
  .option('--group <id>', 'its group_id')
  .option('--language <language>', 'its language')
  .option('--time-zone <zone>', 'its time_zone')
  .option('--read-at <time>', 'its read_at, ISO 8601 with offset')
  .option('--from <line>', 'go on at this line of the file', Number)
  .action((files: string[], options) => run((queues, options) => send(queues, files, options))(options));

verb('status', 'how full both queues are, and dead letters by code', 'relay status --stage prod').action(
  run(status),
);

addLimit(
  addFilter(
    verb('list', 'dead letters, grouped by why they died', 'relay list --code forbidden --after 12h'),
  ),
  'dead letters',
).action(run(list));

verb('show <id>', 'one dead letter in full', 'relay show 5fea7756-0ea4-451a-a703-a558b933e274').action(
  (id: string, options) => run((queues, options) => show(queues, id, options))(options),
);

addSafety(
  addReplay(
    addLimit(
      addFilter(
        verb(
          'replay',
          'repair dead letters and send them back',
          'relay replay --code forbidden --set group_id=g-1 --rate 50',
        ),
      ),
      'to send',
    ),
  ),
).action(run(replay));

addSafety(
  addLimit(
    addFilter(
      verb(
        'discard',
        'write dead letters to a file and remove them for good',
        'relay discard --code malformed --archive gone.jsonl',
      ),
    ),
    'to remove',
  ).option('--archive <file>', 'where to write them first, a new file (default: dead-letters-TIME.jsonl)'),
).action(run(discard));

verb(
  'doctor',
  'check everything that must be right, and say what to do where it is not; with --stage inside the function',
  'relay doctor --stage prod',
).action(async (options: Options) => {
  exitCode = await doctor(options);
});

// Whoever reads has read enough: `relay … | head`.
process.stdout.on('error', () => process.exit(exitCode));

try {
  await program.parseAsync();
} catch (error) {
  // Commander has already said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    exitCode = error instanceof UsageError ? 2 : 1;
    tell((error as Error).message);
  }
}
process.exitCode = exitCode;
