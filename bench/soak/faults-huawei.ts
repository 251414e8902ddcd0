import type { Trouble } from '../../local/huawei/faults.ts';
import type { Fault } from './faults.ts';
import { type Dice, hash } from './random.ts';
import type { World } from './world.ts';

const gateway = (status: number, code: string): Trouble => ({
  does: 'answer',
  status,
  body: { error_code: code, error_msg: 'Told to fail.', request_id: '0123456789abcdef' },
});
const html = (status: number): Trouble => ({
  does: 'answer',
  status,
  headers: { 'Content-Type': 'text/html' },
  body: '<html><body><h1>Wartung</h1></body></html>',
});

/** Breaks so many of the marks, whichever they are. */
const breakSome = (world: World, dice: Dice, share: number, options: Trouble[]) =>
  world.breakHuawei(options, ({ kind }) =>
    kind === 'mark' && dice.chance(share) ? dice.pick(options) : undefined,
  );

const some = (name: string, share: number, options: (world: World) => Trouble[]): Fault => ({
  name,
  opensBreaker: true,
  arm: (world, dice) => breakSome(world, dice, share, options(world)),
});

/** The same case always gets the same answer; one in three gets none of them. */
const byCase = (name: string, options: Trouble[], forGood = false): Fault => ({
  name,
  arm(world) {
    const undo = world.breakHuawei(options, ({ caseId }) =>
      caseId?.startsWith(`${name}-`) ? options[hash(caseId) % Math.ceil(options.length * 1.5)] : undefined,
    );
    return forGood ? () => {} : undo;
  },
});

export const huaweiFaults: Fault[] = [
  {
    // Three cases that OSM never answers well: their receipts must die, of age and not before.
    name: 'old_age',
    arm(world) {
      const answer = gateway(503, 'APIGW.0613');
      world.breakHuawei([answer], ({ caseId }) =>
        /^old_age-[0-2](\D|$)/.test(caseId ?? '') ? answer : undefined,
      );
      return () => {};
    },
  },
  { name: 'calm', arm: () => () => {} },
  some('osm_5xx', 0.7, () => [
    gateway(500, 'OSM.0004'),
    gateway(502, 'APIGW.0201'),
    gateway(503, 'APIGW.0613'),
    gateway(504, 'APIGW.0201'),
  ]),
  some('osm_hang', 0.5, () => [{ does: 'hang' }, { does: 'hang', handled: true }]),
  some('osm_reset', 0.6, () => [
    { does: 'reset' },
    { does: 'close', handled: true },
    { does: 'half' },
    { does: 'close_after' },
    { does: 'not_http' },
  ]),
  some('osm_html', 0.6, () => [html(200), html(502), html(404), { does: 'not_json' }]),
  {
    name: 'osm_down',
    opensBreaker: true,
    arm(world) {
      const down = world.huawei.down();
      return () => void down.then(world.huawei.up);
    },
  },
  some('429_storm', 0.8, () => [
    { does: 'retry_after', after: 30 },
    { does: 'retry_after', after: 'soon' },
    { does: 'retry_after', after: new Date(Date.now() + 60_000).toUTCString() },
    gateway(429, 'APIGW.0308'),
  ]),
  byCase('error_code', [
    { does: 'error_code', code: 'OSM.01010001' },
    { does: 'error_code', code: 'OSM.01010002' },
    { does: 'error_code', code: 'OSM.01010010' },
    { does: 'error_code', code: 'OSM.01010014' },
    { does: 'error_code', code: 'OSM.01010015' },
    { does: 'error_code', code: 'OSM.01010062' },
    gateway(400, 'OSM.0001'),
    gateway(403, 'OSM.0003'),
  ]),
  byCase('unknown_code', [{ does: 'error_code', code: 'OSM.09990001' }], true),
  some('slow_body', 0.5, ({ pace }) => [
    // Some too slow for us, some not.
    { does: 'trickle', msPerByte: pace.requestTimeoutMs },
    { does: 'trickle', msPerByte: 1 },
    { does: 'slow', ms: pace.requestTimeoutMs / 4 },
  ]),
  some('big_body', 0.3, () => [{ does: 'big' }, { does: 'huge_headers' }]),
  {
    // Nobody's call needs a group until a replay adds it.
    name: 'forbidden',
    arm(world) {
      const answer: Trouble = { does: 'error_code', code: 'OSM.01010002' };
      world.breakHuawei([answer], ({ caseId, body }) =>
        caseId?.startsWith('forbidden-') && !body?.includes('team-') ? answer : undefined,
      );
      return () => {};
    },
  },
  { name: 'hostile', arm: () => () => {} },
  {
    // Answers and refused log-ins that quote what they were sent.
    name: 'secrets_echoed',
    arm(world, dice) {
      const said = { error_code: 'OSM.0001', error_msg: '' };
      const mark: Trouble = { does: 'answer', status: 400, body: said };
      const fails: Trouble = { does: 'answer', status: 500, body: said };
      return world.breakHuawei([mark, fails], request => {
        if (request.kind === 'log_in') {
          said.error_msg = `cannot read ${request.body}`;
          return dice.chance(0.5) ? fails : undefined;
        }
        const token = String(request.headers['x-auth-token']);
        said.error_msg = dice.pick([
          token,
          token.slice(0, 60),
          `{"X-Auth-Token":"${token}"}`,
          encodeURIComponent(token),
        ]);
        return dice.chance(0.5) ? dice.pick([mark, mark, fails]) : undefined;
      });
    },
  },
  {
    // More to do than the function has time for.
    name: 'function_timeout',
    arm: (world, dice) => breakSome(world, dice, 1, [{ does: 'slow', ms: world.pace.requestTimeoutMs / 2 }]),
  },
];
