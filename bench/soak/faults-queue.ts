import type { Trouble } from '../../local/huawei/faults.ts';
import { type Fault, repeat } from './faults.ts';
import type { SqsCall, SqsTrouble } from './queue-proxy.ts';
import { type Dice, hash } from './random.ts';
import type { World } from './world.ts';

/** Every other case does not exist: there is something to dead-letter. */
const rejectHalf = (world: World) => {
  const answer: Trouble = { does: 'error_code', code: 'OSM.01010015' };
  return world.breakHuawei([answer], ({ caseId }) => (caseId && hash(caseId) % 2 ? answer : undefined));
};

/** Every other call fails: there is something to delay. */
const failHalf = (world: World, dice: Dice) => {
  const answer: Trouble = { does: 'error_code', code: 'OSM.01010014' };
  return world.breakHuawei([answer], ({ kind }) =>
    kind === 'mark' && dice.chance(0.5) ? answer : undefined,
  );
};

const THROTTLED: SqsTrouble = { does: 'refuse', status: 400, code: 'RequestThrottled' };
const DENIED: SqsTrouble = { does: 'refuse', status: 403, code: 'AccessDenied' };
const BROKEN: SqsTrouble = { does: 'refuse', status: 500, code: 'InternalFailure' };
const LOST: SqsTrouble = { does: 'lose_answer' };

const fromFunction = (call: SqsCall, action: string) =>
  call.by === 'function' && call.action.startsWith(action);

const deadLetters = (name: string, choose: (world: World, dice: Dice) => SqsTrouble | undefined): Fault => ({
  name,
  arm(world, dice) {
    const heal = rejectHalf(world);
    const undo = world.breakSqs(call =>
      fromFunction(call, 'SendMessage') ? choose(world, dice) : undefined,
    );
    return () => {
      undo();
      heal();
    };
  },
});

/** What goes wrong with SQS, and with the function's own process. */
export const queueFaults: Fault[] = [
  deadLetters('dead_letter_refused', () => DENIED),
  deadLetters('dead_letter_partly', (_, dice) => (dice.chance(0.8) ? { does: 'refuse_some' } : LOST)),
  deadLetters('dead_letter_slow', ({ pace }, dice) => ({
    does: 'slow',
    ms: dice.pick([0.05, 0.2, 1]) * pace.timeoutMs,
  })),
  {
    name: 'visibility_throttled',
    arm(world, dice) {
      const heal = failHalf(world, dice);
      const undo = world.breakSqs(call =>
        fromFunction(call, 'ChangeMessageVisibility') && dice.chance(0.7)
          ? dice.pick([THROTTLED, THROTTLED, { does: 'refuse_some' } as const])
          : undefined,
      );
      return () => {
        undo();
        heal();
      };
    },
  },
  {
    name: 'sqs_500',
    arm(world, dice) {
      const heal = rejectHalf(world);
      // The mapping gets its share too: batches that were done and are not deleted come back.
      const undo = world.breakSqs(({ by }) =>
        dice.chance(by === 'mapping' ? 0.1 : 0.5) ? dice.pick([BROKEN, BROKEN, LOST]) : undefined,
      );
      return () => {
        undo();
        heal();
      };
    },
  },
  {
    name: 'kill_9',
    arm(world, dice) {
      const slow: Trouble = { does: 'slow', ms: world.pace.requestTimeoutMs / 2 };
      const heal = world.breakHuawei([slow], ({ kind }) => (kind === 'mark' ? slow : undefined));
      const undo = repeat(dice, 30, 200, () => {
        void world.instances.kill();
        if (dice.chance(0.3)) void world.replay.kill9();
      });
      return () => {
        undo();
        heal();
      };
    },
  },
];
