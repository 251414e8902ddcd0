import { accountFaults } from './faults-account.ts';
import { huaweiFaults } from './faults-huawei.ts';
import { queueFaults } from './faults-queue.ts';
import type { Dice } from './random.ts';
import type { World } from './world.ts';

export interface Fault {
  name: string;
  /** So much fails that the function stops calling for some seconds. */
  opensBreaker?: boolean;
  /** Stays so much longer, but in short runs. */
  lastsMs?: number;
  /** Makes it happen; what it returns ends it. Some leave behind what lasts for the whole run. */
  arm(world: World, dice: Dice): () => void;
}

/** Everything that goes wrong, in the order of the table. The first needs the longest: its receipts have to grow old. */
export const faults: Fault[] = [...huaweiFaults, ...accountFaults, ...queueFaults];

/** Does it again and again, at uneven times. */
export const repeat = (dice: Dice, leastMs: number, mostMs: number, act: () => void): (() => void) => {
  let timer: NodeJS.Timeout;
  const next = () => {
    timer = setTimeout(
      () => {
        act();
        next();
      },
      leastMs + dice.below(mostMs - leastMs),
    );
  };
  next();
  return () => clearTimeout(timer);
};
