/** A middle value, and the least and most around it. */
export interface Spread {
  median: number;
  least: number;
  most: number;
}

export const spreadOf = (values: number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median =
    ((sorted[Math.ceil(middle - 1)] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
  return { median, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN };
};

export const medianOf = (values: number[]): number => spreadOf(values).median;

/** Three significant digits or whole numbers, without exponents: 0.123, 12.3, 12,345. */
export const digits = (value: number): string => {
  if (!Number.isFinite(value)) return '–';
  const precision = value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return value.toLocaleString('en', precision);
};

/** `12.3 (11.9–13.4)`, or the value alone where it was measured once. */
export const spread = ({ median, least, most }: Spread): string =>
  least === most ? digits(median) : `${digits(median)} (${digits(least)}–${digits(most)})`;

export const ratio = (value: number): string => `${value.toFixed(2)} ×`;
