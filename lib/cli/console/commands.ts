import type { Repair } from '../../receipt/repair.ts';
import { commandsFor } from '../command.ts';
import type { Choice } from './seen.ts';

const ofFilter = ({ filter }: Choice): string[] => [
  ...(filter.failure_code ?? []).flatMap(code => ['--code', code]),
  ...(filter.case_id === undefined ? [] : ['--case', filter.case_id]),
  ...(filter.after === undefined ? [] : ['--after', filter.after]),
  ...(filter.before === undefined ? [] : ['--before', filter.before]),
];

const ofRepair = (set: Repair): string[] =>
  Object.entries(set).flatMap(([field, value]) =>
    value === null ? ['--unset', field] : ['--set', `${field}=${value}`],
  );

const command = (stage: string | undefined, ...words: string[]): string =>
  commandsFor(stage)(...words).trimStart();

export const showCommand = (id: string, stage: string | undefined): string => command(stage, 'show', id);

/** Undefined where a reason is chosen: the command line has no such filter, and would take more. */
export const discardCommand = (choice: Choice, stage: string | undefined): string | undefined =>
  choice.reason === undefined ? command(stage, 'discard', ...ofFilter(choice)) : undefined;

export const replayCommand = (choice: Choice, set: Repair, stage: string | undefined): string | undefined =>
  choice.reason === undefined ? command(stage, 'replay', ...ofFilter(choice), ...ofRepair(set)) : undefined;

/** What is chosen and what is changed, in words. */
export const wordsOf = (choice: Choice, set: Repair): string => {
  const { failure_code, case_id, after, before } = choice.filter;
  const chosen = [
    failure_code && `code ${failure_code.join(', ')}`,
    case_id !== undefined && `case ${case_id}`,
    after && `after ${after}`,
    before && `before ${before}`,
    choice.reason !== undefined && `reason “${choice.reason}”`,
  ].filter(Boolean);
  const changes = Object.entries(set).map(([field, value]) =>
    value === null ? `${field} taken away` : `${field} set to “${value}”`,
  );
  return `${chosen.join(', ') || 'all letters'}; ${changes.join(', ') || 'no repair'}`;
};
