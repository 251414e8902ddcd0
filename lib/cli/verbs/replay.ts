import { createReplay, type Replayed } from '../../dead-letters/replay.ts';
import { commandsFor } from '../command.ts';
import { askFirst, isShort, refuseUnattended, tellOutcome } from '../letters/ask-first.ts';
import { countVisible } from '../letters/collect.ts';
import { createPreview } from '../letters/preview.ts';
import { aftermathWords, waitForTaken } from '../letters/wait.ts';
import { replayWarnings } from '../letters/warnings.ts';
import { type Options, requestOf } from '../options.ts';
import { untilInterrupted } from '../screen/ask.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, number, plain, sentence } from '../screen/text.ts';
import { lateSettingsOf, openPlace } from '../stage.ts';

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

export const replay = async (options: Options): Promise<number> => {
  const { json = false, wait = false, stage } = options;
  const request = requestOf(options);
  refuseUnattended(options, 'Replay sends messages');
  const place = await openPlace(stage);
  const signal = untilInterrupted();
  const run = createReplay(place);
  const where = `to ${plain(place.name)}`;
  const { lateReceipts, ...late } = options.yes && !options.dryRun ? {} : await lateSettingsOf(place);
  const first = await askFirst({
    ...{ verb: 'replay', options, place, where, asides },
    preview: createPreview(late),
    dryRun: told => run({ ...request, dry_run: true }, { signal, ...told }),
    warnings: preview => replayWarnings(preview, request.set, lateReceipts),
    inJson: { to: place.source.url, set: request.set ?? {}, late_receipts: lateReceipts ?? 'unknown' },
  });
  if ('code' in first) return first.code;

  const { expected } = first;
  const since = new Date();
  // After a first look it is known how many there are to send.
  const progress = createProgress(expected === undefined ? 'Looked at' : 'Replayed', {
    total: json ? 0 : (expected ?? (await countVisible(place.deadLetters))),
    quiet: json,
    mostPerSecond: request.rate_per_second,
  });
  const result = await run(request, {
    signal,
    onProgress: ({ scanned, replayed, failed }) =>
      progress.update(expected === undefined ? scanned : replayed + failed),
  });
  progress.end();
  const { replayed } = result.counts;
  const did = replayed > 0 ? `Replayed ${count(replayed, 'dead letter')} ${where}` : 'Nothing was replayed';
  tellOutcome(json, did, result, asides(result));

  const waits = wait && replayed > 0 && !signal.aborted;
  if (waits) tell('Waiting until the function has taken them. Ctrl-C ends the waiting alone.');
  const aftermath = waits ? await waitForTaken(place, result.sentIds, signal) : undefined;
  if (json) printJson({ ...result.counts, ...(aftermath && { aftermath }) });
  else if (aftermath) print(aftermathWords(aftermath));
  else if (replayed > 0) {
    const look = commandsFor(stage)('list', '--after', since.toISOString());
    print(`In a minute, see whether any came back dead:\n${look}`);
  }
  const cameBack = Object.keys(aftermath?.dead ?? {}).length > 0;
  return isShort(result) || cameBack || (wait && replayed > 0 && !aftermath?.taken) ? 1 : 0;
};
