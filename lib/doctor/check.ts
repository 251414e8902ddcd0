/** What was found of one thing that must be right. */
export interface Found {
  status: 'ok' | 'failed' | 'skipped';
  says: string;
  /** There where it failed. */
  todo?: string;
}

/** By the names of the checks, in the order in which they are told. */
export type Findings = Record<string, Found>;

/** One line of a check-up. */
export interface Check extends Found {
  check: string;
}

export const passed = (says: string): Found => ({ status: 'ok', says });
export const failed = (says: string, todo: string): Found => ({ status: 'failed', says, todo });
/** What could not be looked at, because of what failed before it. */
export const skipped = (says: string): Found => ({ status: 'skipped', says });

export const checksOf = (findings: Findings): Check[] =>
  Object.entries(findings).map(([check, found]) => ({ check, ...found }));
