/** A zone as X-Time-Zone names it, and what it is ahead of UTC by. */
export interface Zone {
  name: string;
  aheadMinutes: number;
}

/** The server's own default: the least likely to be read in another way. */
export const askedZone: Zone = { name: 'GMT+8', aheadMinutes: 480 };

// The format is not documented. An old example has an offset; Huawei's SDKs read six formats, with and without.
const TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?$/;
const MINUTE_MS = 60_000;

/**
 * The last millisecond epoch at which a message can have been written: "10:00:00" may mean up to one second
 * later, "10:00:00.5" up to a tenth. Undefined where the text is no time that exists.
 *
 * @param zone read where the time has no offset
 */
export const writtenBy = (text: string, zone: Zone = askedZone): number | undefined => {
  const found = TIME.exec(text.trim());
  if (!found) return undefined;
  const [, year, month, day, hours, minutes, seconds, fraction = '', utc, sign, offHours, offMinutes] = found;
  const [h, m, s] = [hours, minutes, seconds].map(Number) as [number, number, number];
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`);
  // A day that the month does not have rolls over into the next month, or is no date at all.
  if (midnight.getUTCDate() !== Number(day) || h > 23 || m > 59 || s > 59) return undefined;
  const aheadMinutes = utc
    ? 0
    : sign
      ? Number(`${sign}1`) * offsetOf(offHours, offMinutes)
      : zone.aheadMinutes;
  if (Number.isNaN(aheadMinutes)) return undefined;
  const wholeMs = midnight.getTime() + ((h * 60 + m) * 60 + s) * 1000;
  const restMs = Number(fraction.padEnd(3, '0').slice(0, 3));
  const unitMs = fraction.length < 3 ? 10 ** (3 - fraction.length) : 0;
  return wholeMs + restMs + unitMs - aheadMinutes * MINUTE_MS;
};

/** In minutes; NaN where no clock has it. */
const offsetOf = (hours = '', minutes = '0'): number =>
  Number(hours) > 23 || Number(minutes) > 59 ? Number.NaN : Number(hours) * 60 + Number(minutes);
