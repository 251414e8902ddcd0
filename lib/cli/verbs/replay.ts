import { createReplay, type Replayed } from '../../dead-letters/replay.ts';
import type { ReplayRequest } from '../../dead-letters/request.ts';
import { commandsFor } from '../command.ts';
import { countVisible } from '../letters/collect.ts';
import { lateWords, looked, previewText, repairWords } from '../letters/preview.ts';
import { createPreview } from '../letters/summary.ts';
import { aftermathWords, waitForTaken } from '../letters/wait.ts';
import { type Options, requestOf, UsageError } from '../options.ts';
import { confirm, isUnattended, untilInterrupted } from '../screen/ask.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, number, plain, sentence } from '../screen/text.ts';
import { lateSettingsOf, openPlace, type Place } from '../stage.ts';

interface Run {
  options: Options;
  place: Place;
  request: ReplayRequest;
  signal: AbortSignal;
}

/** Everything that was asked for is done: nothing refused, nothing twice, not cut short. */
const isShort = ({ counts, trouble }: Replayed): boolean =>
  Boolean(trouble) || counts.failed + counts.duplicated > 0 || !['done', 'limit'].includes(counts.stopped);

const stays = (value: number) => `${count(value, 'letter')} ${value === 1 ? 'stays' : 'stay'}`;

/** What else there is to say of a run, or of one that would be. */
const asides = ({ counts: { guarded, failed, duplicated, stopped }, notes, trouble }: Replayed): string[] => [
  ...(guarded > 0 ? [`${stays(guarded)}: replayed too often already (--max-replays raises that).`] : []),
  ...(failed > 0 ? [`${stays(failed)}: refused, or no valid receipt after the repair.`] : []),
  ...(duplicated > 0
    ? [
        `${number(duplicated)} of the replayed may come twice, which is harmless: they could not be deleted, or SQS never said whether it took them.`,
      ]
    : []),
  ...notes.map(note => plain(sentence(note))),
  ...(stopped === 'interrupted' && !trouble ? ['It was interrupted: run it again for the rest.'] : []),
];

/** Looks at what would be sent, and sends nothing. */
const look = async ({ options: { json = false }, place, request, signal }: Run) => {
  const { lateReceipts, ...late } = await lateSettingsOf(place);
  const preview = createPreview(late);
  const total = json ? 0 : await countVisible(place.deadLetters);
  const progress = createProgress('Looked at', { total, quiet: json });
  const result = await createReplay(place)(
    { ...request, dry_run: true },
    {
      signal,
      onProgress: ({ scanned }) => progress.update(scanned),
      onChosen: (letter, body) => preview.add(letter, body),
    },
  );
  progress.end();
  return { preview: preview.summary(), result, lateReceipts };
};
type Looked = Awaited<ReturnType<typeof look>>;

const describe = (verb: string, { preview, result, lateReceipts }: Looked, { place, request }: Run): string =>
  [
    `${verb} ${count(preview.letters, 'dead letter')} to ${plain(place.name)}. ${looked(result.counts, 'match')}\n`,
    previewText(preview),
    '',
    ...repairWords(request.set),
    ...lateWords(preview, lateReceipts),
    ...asides(result),
  ].join('\n');

/** What went wrong for every letter is an error; what was counted before is true all the same. */
const tellTrouble = ({ trouble }: Replayed) => {
  if (trouble) tell(sentence(trouble));
};

const nothing = (words: string, result: Replayed) => {
  if (!result.trouble) print([`${words} ${looked(result.counts, 'match')}`, ...asides(result)].join('\n'));
};

const dryRun = async (run: Run): Promise<number> => {
  const seen = await look(run);
  const { preview, result, lateReceipts = 'unknown' } = seen;
  if (run.options.json) {
    const { source } = run.place;
    const { set = {} } = run.request;
    printJson({ ...result.counts, to: source.url, set, late_receipts: lateReceipts, preview });
    for (const words of asides(result)) tell(words);
  } else if (preview.letters === 0) nothing('Would replay nothing.', result);
  else print(`${describe('Would replay', seen, run)}\nNothing was changed.`);
  tellTrouble(result);
  return isShort(result) ? 1 : 0;
};

/** @returns how many would go, or the exit code where nothing goes */
const ask = async (run: Run): Promise<{ expected: number } | { code: number }> => {
  const seen = await look(run);
  const { preview, result } = seen;
  if (preview.letters === 0) nothing('Nothing to replay.', result);
  else tell(describe('About to replay', seen, run));
  tellTrouble(result);
  if (preview.letters === 0) return { code: isShort(result) ? 1 : 0 };
  const isCut = result.trouble !== undefined || result.counts.stopped === 'interrupted';
  const question = `\nReplay ${count(preview.letters, 'dead letter')} to ${plain(run.place.name)}?`;
  if (!isCut && (await confirm(question))) return { expected: preview.letters };
  tell('Nothing was changed.');
  return { code: 1 };
};

const act = async ({ options, place, request, signal }: Run, expected?: number): Promise<number> => {
  const { json = false, wait = false, stage } = options;
  const since = new Date();
  // Without a filter, or after a first look, it is known how many there are to send.
  const isKnown = expected !== undefined || request.all === true;
  const visible = json || expected !== undefined ? 0 : await countVisible(place.deadLetters);
  const progress = createProgress(isKnown ? 'Replayed' : 'Looked at', {
    total: expected ?? Math.min(visible, request.limit ?? visible),
    quiet: json,
    mostPerSecond: request.rate_per_second,
  });
  const result = await createReplay(place)(request, {
    signal,
    onProgress: ({ scanned, replayed, failed }) => progress.update(isKnown ? replayed + failed : scanned),
  });
  progress.end();
  const { replayed, remaining, scanned } = result.counts;
  const left =
    remaining === 0 ? 'No dead letters remain.' : `In the queue: ${count(remaining, 'dead letter')}.`;
  const words = [
    `${replayed > 0 ? `Replayed ${count(replayed, 'dead letter')} to ${plain(place.name)}` : 'Nothing was replayed'}. ${looked(result.counts, 'matched')}`,
    ...asides(result),
    ...(result.trouble ? [] : [left]),
  ];
  if (!json && (scanned > 0 || !result.trouble)) print(words.join('\n'));
  tellTrouble(result);

  const waits = wait && replayed > 0 && !signal.aborted;
  if (waits) tell('Waiting until the function has taken them. Ctrl-C ends the waiting alone.');
  const aftermath = waits ? await waitForTaken(place, result.sentIds, signal) : undefined;
  if (json) {
    printJson({ ...result.counts, ...(aftermath && { aftermath }) });
    for (const aside of asides(result)) tell(aside);
  } else if (aftermath) print(aftermathWords(aftermath));
  else if (replayed > 0) {
    const look = commandsFor(stage)('list', '--after', since.toISOString());
    print(`In a minute, see whether any came back dead:\n${look}`);
  }
  const cameBack = Object.keys(aftermath?.dead ?? {}).length > 0;
  return isShort(result) || cameBack || (wait && replayed > 0 && !aftermath?.taken) ? 1 : 0;
};

export const replay = async (options: Options): Promise<number> => {
  const request = requestOf(options);
  const asks = !options.yes && !options.dryRun;
  if (asks && (isUnattended() || options.json))
    throw new UsageError(
      'Replay sends messages, and nobody can be asked here: add --yes, or --dry-run to see what would happen.',
    );
  const place = await openPlace(options.stage);
  const run = { options, place, request, signal: untilInterrupted() };
  if (options.dryRun) return dryRun(run);
  if (!asks) return act(run);
  const answer = await ask(run);
  return 'code' in answer ? answer.code : act(run, answer.expected);
};
