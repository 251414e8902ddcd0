const ZONE_MS = 8 * 3_600_000;
const there = (at: number, length: number) => new Date(at + ZONE_MS).toISOString().slice(0, length);

/**
 * The ways in which times are written: the first four with an offset, as a receipt has them; and all as Huawei's lists
 * have them, or as its own SDKs read them.
 */
export const formats: ((at: number) => string)[] = [
  at => new Date(at).toISOString(),
  at => `${new Date(at).toISOString().slice(0, 19)}Z`,
  at => `${there(at, 23)}+08:00`,
  at => `${there(at, 19).replace('T', ' ')}+0800`,
  at => there(at, 19).replace('T', ' '),
  at => there(at, 23),
];
