import type { letterCodes } from '../dead-letters/request.ts';
import type { Commands } from './command.ts';
import { plain } from './screen/text.ts';

interface Advice {
  /** Why receipts die so, for people. */
  why: string;
  /** What to do, in words. */
  todo: string;
  /** The first command to type. It changes nothing as it stands: words in capitals are to be replaced. */
  first: string[];
  /** Where that is a list: what to type about one of them, as dry runs. */
  one?: string[][];
}

const wait = { todo: 'Wait until it is well, then replay, with --rate 50 where there are many.' };
const ours = { todo: 'Ask doctor, put right what it names, then replay.', first: ['doctor'] };

/** What a code of a dead letter means and what to do. docs/runbook.md shows the same. */
export const advice: Record<(typeof letterCodes)[number], Advice> = {
  malformed: {
    why: 'It is not JSON, or an envelope with nothing inside.',
    todo: 'Put the sender right, discard these, and have it send them anew.',
    first: ['discard', '--code', 'malformed', '--dry-run'],
  },
  invalid: {
    why: 'It is JSON, but not a receipt; the detail names field and rule.',
    todo: 'Put the sender right. Where one field is wrong, replay with --set FIELD=VALUE or --unset FIELD.',
    first: ['list', '--code', 'invalid'],
    one: [['replay', '--set', 'FIELD=VALUE']],
  },
  rejected: {
    why: 'Huawei refuses this receipt: mostly it knows no such case, or not on this site.',
    todo: 'Look the case up in the console of Huawei Cloud. Where it is gone, discard; where it is there, check the site (OSM_ENDPOINT), then replay.',
    first: ['list', '--code', 'rejected'],
    one: [['discard'], ['replay']],
  },
  forbidden: {
    why: 'No permission on this case: often the group of who opened the ticket is missing.',
    todo: 'Replay with the right group.',
    first: ['replay', '--code', 'forbidden', '--set', 'group_id=GROUP', '--dry-run'],
  },
  failed: {
    why: 'An answer that nobody knows, or a 401 to this receipt alone, so often that it was given up.',
    todo: 'Show one; ask Huawei with its request_id; then replay.',
    first: ['list', '--code', 'failed'],
    one: [['replay']],
  },
  unauthorized: { why: 'Our credentials were refused, for a day.', ...ours },
  misconfigured: {
    why: 'The gateway refused us, for a day: an endpoint, a grant, a quota or a bill.',
    ...ours,
  },
  rate_limited: {
    why: 'Too many calls, for a day.',
    todo: 'Replay slowly.',
    first: ['replay', '--code', 'rate_limited', '--rate', '20', '--dry-run'],
  },
  unavailable: { why: 'Huawei was down, for a day.', ...wait, first: ['doctor'] },
  unreachable: { why: 'No connection, for a day: DNS, network or TLS.', ...ours },
  timeout: { why: 'No answer in time, for a day.', ...wait, first: ['doctor'] },
  unknown: {
    why: 'Nobody wrote why: SQS moved it after too many receives (look for errors in the log), or a person put it there.',
    todo: 'Show one, then replay once.',
    first: ['list', '--code', 'unknown'],
    one: [['replay']],
  },
};

/**
 * What to do about dead letters of a code: sentences, and a command on a line of its own.
 *
 * @param id one of them, for who has the list before him; without it who reads has one before him, and no command shows it
 */
export const adviceFor = (code: string, commands: Commands, id?: string): string => {
  const known = Object.entries(advice).find(([name]) => name === code)?.[1];
  const said = known ? `${known.why} ${known.todo}` : 'A code of another version: read the detail.';
  if (known && known.first[0] !== 'list') return `${said}\n${commands(...known.first)}`;
  return id === undefined ? said : `${said}\n${commands('show', id)}`;
};

/** The same for who has one before him, with commands about its case; where that has no name to type, about its code. */
export const adviceForOne = (code: string, commands: Commands, caseId: string | undefined): string => {
  const one = Object.entries(advice).find(([name]) => name === code)?.[1].one ?? [];
  const isTyped = caseId !== undefined && plain(caseId) === caseId;
  const filter = [...(isTyped ? ['--case', caseId] : []), '--code', code];
  const lines = one.map(([verb = '', ...more]) => commands(verb, ...filter, ...more, '--dry-run'));
  return [adviceFor(code, commands), ...lines].join('\n');
};
