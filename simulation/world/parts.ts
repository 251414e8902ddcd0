import type { Clock } from '../engine/clock.ts';
import type { Random } from '../engine/random.ts';
import type { Faults } from '../faults.ts';
import type { Alarms } from '../oracle/alarms.ts';
import type { Oracle } from '../oracle/oracle.ts';

/** What every part of a world is built on. */
export interface Parts {
  clock: Clock;
  /** A stream of its own for each purpose. */
  random: (purpose: string) => Random;
  faults: Faults;
  oracle: Oracle;
  alarms: Alarms;
}
