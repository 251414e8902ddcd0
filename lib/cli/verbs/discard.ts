import { createArchive } from '../../dead-letters/archive.ts';
import { discard as discardLetters } from '../../dead-letters/discard.ts';
import { commandsFor } from '../command.ts';
import { countVisible } from '../letters/collect.ts';
import { looked, previewText } from '../letters/preview.ts';
import { createPreview } from '../letters/summary.ts';
import { type Options, requestOf, UsageError } from '../options.ts';
import { confirm, isUnattended, untilInterrupted } from '../screen/ask.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, plain, sentence } from '../screen/text.ts';
import { nameOf, openPlace } from '../stage.ts';

interface DiscardOptions extends Options {
  archive?: string;
}

type Discarded = Awaited<ReturnType<typeof discardLetters>>;
type Archive = ReturnType<typeof createArchive>;

const isShort = ({ counts, trouble }: Discarded) =>
  Boolean(trouble) || counts.failed > 0 || !['done', 'limit'].includes(counts.stopped);

/** What else there is to say of a run. */
const asides = ({ counts: { failed, stopped }, trouble }: Discarded): string[] => [
  ...(failed > 0
    ? [`Written to the archive, but not removed: ${count(failed, 'letter')}. They are still in the queue.`]
    : []),
  ...(stopped === 'interrupted' && !trouble ? ['It was interrupted: run it again for the rest.'] : []),
  ...(stopped === 'scan_limit'
    ? ['It held 100,000 letters and looked no further: narrow the filter or run it again.']
    : []),
];

const tellTrouble = ({ trouble }: Discarded) => {
  if (trouble) tell(sentence(trouble));
};

const defaultFile = () => `dead-letters-${new Date().toISOString().replaceAll(':', '-')}.jsonl`;

export const discard = async (options: DiscardOptions): Promise<number> => {
  const { filter, limit } = requestOf(options);
  const { json = false, dryRun = false, stage } = options;
  const file = options.archive ?? defaultFile();
  const asks = !options.yes && !dryRun;
  if (asks && (isUnattended() || json))
    throw new UsageError(
      'Discard removes messages for good, and nobody can be asked here: add --yes, or --dry-run to see what would happen.',
    );
  const place = await openPlace(stage);
  const signal = untilInterrupted();
  const plan = { ...(filter && { filter }), ...(limit !== undefined && { limit }) };
  const total = json ? 0 : await countVisible(place.deadLetters);

  const run = async (archive: Pick<Archive, 'write'>, dryRun: boolean) => {
    const preview = createPreview();
    const progress = createProgress('Looked at', { total, quiet: json });
    const result = await discardLetters(place.deadLetters, { ...plan, dryRun }, archive.write, {
      signal,
      onProgress: ({ scanned }) => progress.update(scanned),
      ...(dryRun && { onChosen: letter => preview.add(letter) }),
    });
    progress.end();
    return { result, preview: preview.summary() };
  };

  if (dryRun || asks) {
    const { result, preview } = await run({ write: async () => {} }, true);
    const code = isShort(result) ? 1 : 0;
    if (dryRun && json) {
      printJson({ ...result.counts, from: place.deadLetters.url, preview });
      for (const words of asides(result)) tell(words);
      tellTrouble(result);
      return code;
    }
    if (preview.letters === 0) {
      if (!result.trouble)
        print([`Nothing to discard. ${looked(result.counts, 'match')}`, ...asides(result)].join('\n'));
      tellTrouble(result);
      return code;
    }
    const what = `${count(preview.letters, 'dead letter')} of ${plain(stage === undefined ? nameOf(place.deadLetters) : place.name)}`;
    const words = [
      `${dryRun ? 'Would discard' : 'About to discard'} ${what}. ${looked(result.counts, 'match')}\n`,
      previewText(preview),
      `\nThey would be written to ${plain(file)} first, and then removed for good.`,
      ...asides(result),
    ].join('\n');
    if (dryRun) {
      print(`${words}\nNothing was changed.`);
      tellTrouble(result);
      return code;
    }
    tell(words);
    tellTrouble(result);
    if (code !== 0 || !(await confirm(`\nDiscard ${what}?`))) {
      tell('Nothing was changed.');
      return 1;
    }
  }

  const archive = createArchive(file);
  const { result } = await run(archive, false);
  await archive.close();
  const { discarded, remaining } = result.counts;
  const written = archive.holdsLetters() ? file : undefined;
  if (json) {
    printJson({ ...result.counts, archive: written });
    for (const words of asides(result)) tell(words);
    tellTrouble(result);
    return isShort(result) ? 1 : 0;
  }
  const left =
    remaining === 0 ? 'No dead letters remain.' : `In the queue: ${count(remaining, 'dead letter')}.`;
  const words = [
    `${discarded > 0 ? `Discarded ${count(discarded, 'dead letter')}` : 'Nothing was discarded'}. ${looked(result.counts, 'matched')}`,
    ...asides(result),
    ...(result.trouble ? [] : [left]),
    ...(written
      ? [
          `They are in ${plain(written)}. To put them back, into the queue of receipts:`,
          commandsFor(stage)('send', written),
        ]
      : []),
  ];
  if (result.counts.scanned > 0 || !result.trouble) print(words.join('\n'));
  tellTrouble(result);
  return isShort(result) ? 1 : 0;
};
