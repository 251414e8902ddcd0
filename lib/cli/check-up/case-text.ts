import type { CaseCheck } from '../../doctor/check-case.ts';
import { table } from '../screen/output.ts';
import { count, number, plain } from '../screen/text.ts';

type Decision = Extract<CaseCheck, { status: 'ok' }>['decisions'][number];

const becomes = ({ looked_at, verdict, why, newer }: Decision): string => {
  if (!looked_at) return 'marked, without a look';
  switch (verdict) {
    case 'superseded':
      return `superseded by what was written at ${newer}: nothing is marked`;
    case 'unchecked':
      return `marked, as it cannot be told (${why})`;
    default:
      return 'marked: the other side has not written since';
  }
};

/** How the look at a case was read, for a person to compare with the console of Huawei Cloud. */
export const caseText = (found: CaseCheck): string => {
  if (found.status === 'failed') return `Case ${plain(found.case_id)}: ${plain(found.says)}\n${found.todo}`;
  const { messages, listed, missing, order, newest, other_zone: zone, unread, decisions } = found;
  const lines = [
    `Case ${plain(found.case_id)} has ${count(messages, 'message')}, ${number(listed)} of them listed, ${order === 'unknown' ? 'in an order that does not show' : order}.`,
    ...(missing ? [`The rest is missing: ${plain(missing)}`] : []),
    '',
    table(
      ['NEWEST, AS SENT', 'UNDERSTOOD AS', 'BY'],
      newest.map(({ sent, understood, own }) => [
        sent,
        understood ?? 'cannot be read',
        own ? 'us' : 'the other side',
      ]),
    ),
    '',
    'says' in zone
      ? `In the zone ${zone.asked}: ${plain(zone.says)}`
      : `Asked for the zone ${zone.asked}, the times ${zone.moves ? 'move' : 'stay as they are'} and mean ${zone.same_times ? 'the same' : 'something else: they are misread'}.`,
    ...(unread.count === undefined
      ? []
      : [
          `Unread by Huawei's count: ${number(unread.count)}; the list ${unread.all_listed ? 'holds as many of the other side, or more' : `holds ${number(unread.listed)} of the other side only`}.`,
        ]),
    '',
    table(
      ['A RECEIPT READ', 'WOULD BE'],
      decisions.map(decision => [decision.read, becomes(decision)]),
    ),
    ...(found.late_receipts === 'check'
      ? []
      : [`\nLATE_RECEIPTS is ${found.late_receipts}: all of them are marked.`]),
  ];
  return lines.join('\n');
};
