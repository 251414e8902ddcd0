export const medianOf = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle - 1)] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
};

/** Three significant digits or whole numbers, without exponents: 0.123, 12.3, 12,345. */
export const digits = (value: number): string => {
  if (!Number.isFinite(value)) return '–';
  const precision = value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return value.toLocaleString('en', precision);
};

/** The median, the least and the most, `12.3 (11.9–13.4)`; the value alone where all are the same. */
export const spread = (values: number[]): string => {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const median = digits(medianOf(values));
  return least === most ? median : `${median} (${digits(least)}–${digits(most)})`;
};
