import { type Check, checksOf } from '../../doctor/check.ts';
import { checkAge } from '../check-up/age.ts';
import { checkHere, checkInside } from '../check-up/ask.ts';
import { caseText } from '../check-up/case-text.ts';
import { checkReceipt, type Options, UsageError } from '../options.ts';
import { print, printJson, screenColumns } from '../screen/output.ts';
import { count, padTo, plain, sentence, wrap } from '../screen/text.ts';
import { stackOutputs } from '../stage.ts';

interface DoctorOptions extends Options {
  group?: string;
}

const MARKS = { ok: '✓', failed: '✗', skipped: '–' } as const;

/** What a check says, beside its name, and under it what to do; commands stand on lines of their own. */
const linesOf = (width: number) => (each: Check) => {
  const start = `${MARKS[each.status]} ${padTo(each.check, width)}  `;
  const under = (words: string, indent: number) =>
    wrap(words, screenColumns() - indent).replaceAll('\n', `\n${' '.repeat(indent)}`);
  const [todo, ...commands] = each.todo?.split('\n') ?? [];
  return [
    start + under(plain(each.says), start.length),
    ...(todo ? [`${' '.repeat(start.length)}→ ${under(plain(sentence(todo)), start.length + 2)}`] : []),
    ...commands,
  ].join('\n');
};

/** Checks everything that must be right, and says what to do where it is not; or shows how one case is read. */
export const doctor = async ({ stage, json = false, ...of }: DoctorOptions): Promise<number> => {
  if (of.group !== undefined && of.case === undefined)
    throw new UsageError('Option --group is the group of a case: give --case too.');
  const asked =
    of.case === undefined ? undefined : { case_id: of.case, ...(of.group && { group_id: of.group }) };
  if (asked) checkReceipt(asked);
  const outputs = stage === undefined ? undefined : await stackOutputs(stage);
  const inside = outputs?.MarkAsReadFunctionName;
  const found = inside ? await checkInside(inside, asked, stage) : await checkHere(asked);
  const where = inside ?? 'this shell';
  if ('case' in found) {
    if (json) printJson({ checked_in: where, case: found.case });
    else print(caseText(found.case));
    return found.case.status === 'ok' ? 0 : 1;
  }
  const { checks } = found;
  const queueUrl = outputs?.QueueUrl ?? process.env.QUEUE_URL;
  if (queueUrl) checks.push(...checksOf({ 'oldest message': await checkAge(queueUrl) }));

  const failures = checks.filter(({ status }) => status === 'failed').length;
  if (json) printJson({ healthy: failures === 0, checked_in: where, checks });
  else {
    print(`Checked ${inside ? `inside ${inside}` : 'on this machine, with the variables of this shell'}:\n`);
    const width = Math.max(...checks.map(({ check }) => check.length));
    print(checks.map(linesOf(width)).join('\n'));
    print(failures === 0 ? '\nAll is well.' : `\n${count(failures, 'check')} failed.`);
  }
  return failures === 0 ? 0 : 1;
};
