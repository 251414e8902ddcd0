// Marks and looks over real connections to Huawei's stand-in.
import { type Broken, type Call, createClient } from '../../lib/huawei/http.ts';
import { createMarkAsRead, createOsmCall, createPacedSend } from '../../lib/huawei/mark-as-read.ts';
import { createLook } from '../../lib/huawei/messages.ts';
import type { Answer } from '../../lib/huawei/outcome.ts';
import { createPace } from '../../lib/huawei/pace.ts';
import { startHuawei } from '../../local/huawei/server.ts';
import { closeAfter, receipt, startEnvironment, useEnvironment } from '../environment.ts';
import { secret } from '../output/printed.ts';

useEnvironment();

const asIs = (text: string) => text;

/**
 * A stand-in, and the calls to it in the name of its account.
 *
 * @param again whether the session makes its call once more, as after a 401
 */
const start = async ({ latencyMs = 0, again = (_: Answer | Broken): boolean => false } = {}) => {
  const huawei = closeAfter(await startHuawei({ openCases: true, latencyMs }));
  const { token } = huawei.iam.issueToken();
  let calls = 0;
  const send = createPacedSend({
    client: createClient(huawei.url, 15_000),
    pace: createPace(10_000),
    telemetry: {
      count: name => {
        if (name === 'Calls') calls++;
      },
    },
  });
  const session = {
    authorized: async (each: Call, sendIt: (call: Call) => ReturnType<typeof send>) => {
      const call = { ...each, headers: { ...each.headers, 'X-Auth-Token': token } };
      const answer = await sendIt(call);
      return again(answer) ? sendIt(call) : answer;
    },
  };
  const call = createOsmCall({ send, session, headers: {} });
  return {
    huawei,
    calls: () => calls,
    mark: createMarkAsRead(call, asIs),
    look: createLook({ call, redact: asIs }),
  };
};

const timing = (timeoutMs = 60_000) => ({ signal: new AbortController().signal, timeoutMs });
const MARKED = { code: 'marked', status: 200 };

test.each([
  ['a mark', 'mark' as const, MARKED],
  ['a look', 'look' as const, { kind: 'messages', count: 1 }],
])(
  '%s on a connection that has died is repeated once on a fresh one, and counts twice',
  async (_, which, expected) => {
    const { huawei, calls, ...made } = await start();
    await made.mark({ case_id: '1' }, timing());
    huawei.faults.add({ does: 'close', times: 1 });
    expect(await made[which]({ case_id: '1' }, timing())).toMatchObject(expected);
    expect(calls()).toBe(3);
    await made.mark({ case_id: '1' }, timing());
    huawei.faults.add({ does: 'close' });
    const broken = await made[which]({ case_id: '1' }, timing());
    expect(broken).toMatchObject(
      which === 'mark' ? { code: 'unreachable' } : { failure: { code: 'unreachable' } },
    );
    expect(calls()).toBe(6);
  },
);

test('the repeat opens a connection of its own, and there is one, also where a call is made again after a 401', async () => {
  const again = (answer: Answer | Broken) => 'status' in answer && answer.status === 401;
  const { huawei, mark, calls } = await start({ latencyMs: 20, again });
  await Promise.all(['1', '2', '3'].map(case_id => mark({ case_id }, timing())));
  expect(huawei.load.connections).toBe(3);
  // The other kept ones may be dead too.
  huawei.faults.add({ does: 'close', times: 1 });
  expect(await mark({ case_id: '1' }, timing())).toMatchObject(MARKED);
  expect(huawei.load.connections).toBe(4);
  huawei.faults.add({ does: 'close', times: 1 });
  huawei.faults.add({ does: 'answer', status: 401, times: 1 });
  huawei.faults.add({ does: 'close', times: 1 });
  expect(await mark({ case_id: '1' }, timing())).toMatchObject({ code: 'unreachable' });
  expect(calls()).toBe(3 + 2 + 3);
});

test('where no call may start any more, a mark and a look are unfinished, and never sent', async () => {
  const { huawei, mark, look } = await start();
  const signal = AbortSignal.abort();
  expect(await mark({ case_id: '2' }, { signal })).toMatchObject({ code: 'unfinished' });
  expect(await look({ case_id: '3' }, { signal })).toEqual({ kind: 'unfinished' });
  expect(huawei.requests).toHaveLength(0);
});

test('the read-only call that proves a key at the start counts against the pace', async () => {
  const secretKey = secret('secretKeyOfTheTestsOfThePace0123456789');
  const before = performance.now();
  const { deliver, huawei } = await startEnvironment({
    huawei: { accessKeys: { KEY: secretKey } },
    credentials: { type: 'aksk', access_key: 'KEY', secret_key: secretKey },
    env: { MAX_REQUESTS_PER_SECOND: '1' },
  });
  await deliver([receipt('1')]);
  expect(huawei.requests.map(({ kind }) => kind)).toEqual(['unread', 'mark']);
  expect(performance.now() - before).toBeGreaterThanOrEqual(1000);
});
