import type { Letter } from '../../dead-letters/dead-letter.ts';
import type { Stopped } from '../../dead-letters/scan.ts';
import { type Options, UsageError } from '../options.ts';
import { confirm, isUnattended } from '../screen/ask.ts';
import { print, printJson, tell } from '../screen/output.ts';
import { createProgress } from '../screen/progress.ts';
import { count, number, sentence } from '../screen/text.ts';
import type { Place } from '../stage.ts';
import { countVisible } from './collect.ts';
import { type createPreview, type Preview, previewText } from './preview.ts';

/** How a replay or a discard ended. */
export interface Outcome {
  counts: {
    scanned: number;
    matched: number;
    failed: number;
    duplicated?: number;
    remaining: number;
    stopped: Stopped;
  };
  /** What went wrong for every letter, in words; the counts are true all the same. */
  trouble?: string;
}

/**
 * Not everything that was asked for is done: something was refused, comes twice, or the run was cut short. What is
 * guarded against one more replay is no shortfall: it stays as it should.
 */
export const isShort = ({ counts: { failed, duplicated = 0, stopped }, trouble }: Outcome): boolean =>
  Boolean(trouble) || failed + duplicated > 0 || !['done', 'limit'].includes(stopped);

const looked = ({ matched, scanned }: Outcome['counts']): string =>
  scanned === 0
    ? 'There is no dead letter to look at.'
    : `Of ${count(scanned, 'dead letter')} looked at, ${number(matched)} matched.`;

/**
 * Says how a run ended. In JSON mode only what a person should hear beside the document.
 *
 * @param did what was done, without a full stop
 * @param asides what else there is to say, in sentences
 */
export const tellOutcome = (
  json: boolean,
  did: string,
  { counts, trouble }: Outcome,
  asides: string[],
): void => {
  const { scanned, remaining } = counts;
  const left = remaining === 0 ? 'No dead letters remain.' : `Dead letters left: ${number(remaining)}.`;
  if (json) for (const words of asides) tell(words);
  else if (scanned > 0 || !trouble)
    print([`${did}. ${looked(counts)}`, ...asides, ...(trouble ? [] : [left])].join('\n'));
  if (trouble) tell(sentence(trouble));
};

/** @throws UsageError where a run would have to ask, and nobody is there */
export const refuseUnattended = ({ yes, dryRun, json }: Options, what: string) => {
  if (!yes && !dryRun && (json || isUnattended()))
    throw new UsageError(
      `${what}, and nobody can be asked here: add --yes, or --dry-run to see what would happen.`,
    );
};

interface Plan<R extends Outcome> {
  verb: 'replay' | 'discard';
  options: Options;
  place: Place;
  /** Of which queue, or where to. */
  where: string;
  preview: ReturnType<typeof createPreview>;
  /** Changes nothing. */
  dryRun: (told: {
    onProgress: (counts: Readonly<{ scanned: number }>) => void;
    onChosen: (letter: Letter, body?: string) => void;
  }) => Promise<R>;
  /** What a person should know before. */
  warnings: (preview: Preview) => string[];
  asides: (result: R) => string[];
  /** What JSON says beside counts and preview. */
  inJson: object;
}

/**
 * Looks at what a run would do and says it; asks, unless that was all that was wanted. With --yes it does neither.
 *
 * @returns the exit code where that is the end, or how many letters the run is going to take, where that is known
 */
export const askFirst = async <R extends Outcome>(
  plan: Plan<R>,
): Promise<{ code: number } | { expected?: number }> => {
  const { verb, options, place, where, preview, dryRun, warnings, asides, inJson } = plan;
  const { json = false } = options;
  if (options.yes && !options.dryRun) return {};
  const progress = createProgress('Looked at', await countVisible(place.deadLetters, json));
  const result = await dryRun({
    onProgress: ({ scanned }) => progress.update(scanned),
    onChosen: preview.add,
  });
  progress.end();
  const seen = preview.summary();
  const what = `${count(seen.letters, 'dead letter')} ${where}`;
  const code = isShort(result) ? 1 : 0;

  if (json) printJson({ ...result.counts, ...inJson, preview: seen });
  if (json || seen.letters === 0) {
    const did = options.dryRun ? `Would ${verb} nothing` : `Nothing to ${verb}`;
    tellOutcome(json, did, result, asides(result));
    return { code };
  }
  const say = options.dryRun ? print : tell;
  say(
    [
      `${options.dryRun ? 'Would' : 'About to'} ${verb} ${what}. ${looked(result.counts)}\n`,
      previewText(seen),
      '',
      ...warnings(seen),
      ...asides(result),
    ].join('\n'),
  );
  if (result.trouble) tell(sentence(result.trouble));
  const isCut = result.trouble !== undefined || result.counts.stopped === 'interrupted';
  if (!options.dryRun && !isCut && (await confirm(`\n${sentence(`${verb} ${what}`)}?`)))
    return { expected: seen.letters };
  say('Nothing was changed.');
  return { code: options.dryRun ? code : 1 };
};
