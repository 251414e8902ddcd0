import type { CredentialsKind } from './world/accounts.ts';
import type { Fault } from './world/faults.ts';
import type { WorldOptions } from './world/world.ts';

/** What a season is to be; the same one tells the same story. */
export interface SeasonSpec {
  seed: number;
  /** Its number within the run. */
  index: number;
  days: number;
  /** Only these faults; all where absent. */
  faults?: Fault[] | undefined;
  perDay: number;
  /** Only this one of the figures. */
  measure?: string | undefined;
  life?: WorldOptions['life'];
  credentials?: CredentialsKind;
  lateReceipts?: string | undefined;
  everyTurn?: boolean;
  realTelemetry?: boolean;
  /** Tells what happens to this case, up to then. */
  story?: string | undefined;
  storyEndMs?: number;
}
