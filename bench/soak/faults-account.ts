import type { Trouble } from '../../local/huawei/faults.ts';
import { type Fault, repeat } from './faults.ts';
import type { StoreState } from './secret-store.ts';

/** Over the 32 KB that Huawei's gateway takes in one header. */
const BIG_TOKEN_BYTES = 40_000;
/** So that there is a way out of it: nobody renews a token that is merely refused for its size. */
const BIG_TOKEN_LIVES_MS = 1_500;

/** The breaker's first probe comes after 5 s: by then a log-in that should not be repeated would have been. */
const SECOND_TRY_MS = 6_000;

/** What goes wrong with the log-in, the token and the secret. Each forces new log-ins by ending all tokens. */
export const accountFaults: Fault[] = [
  {
    name: 'token_revoked',
    opensBreaker: true,
    arm: ({ huawei }, dice) => repeat(dice, 50, 300, () => huawei.iam.revokeTokens()),
  },
  {
    name: 'big_token',
    opensBreaker: true,
    arm(world) {
      const token = 'MIIbig'.padEnd(BIG_TOKEN_BYTES, 'x');
      const issued = { token: { expires_at: '' } };
      const answer: Trouble = {
        does: 'answer',
        status: 201,
        headers: { 'X-Subject-Token': token },
        body: issued,
      };
      const undo = world.breakHuawei([answer], ({ kind }) => {
        if (kind !== 'log_in') return undefined;
        issued.token.expires_at = new Date(Date.now() + BIG_TOKEN_LIVES_MS).toISOString();
        return answer;
      });
      world.huawei.iam.revokeTokens();
      return undo;
    },
  },
  {
    name: 'wrong_password',
    lastsMs: SECOND_TRY_MS,
    opensBreaker: true,
    arm(world) {
      world.changePassword({ store: true });
      world.huawei.iam.revokeTokens();
      return () => void world.changePassword({ huawei: true, store: true });
    },
  },
  {
    // What the former secret still gives dies as well, again and again: the wrong one is tried once more, not thrice.
    name: 'wrong_and_revoked',
    opensBreaker: true,
    lastsMs: SECOND_TRY_MS,
    arm(world, dice) {
      world.changePassword({ store: true });
      world.huawei.iam.revokeTokens();
      const undo = repeat(dice, 500, 1500, () => world.huawei.iam.revokeTokens());
      return () => {
        undo();
        world.changePassword({ huawei: true, store: true });
      };
    },
  },
  {
    // Changed at Huawei first, in the store a while later, as people do.
    name: 'rotated_password',
    lastsMs: SECOND_TRY_MS,
    opensBreaker: true,
    arm(world) {
      const password = world.changePassword({ huawei: true });
      return () => void world.changePassword({ store: true }, password);
    },
  },
  {
    name: 'iam_down',
    opensBreaker: true,
    arm(world, dice) {
      const options: Trouble[] = [
        { does: 'answer', status: 503, body: { error: { code: 503, message: 'down', title: 'Down' } } },
        { does: 'html502' },
        { does: 'retry_after', after: 5 },
        { does: 'hang' },
        { does: 'reset' },
        { does: 'answer', status: 201, body: {} },
      ];
      const undo = world.breakHuawei(options, ({ kind }) =>
        kind === 'log_in' ? dice.pick(options) : undefined,
      );
      world.huawei.iam.revokeTokens();
      return undo;
    },
  },
  {
    name: 'secret_store_down',
    opensBreaker: true,
    arm({ store, huawei }, dice) {
      const fail = () => store.be(dice.pick<StoreState>(['fails', 'forbids', 'garbled', 'hangs']));
      fail();
      huawei.iam.revokeTokens();
      const undo = repeat(dice, 200, 600, fail);
      return () => {
        undo();
        store.be('healthy');
      };
    },
  },
];
