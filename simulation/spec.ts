import type { Fault } from './faults.ts';

export const credentialsKinds = ['password', 'aksk', 'token', 'oidc'] as const;

/** The longest season. */
export const SEASON_DAYS = 10;

/** What a season is to be; the same one tells the same story. */
export interface Spec {
  seed: number;
  /** Its number within the run. */
  index: number;
  days: number;
  /** Only these faults; all where absent. */
  faults?: Fault[] | undefined;
  /** Only this one of the figures. */
  measure?: string | undefined;
  /** Receipts become old within hours, or the queue keeps them for hours only. */
  life?: 'long' | 'aged' | 'brief';
  credentials?: (typeof credentialsKinds)[number];
  /** Variables of the function beside the usual ones. */
  variables?: Record<string, string>;
  /** Lets the real event loop turn after every event. */
  everyTurn?: boolean;
  /** Tells the whole story of this case. */
  story?: string | undefined;
}
