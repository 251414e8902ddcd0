const DATE =
  '(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))' +
  // 29 February: a year that 4 divides, and of whole centuries one that 400 divides.
  '|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)';
const CLOCK = '(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\\.[0-9]+)?)?';
const OFFSET = '(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])';

/**
 * ISO 8601, a date that exists and a time with offset: `T`, `t` or a space between, seconds and fraction optional,
 * `Z`, `z`, `+08:00` or `+0800`. Without \d, which means more in other languages: schemas/ publishes it.
 */
export const TIME = new RegExp(`^${DATE}[Tt ]${CLOCK}${OFFSET}$`);

/**
 * Reads a time that TIME describes.
 *
 * @returns milliseconds since 1970; undefined for anything else
 */
export const timeMs = (value: unknown): number | undefined => {
  if (typeof value !== 'string' || !TIME.test(value)) return undefined;
  // In the one spelling that ECMAScript defines; of others, engines read an early year as one of ours.
  const ms = Date.parse(
    value
      .toUpperCase()
      .replace(' ', 'T')
      .replace(/([+-]\d\d)(\d\d)$/, '$1:$2'),
  );
  return Number.isNaN(ms) ? undefined : ms;
};
