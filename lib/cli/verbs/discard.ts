import { existsSync } from 'node:fs';
import { createArchive } from '../../dead-letters/archive.ts';
import { discard as discardLetters } from '../../dead-letters/discard.ts';
import { commandsFor } from '../command.ts';
import { askFirst, isShort, type Outcome, refuseUnattended, tellOutcome } from '../letters/ask-first.ts';
import { countVisible } from '../letters/collect.ts';
import { createPreview } from '../letters/preview.ts';
import { restWords } from '../letters/replay-words.ts';
import { type Options, optionWords, requestOf } from '../options.ts';
import { untilInterrupted } from '../screen/ask.ts';
import { print, printJson } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, plain, whyOf } from '../screen/text.ts';
import { nameOf, openPlace } from '../stage.ts';

interface DiscardOptions extends Options {
  archive?: string;
}

/** What else there is to say of a run, or of one that would be. */
const asidesOf = ({ counts, trouble }: Outcome, again: string): string[] => [
  ...(counts.failed > 0
    ? [
        `Written to the archive, but not removed: ${count(counts.failed, 'letter')}. They are still in the queue.`,
      ]
    : []),
  ...(trouble ? [] : restWords(counts, again)),
  ...(counts.stopped === 'scan_limit'
    ? ['It held 100,000 letters and looked no further: narrow the filter or run it again.']
    : []),
];

export const discard = async (options: DiscardOptions): Promise<number> => {
  const { json = false, stage } = options;
  const { filter, limit } = requestOf(options);
  refuseUnattended(options, 'Discard removes messages for good');
  const file = options.archive ?? `dead-letters-${new Date().toISOString().replaceAll(':', '-')}.jsonl`;
  if (existsSync(file))
    throw new Error(
      `There is a file ${plain(file)} already, and letters are never mixed with what it holds: name a new one, --archive FILE, or leave that out. Nothing was removed.`,
    );
  const place = await openPlace(stage);
  const signal = untilInterrupted();
  const again = commandsFor(stage)('discard', ...optionWords(options));
  const asides = (result: Outcome) => asidesOf(result, again);
  const plan = { ...(filter && { filter }), ...(limit !== undefined && { limit }) };
  const first = await askFirst({
    ...{ verb: 'discard', options, place, asides },
    where: `of ${plain(stage === undefined ? nameOf(place.deadLetters) : place.name)}`,
    preview: createPreview(),
    dryRun: told =>
      discardLetters(place.deadLetters, { ...plan, dryRun: true }, async () => {}, { signal, ...told }),
    // The name that a later run would find for itself is not known yet.
    warnings: () => [
      `They would be written to ${options.dryRun && !options.archive ? 'a file named by the time' : plain(file)} first, and then removed for good.`,
    ],
    inJson: { from: place.deadLetters.url },
  });
  if ('code' in first) return first.code;

  const archive = createArchive(file);
  const write: typeof archive.write = letters =>
    archive.write(letters).catch(error => {
      throw new Error(`${plain(file)}: ${whyOf(error)}`, { cause: error });
    });
  const progress = createProgress('Looked at', await countVisible(place.deadLetters, json));
  const onProgress = ({ scanned }: Outcome['counts']) => progress.update(scanned);
  const result = await discardLetters(place.deadLetters, plan, write, { signal, onProgress });
  progress.end();
  await archive.close();
  const { discarded } = result.counts;
  const written = archive.holdsLetters() ? file : undefined;
  if (json) printJson({ ...result.counts, archive: written });
  const did = discarded > 0 ? `Discarded ${count(discarded, 'dead letter')}` : 'Nothing was discarded';
  tellOutcome(json, did, result, asides(result));
  if (written && !json)
    print(
      `They are in ${plain(written)}. To put them back, into the queue of receipts:\n${commandsFor(stage)('send', written)}`,
    );
  return isShort(result) ? 1 : 0;
};
