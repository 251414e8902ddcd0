import type { Listing } from '../options.ts';
import type { CaseMessage } from './cases.ts';

/** Documented: the zone where a request names none. */
const DEFAULT_ZONE = 'GMT+8';
const MINUTE_MS = 60_000;

/** One page of a case's messages in the documented shape. */
export function pageOf(
  messages: CaseMessage[],
  query: { offset: number; limit: number },
  show: Show,
): object {
  const { offset, limit } = query;
  const ordered = show.order === 'ascending' ? messages : messages.toReversed();
  const first = messages[0];
  return {
    count: messages.length,
    message_list: ordered.slice(offset, offset + limit).map(message => ({
      type: message.own ? 0 : 1,
      replier_type: message.own ? 0 : 1,
      replier: message.own ? 'customer' : 'engineer',
      replier_name: message.own ? 'The customer' : 'The engineer',
      content: message.content,
      create_time: timeText(message.at, show),
      is_first_message: message === first,
      accessory_list: [],
      ...message.listed,
    })),
  };
}

interface Show extends Listing {
  /** The request's X-Time-Zone. */
  timeZone: string | undefined;
}

/** A time as it is listed: a date, a clock, and what the listing asks for. */
export function timeText(at: number, { offset, separator, fraction, misreadZone, timeZone }: Show): string {
  const zone = offset === 'none' ? (misreadZone ?? timeZone ?? DEFAULT_ZONE) : offset;
  const [date, clock = ''] = new Date(at + minutesOf(zone) * MINUTE_MS).toISOString().split('T');
  const [seconds, milliseconds = ''] = clock.replace('Z', '').split('.');
  const fractionText = fraction === 0 ? '' : `.${milliseconds.padEnd(9, '0').slice(0, fraction)}`;
  return `${date}${separator}${seconds}${fractionText}${offset === 'none' ? '' : offset}`;
}

/** Minutes east of Greenwich; a zone that nobody knows is the documented default. */
function minutesOf(zone: string): number {
  if (/^(Z|GMT|UTC)$/i.test(zone)) return 0;
  const [, sign, hours, minutes = '0'] = /^(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d\d))?$/i.exec(zone) ?? [];
  if (hours === undefined) return minutesOf(DEFAULT_ZONE);
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
