// What a refused call means, with its answers in the order that each test says.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { loadConfig } from '../../lib/config.ts';
import { createRenewal } from '../../lib/credentials/renewal.ts';
import { createSession } from '../../lib/credentials/session.ts';
import { failure, unfinished } from '../../lib/failure.ts';
import { type Broken, type Call, createClient } from '../../lib/huawei/http.ts';
import type { Answer } from '../../lib/huawei/outcome.ts';
import { createRedactor } from '../../lib/redact.ts';
import { pass, useClock } from '../clock.ts';
import { useFolder } from '../folder.ts';
import { keys } from './kinds.ts';

useClock();

const folder = useFolder();
const token = { type: 'token', token: 'a-token' };

/** With the right to call in hand. */
const open = async (credentials: object) => {
  const file = path.join(folder, 'credentials.json');
  await writeFile(file, JSON.stringify(credentials));
  const config = loadConfig({
    OSM_ENDPOINT: 'https://osm.example',
    CREDENTIALS_FROM: `file:${file}`,
    QUEUE_URL: 'https://sqs.example/1/a',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/b',
  });
  const redactor = createRedactor();
  const telemetry = { log: { error: () => {}, warn: () => {} }, count: () => {} };
  const renewal = createRenewal(config, { createClient, host: 'osm.example', redactor, telemetry });
  await renewal.get();
  return createSession({ renewal, headers: {}, redactor });
};

const callFor = (caseId: string): Call =>
  caseId === 'odd, looked at'
    ? { method: 'GET', path: '/v2/servicerequest/cases/odd/messages?limit=100', headers: {} }
    : {
        method: 'POST',
        path: `/v2/servicerequest/cases/${caseId}/instant-messages/unread`,
        headers: {},
      };
const nameOf = ({ path }: Call) => (path.includes('?case_ids=') ? 'read' : (path.split('/')[4] ?? ''));

type Said = number | [status: number, body: string] | 'reset' | 'no time';
const answerOf = (said: Said): Answer | Broken => {
  if (said === 'no time') return { broken: unfinished, stale: false };
  if (said === 'reset') return { broken: failure('unreachable', 'reset'), stale: false };
  const [status, body] = Array.isArray(said) ? said : [said, '{}'];
  return { status, headers: {}, body };
};
const code = (status: number, error_code: string): Said => [status, JSON.stringify({ error_code })];

/** Calls for these cases at once, each answered when the test says so. */
const callAll = async (credentials: object, names: string[]) => {
  const session = await open(credentials);
  const waiting: { name: string; answer: (said: Said) => void }[] = [];
  const begun: string[] = [];
  const send = (call: Call) =>
    new Promise<Answer | Broken>(resolve => {
      begun.push(nameOf(call));
      waiting.push({ name: nameOf(call), answer: said => resolve(answerOf(said)) });
    });
  const all = Promise.all(names.map(each => session.authorized(callFor(each), send)));
  await setImmediate();
  return {
    begun,
    waiting: () => waiting.map(({ name }) => name),
    /** Answers the oldest of this name, and lets what follows from it begin. */
    async answer(name: string, said: Said) {
      const index = waiting.findIndex(each => each.name === name);
      waiting.splice(index, 1)[0]?.answer(said);
      await setImmediate();
    },
    /** What became of them. */
    results: async () => (await all).map(result => ('broken' in result ? result.broken.code : result.status)),
  };
};

test('one read-only call decides for all that were refused before it began, and for none that came later', async () => {
  const { answer, waiting, results } = await callAll(token, ['first', 'second', 'third']);
  await answer('first', 401);
  expect(waiting()).toEqual(['second', 'third', 'read']);
  await answer('second', 401);
  await answer('third', 401);
  expect(waiting()).toEqual(['read']);
  await answer('read', 200);
  expect(waiting()).toEqual(['read', 'first']);
  await answer('read', 200);
  expect(waiting()).toEqual(['first', 'second', 'third']);
  for (const name of waiting()) await answer(name, 200);
  expect(await results()).toEqual([200, 200, 200]);
});

test.each<[string, Said, boolean]>([
  ['answers with an OSM code', code(403, 'OSM.0003'), true],
  ['tells of no such case', code(200, 'OSM.01010015'), true],
  ['is forbidden by the gateway', code(403, 'APIGW.0302'), false],
  ['meets a gateway in trouble', 502, false],
  ['is throttled', 429, false],
  ['breaks off', 'reset', false],
])('a call that was refused, where the read-only call %s', async (_, said, isGood) => {
  const { answer, begun, results } = await callAll(token, ['a']);
  await answer('a', code(200, 'OSM.0002'));
  await answer('read', said);
  if (isGood) await answer('a', 200);
  expect(await results()).toEqual([isGood ? 200 : 'unauthorized']);
  expect(begun).toEqual(isGood ? ['a', 'read', 'a'] : ['a', 'read']);
});

test.each<[number, object]>([
  [200, { group_id: 'OSM.0002' }],
  [200, { error_code: 'OSM.01010015', group_id: 'OSM.0002' }],
  [500, { error_code: 'OSM.0002' }],
])('%i %j holds the words of a refusal and is none', async (status, body) => {
  const { answer, begun, results } = await callAll(token, ['a']);
  await answer('a', [status, JSON.stringify(body)]);
  expect(await results()).toEqual([status]);
  expect(begun).toEqual(['a']);
});

test.each([
  ['token', token],
  ['key', keys.first],
])('a refusal that there is no time to ask about decides nothing, of a %s too', async (_, credentials) => {
  const { answer, waiting, results } = await callAll(credentials, ['a']);
  if (waiting().includes('a')) await answer('a', 401);
  await answer('read', 'no time');
  expect(await results()).toEqual(['unfinished']);
});

describe('a key of which nothing is known', () => {
  test.each<[string, Said]>([
    ['sends us elsewhere', [301, '']],
    ['refuses in HTML', [403, '<html>']],
    ['does not know the way', [404, '{"error_code":"APIGW.0101"}']],
    ['had to wait', 408],
  ])('is not proved by a mark where the gateway %s: the next one goes alone too', async (_, said) => {
    const { answer, waiting } = await callAll(keys.first, ['a', 'b', 'c']);
    await answer('read', 502);
    await answer('a', said);
    expect(waiting()).toEqual(['read']);
    await answer('read', 502);
    expect(waiting()).toEqual(['b']);
  });

  const names = ['a', 'b', 'c', 'd'];

  test.each<[string, Said, boolean]>([
    ['is allowed', 200, true],
    ['is forbidden by the gateway', 403, false],
    ['is answered by somebody else, 200 and no JSON', [200, '<html>'], false],
    ['meets OSM itself in trouble', code(500, 'OSM.0004'), true],
    ['meets a gateway in trouble', 502, false],
    ['is throttled', 429, false],
    ['breaks off', 'reset', false],
  ])('is proved by the read-only call, or by one mark that goes first: it %s', async (_, said, isProof) => {
    const { answer, waiting, results } = await callAll(keys.first, names);
    expect(waiting()).toEqual(['read']);
    await answer('read', said);
    if (!isProof) {
      expect(waiting()).toEqual(['a']);
      await answer('a', code(403, 'OSM.0003'));
    }
    expect(waiting()).toEqual(isProof ? names : names.slice(1));
    for (const name of waiting()) await answer(name, 200);
    expect(await results()).toEqual([isProof ? 200 : 403, 200, 200, 200]);
  });

  test('goes on where the first mark meets trouble, and costs no call for each where nobody answers', async () => {
    const { answer, begun, results } = await callAll(keys.first, names);
    await answer('read', 502);
    await answer('a', 502);
    await answer('read', 'reset');
    await answer('b', 'reset');
    expect(await results()).toEqual([502, 'unreachable', 'unreachable', 'unreachable']);
    expect(begun).toEqual(['read', 'a', 'read', 'b']);
  });

  test('is tried by the same case again when its refusal is six minutes old', async () => {
    const session = await open(keys.first);
    const begun: string[] = [];
    const answers: Said[] = [502, 401, 502, 502, 502, 200];
    const mark = () =>
      session.authorized(callFor('a'), async call => {
        begun.push(nameOf(call));
        return answerOf(answers.shift() ?? 'reset');
      });
    const refused = { broken: { code: 'unauthorized', detail: expect.stringContaining('401') } };
    expect(await mark()).toMatchObject(refused);
    pass({ minutes: 6, seconds: -1 });
    expect(await mark()).toMatchObject(refused);
    pass({ seconds: 1 });
    expect(await mark()).toMatchObject({ status: 200 });
    expect(begun).toEqual(['read', 'a', 'read', 'read', 'read', 'a']);
  });

  /** Answers that say nothing of who called; to the read-only call, as it decides nothing, a gateway's 403 too. */
  const trouble = fc.constantFrom(429, 500, 503);
  const undecided = fc.oneof(trouble, fc.constant(403));
  const orBad = (answers: fc.Arbitrary<number>) => fc.oneof(answers, fc.constantFrom(401, 'reset' as const));
  /** Batch after batch, in any order; a receipt that failed comes again in the next. */
  const batches = fc.array(fc.shuffledSubarray(['odd', 'odd, looked at', 'a', 'b', 'c'], { minLength: 1 }), {
    maxLength: 4,
  });

  test('and that is right: one receipt that is always refused stops no other, though the read-only call is in trouble', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), batches, fc.array(undecided), async (scheduler, batches, reads) => {
        const session = await open(keys.first);
        const send = scheduler.scheduleFunction(async (call: Call) => {
          if (nameOf(call) === 'read') return answerOf(reads.shift() ?? 503);
          return answerOf(nameOf(call) === 'odd' ? 401 : 200);
        });
        for (const batch of [['odd'], ...batches]) {
          const all = Promise.all(batch.map(each => session.authorized(callFor(each), send)));
          const answers = await scheduler.waitFor(all);
          for (const [index, name] of batch.entries()) {
            const becomes = name.startsWith('odd') ? { broken: { code: 'unauthorized' } } : { status: 200 };
            expect(answers[index]).toMatchObject(becomes);
          }
        }
      }),
    ));

  test('and that is wrong: two of its signatures are refused at most, whatever comes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        batches,
        fc.array(orBad(undecided)),
        fc.array(orBad(trouble)),
        async (scheduler, batches, reads, marks) => {
          const session = await open(keys.first);
          let refused = 0;
          const send = scheduler.scheduleFunction(async (call: Call) => {
            const said = nameOf(call) === 'read' ? (reads.shift() ?? 403) : (marks.shift() ?? 401);
            if (said === 401) refused += 1;
            return answerOf(said);
          });
          for (const batch of [...batches, ['a', 'b', 'c']]) {
            await scheduler.waitFor(Promise.all(batch.map(each => session.authorized(callFor(each), send))));
            pass({ seconds: 5 });
          }
          expect(refused).toBeLessThanOrEqual(2);
        },
      ),
    ));
});
