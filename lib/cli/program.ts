import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { NAME } from './command.ts';
import {
  addCommon,
  addFilter,
  addRepair,
  addSafety,
  type Options,
  text,
  UsageError,
  whole,
} from './options.ts';
import { outliveReaders, tell } from './screen/output.ts';
import { discard } from './verbs/discard.ts';
import { doctor } from './verbs/doctor.ts';
import { list } from './verbs/list.ts';
import { replay } from './verbs/replay.ts';
import { send } from './verbs/send.ts';
import { show } from './verbs/show.ts';
import { status } from './verbs/status.ts';

/** All was done. A shortfall is 1, wrong use 2. */
type ExitCode = number;
type Verb<O> = (options: O) => Promise<ExitCode>;

/** `Error: option …` of the parser, in the spelling of our own errors. */
const tellWrongUse = (message: string) =>
  tell(message.trim().replace(/^error: (.)/, (_, first: string) => first.toUpperCase()));

const build = (ended: (code: ExitCode) => void) => {
  const program = new Command(NAME)
    .description('Read receipts and their dead letters: send, see, repair, replay.')
    .version(manifest.version)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeErr: tellWrongUse })
    .exitOverride();

  const verb = (usage: string, description: string, ...examples: string[]) =>
    addCommon(program.command(usage).description(description)).addHelpText(
      'after',
      `\nFor example:\n${examples.map(words => `  npx ${NAME} ${words}`).join('\n')}`,
    );
  const acts =
    <O extends Options>(act: Verb<O>) =>
    async (options: O) =>
      ended(await act(options));

  verb(
    'send [files...]',
    'send receipts, or archived dead letters, from options, files or standard input (JSON Lines)',
    'send --case 8f5a --group g-1',
    'send receipts.jsonl --from 1201',
  )
    .option('--case <id>', 'case_id of one receipt', text)
    .option('--group <id>', 'its group_id', text)
    .option('--language <language>', 'its language', text)
    .option('--time-zone <zone>', 'its time_zone', text)
    .option('--read-at <time>', 'its read_at, ISO 8601 with offset', text)
    .option('--from <line>', 'go on at this line of the file', whole(1))
    .action((files: string[], options) => acts(options => send(files, options))(options));

  verb('status', 'how full both queues are, and dead letters by code', 'status --stage prod').action(
    acts(status),
  );

  const listing = 'list --code forbidden --after 12h';
  addFilter(verb('list', 'dead letters, grouped by why they died', listing), 'dead letters').action(
    acts(list),
  );

  verb('show <id>', 'one dead letter in full', 'show 5fea7756-0ea4-451a-a703-a558b933e274').action(
    (id: string, options) => acts(options => show(id, options))(options),
  );

  const repairing = 'replay --code forbidden --set group_id=g-1 --rate 50';
  const replaying = verb('replay', 'repair dead letters and send them back', repairing);
  addSafety(addRepair(addFilter(replaying, 'to send'))).action(acts(replay));

  const archiving = 'discard --code malformed --archive gone.jsonl';
  const discarding = verb('discard', 'write dead letters to a file and remove them for good', archiving);
  addSafety(addFilter(discarding, 'to remove'))
    .option(
      '--archive <file>',
      'where to write them first, a new file (default: dead-letters-TIME.jsonl)',
      text,
    )
    .action(acts(discard));

  verb(
    'doctor',
    'check everything that must be right, and say what to do where it is not; with --stage inside the function',
    'doctor --stage prod',
    'doctor --case 8f5a --stage prod',
  )
    .option('--case <id>', 'show how late receipts of this case are looked at; marks nothing', text)
    .option('--group <id>', 'its group_id, where Huawei wants one', text)
    .action(acts(doctor));

  const looking = 'a page on this machine: look at dead letters, repair and replay them; until Ctrl-C';
  verb('console', looking, 'console --stage prod')
    .option('--port <n>', 'the port to listen on (default: a free one)', whole(1, 65_535))
    .option('--no-open', 'open no browser')
    // Loaded by who asks for it only.
    .action(acts(async options => (await import('./console/serve.ts')).serveConsole(options)));
  return program;
};

/** Runs the command line. Sets the process's exit code; never throws. */
export const run = async (): Promise<void> => {
  outliveReaders();
  let exitCode: ExitCode = 0;
  try {
    await build(code => {
      exitCode = code;
    }).parseAsync();
  } catch (error) {
    // Commander has already said what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      exitCode = error instanceof UsageError ? 2 : 1;
      tell((error as Error).message);
    }
  }
  process.exitCode = exitCode;
};
