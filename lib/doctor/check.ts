/** One line of a check-up. `todo` is there where it failed. */
export interface Check {
  check: string;
  status: 'ok' | 'failed' | 'skipped';
  says: string;
  todo?: string;
}

export const passed = (check: string, says: string): Check => ({ check, status: 'ok', says });
export const failed = (check: string, says: string, todo: string): Check => ({
  check,
  status: 'failed',
  says,
  todo,
});
/** What could not be looked at, because of what failed before it. */
export const skipped = (check: string, says: string): Check => ({ check, status: 'skipped', says });
