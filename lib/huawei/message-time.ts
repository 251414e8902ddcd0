/** A zone as X-Time-Zone names it, and what it is ahead of UTC by. */
export interface Zone {
  name: string;
  aheadMinutes: number;
}

/** The server's own default: the least likely to be read in another way. */
export const askedZone: Zone = { name: 'GMT+8', aheadMinutes: 480 };

// The format is not documented. An old example has an offset; Huawei's SDKs read six formats, with and without.
const TIME =
  /^(\d{4}-\d\d-(\d\d))[Tt ]((?:[01]\d|2[0-3])(?::[0-5]\d){2})(?:[.,](\d{1,9}))?\s?(?:([Zz])|([+-](?:[01]\d|2[0-3])):?([0-5]\d)?)?$/;
const MINUTE_MS = 60_000;

/**
 * The last millisecond epoch at which a message can have been written: "10:00:00" may mean up to one second
 * later, "10:00:00.5" up to a tenth. Undefined where the text is no time that exists.
 *
 * @param zone read where the time has no offset
 */
export const writtenBy = (text: string, zone: Zone = askedZone): number | undefined => {
  const [, date, day, clock, fraction = '', utc, hours, minutes = '00'] = TIME.exec(text.trim()) ?? [];
  // A day that the month does not have rolls over into the next month, or is no date at all.
  if (new Date(`${date}T00:00:00Z`).getUTCDate() !== Number(day)) return undefined;
  const milliseconds = fraction.padEnd(3, '0').slice(0, 3);
  const shownAt = Date.parse(`${date}T${clock}.${milliseconds}${hours ? `${hours}:${minutes}` : 'Z'}`);
  const unitMs = fraction.length < 3 ? 10 ** (3 - fraction.length) : 0;
  return shownAt + unitMs - (utc || hours ? 0 : zone.aheadMinutes * MINUTE_MS);
};
