import { explain } from '../../sqs/errors.ts';
import type { Depth, Queue } from '../../sqs/queue.ts';
import { collect, groupTable } from '../collect.ts';
import type { Options } from '../options.ts';
import { ago, count, number, print, printJson, table } from '../screen.ts';

/** More letters than these are not looked at for a status. */
const SAMPLE = 1_000;

const depthOf = async (queue: Queue): Promise<Depth> => {
  const depth = await queue.depth();
  if ('error' in depth) throw new Error(explain(depth.error, queue.url));
  return depth;
};

export const status = async (
  { source, deadLetters }: { source: Queue; deadLetters: Queue },
  { json = false }: Options,
): Promise<number> => {
  const [waiting, dead] = await Promise.all([depthOf(source), depthOf(deadLetters)]);
  const { entries, groups, stopped } = await collect(deadLetters, { json: true }, SAMPLE);
  const isWhole = stopped === 'done';
  const oldest = entries.map(entry => entry.dead_lettered_at).sort()[0];
  if (json) {
    const counts = ({ visible, hidden, delayed }: typeof waiting) => ({ visible, hidden, delayed });
    printJson({
      queue: { url: source.url, ...counts(waiting) },
      dead_letter_queue: { url: deadLetters.url, ...counts(dead) },
      oldest_dead_lettered_at: oldest,
      by_code: Object.fromEntries(groups.map(({ code, count }) => [code, count])),
      sampled: entries.length,
      sample_is_whole: isWhole,
    });
    return stopped === 'interrupted' ? 1 : 0;
  }
  print(
    table(
      ['QUEUE', 'WAITING', 'IN HAND', 'DELAYED', 'URL'],
      [
        ['receipts', ...[waiting.visible, waiting.hidden, waiting.delayed].map(number), source.url],
        ['dead letters', ...[dead.visible, dead.hidden, dead.delayed].map(number), deadLetters.url],
      ],
    ),
  );
  if (entries.length === 0) {
    print('\nNo dead letters.');
    return 0;
  }
  const which = isWhole ? (dead.hidden > 0 ? 'The visible' : 'All') : 'A sample of';
  print(
    `\n${which} ${count(entries.length, 'dead letter')} by code, the oldest ${ago(Date.parse(oldest as string))}\n`,
  );
  print(groupTable(groups));
  print('\nNext: relay list, then relay replay --dry-run.');
  return stopped === 'interrupted' ? 1 : 0;
};
