import { createReplay, type Replayed } from '../../dead-letters/replay.ts';
import { commandsFor } from '../command.ts';
import { askFirst, isShort, refuseUnattended, tellOutcome } from '../letters/ask-first.ts';
import { countVisible } from '../letters/collect.ts';
import { createPreview } from '../letters/preview.ts';
import { replayAsides, replayWarnings } from '../letters/replay-words.ts';
import { aftermathWords, waitForTaken } from '../letters/wait.ts';
import { type Options, optionWords, requestOf } from '../options.ts';
import { STOPPING, untilInterrupted } from '../screen/ask.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, plain } from '../screen/text.ts';
import { lateSettingsOf, openPlace } from '../stage.ts';

export const replay = async (options: Options): Promise<number> => {
  const { json = false, wait = false, stage } = options;
  const request = requestOf(options);
  refuseUnattended(options, 'Replay sends messages');
  const place = await openPlace(stage);
  let isWaiting = false;
  const signal = untilInterrupted(() =>
    isWaiting ? 'Waiting no longer: what was sent stays sent.' : STOPPING,
  );
  const run = createReplay(place);
  const again = (...more: string[]) => commandsFor(stage)('replay', ...optionWords(options), ...more);
  const asides = (result: Replayed) => replayAsides(result, { again, maxReplays: options.maxReplays });
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
  const total = expected ?? (await countVisible(place.deadLetters, json));
  const what = expected === undefined ? 'Looked at' : 'Replayed';
  const progress = createProgress(what, total, request.rate_per_second);
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
  isWaiting = waits;
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
