import type { CaseMessage } from './cases.ts';

/** What the documentation leaves open about ListMessages, for tests to choose. */
export interface Listing {
  order: 'ascending' | 'descending';
  /** What stands behind a time, such as `+08:00`; with `none` it is in the zone that was asked for by X-Time-Zone. */
  offset: string;
  separator: 'T' | ' ';
  /** Digits of the fraction; what is cut off is lost. */
  fraction: number;
  /** The zone of times without offset, whatever was asked for: `GMT+8`. */
  misreadZone?: string;
}

export const usualListing: Listing = { order: 'descending', offset: 'Z', separator: 'T', fraction: 0 };

interface Show extends Listing {
  /** The request's X-Time-Zone. */
  timeZone: string | undefined;
}

/** Documented: the zone where a request names none. */
const DEFAULT_ZONE = 'GMT+8';
const MINUTE_MS = 60_000;

/** One page of a case's messages in the documented shape. */
export const pageOf = (
  messages: CaseMessage[],
  { offset, limit }: { offset: number; limit: number },
  show: Show,
): object => {
  const ordered = show.order === 'ascending' ? messages : messages.toReversed();
  return {
    count: messages.length,
    message_list: ordered.slice(offset, offset + limit).map(message => ({
      type: message.own ? 0 : 1,
      replier_type: message.own ? 0 : 1,
      replier: message.own ? 'customer' : 'engineer',
      replier_name: message.own ? 'The customer' : 'The engineer',
      content: message.content,
      create_time: timeText(message.at, show),
      is_first_message: message === messages[0],
      accessory_list: [],
      ...message.listed,
    })),
  };
};

/** A time as it is listed: a date, a clock, and what the listing asks for. */
export const timeText = (
  at: number,
  { offset, separator, fraction, misreadZone, timeZone }: Omit<Show, 'order'>,
): string => {
  const zone = offset === 'none' ? (misreadZone ?? timeZone ?? DEFAULT_ZONE) : offset;
  const [date, clock = ''] = new Date(at + minutesOf(zone) * MINUTE_MS).toISOString().split('T');
  const [seconds, milliseconds = ''] = clock.replace('Z', '').split('.');
  const fractionText = fraction === 0 ? '' : `.${milliseconds.padEnd(9, '0').slice(0, fraction)}`;
  return `${date}${separator}${seconds}${fractionText}${offset === 'none' ? '' : offset}`;
};

/** Minutes east of Greenwich, of `Z`, `-0330`, `+08:00` or `GMT+8`; a zone that nobody knows is the default. */
const minutesOf = (zone: string): number => {
  if (zone === 'Z') return 0;
  const [, sign, hours, minutes = '0'] = /^(?:GMT)?([+-])(\d{1,2})(?::?(\d\d))?$/.exec(zone) ?? [];
  if (hours === undefined) return minutesOf(DEFAULT_ZONE);
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
};
