import { createArchive } from '../../dead-letters/archive.ts';
import { discard as discardLetters } from '../../dead-letters/discard.ts';
import type { Queue } from '../../sqs/queue.ts';
import { checkedRequest, type Options, UsageError } from '../options.ts';
import { countVisible } from '../queues.ts';
import {
  confirm,
  count,
  createProgress,
  isAlone,
  number,
  print,
  printJson,
  tell,
  untilInterrupted,
} from '../screen.ts';

export const discard = async (
  { deadLetters }: { deadLetters: Queue },
  options: Options & { archive?: string },
): Promise<number> => {
  const { filter = {}, limit, dry_run: dryRun = false } = checkedRequest(options);
  const { json = false } = options;
  const file = options.archive ?? `dead-letters-${new Date().toISOString().replaceAll(':', '-')}.jsonl`;
  const asks = !options.yes && !dryRun;
  if (asks && (isAlone() || json))
    throw new UsageError(
      'Discard removes messages for good. Nobody can be asked here: add --yes, or --dry-run.',
    );
  const signal = untilInterrupted();
  const plan = { filter, ...(limit !== undefined && { limit }) };
  const total = json ? 0 : await countVisible(deadLetters);
  const archive = createArchive(file);

  const act = async (what: string, dryRun: boolean) => {
    const progress = createProgress(what, total, json);
    try {
      return await discardLetters(deadLetters, { ...plan, dryRun }, archive.write, {
        signal,
        onProgress: ({ scanned }) => progress.update(scanned),
      });
    } finally {
      progress.end();
    }
  };
  const isShort = ({ counts, trouble }: Awaited<ReturnType<typeof act>>) =>
    Boolean(trouble) || counts.failed > 0 || !['done', 'limit'].includes(counts.stopped);

  if (dryRun || asks) {
    const result = await act('Looked at', true);
    const { matched, scanned } = result.counts;
    if (dryRun || matched === 0 || isShort(result)) {
      if (json) printJson(result.counts);
      else
        print(
          `Would discard ${count(matched, 'dead letter')} of ${number(scanned)} looked at. Nothing was changed.`,
        );
      if (result.trouble) tell(result.trouble);
      return isShort(result) ? 1 : 0;
    }
    tell(
      `${count(matched, 'dead letter')} of ${deadLetters.url} would be written to ${file} and removed for good.`,
    );
    if (!(await confirm(`Discard ${number(matched)}?`))) {
      tell('Nothing was changed.');
      return 1;
    }
  }

  const result = await act('Looked at', false);
  await archive.close().catch(() => {});
  const { discarded, failed, matched, scanned, remaining, stopped } = result.counts;
  const written = archive.holdsLetters() ? file : undefined;
  if (json) printJson({ ...result.counts, archive: written });
  else {
    print(
      `Discarded ${count(discarded, 'dead letter')}: ${number(matched)} of ${number(scanned)} looked at matched.`,
    );
    if (failed > 0) print(`${number(failed)} are in the archive, but could not be removed: they stay.`);
    if (stopped === 'interrupted' && !result.trouble) print('It was interrupted: run it again for the rest.');
    if (stopped === 'scan_limit')
      print('It held 100,000 letters and looked no further: narrow the filter or run it again.');
    if (!result.trouble)
      print(remaining === 0 ? 'No dead letters remain.' : `${count(remaining, 'dead letter')} in the queue.`);
    if (written && discarded + failed > 0)
      print(`They are in ${written}; relay send ${written} sends them to the queue of receipts.`);
  }
  if (result.trouble) tell(result.trouble);
  return isShort(result) ? 1 : 0;
};
