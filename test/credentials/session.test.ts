// In which order answers come decides nothing: each of these has them come in the order that it says.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { loadConfig } from '../../lib/config.ts';
import { createRenewal } from '../../lib/credentials/renewal.ts';
import { createSession } from '../../lib/credentials/session.ts';
import { failure } from '../../lib/failure.ts';
import { type Call, createClient } from '../../lib/huawei/http.ts';
import type { Answer } from '../../lib/huawei/outcome.ts';
import { createRedactor } from '../../lib/redact.ts';
import { pass, useClock } from '../clock.ts';
import { keys } from './kinds.ts';

useClock();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'session-'));
});
afterAll(() => rm(folder, { recursive: true }));

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
const answerOf = (status: number): Answer => ({ status, headers: {}, body: '{}' });

test('one read-only call decides for all that were refused before it began, and for none that came later', async () => {
  const session = await open({ type: 'token', token: 'a-token' });
  const waiting: { name: string; answer: (status: number) => void }[] = [];
  const send = ({ method, path }: Call) =>
    new Promise<Answer>(resolve => {
      const name = method === 'GET' ? 'read' : (path.split('/')[4] ?? '');
      waiting.push({ name, answer: status => resolve(answerOf(status)) });
    });
  /** Answers the oldest of this name, and lets what follows from it begin. */
  const answer = async (name: string, status: number) => {
    const index = waiting.findIndex(each => each.name === name);
    waiting.splice(index, 1)[0]?.answer(status);
    await setImmediate();
  };
  const names = () => waiting.map(({ name }) => name);

  const all = Promise.all(['first', 'second', 'third'].map(each => session.authorized(callFor(each), send)));
  await setImmediate();
  await answer('first', 401);
  expect(names()).toEqual(['second', 'third', 'read']);
  await answer('second', 401);
  await answer('third', 401);
  expect(names()).toEqual(['read']);
  await answer('read', 200);
  expect(names()).toEqual(['read', 'first']);
  await answer('read', 200);
  expect(names()).toEqual(['first', 'second', 'third']);
  for (const name of names()) await answer(name, 200);
  expect((await all).map(each => 'status' in each && each.status)).toEqual([200, 200, 200]);
});

/** Answers that say nothing of who called. */
const trouble = fc.constantFrom(429, 500, 503);
/** Batch after batch, in any order; a receipt that failed comes again in the next. */
const batches = fc.array(fc.shuffledSubarray(['odd', 'odd, looked at', 'a', 'b', 'c'], { minLength: 1 }), {
  maxLength: 4,
});

describe('a key of which nothing is known, where the read-only call is in trouble', () => {
  test('that is right: one receipt that is always refused, marked or looked at, stops no other', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), batches, fc.array(trouble), async (scheduler, batches, reads) => {
        const session = await open(keys.first);
        const send = scheduler.scheduleFunction(async ({ path }: Call) => {
          if (path.includes('?case_ids=')) return answerOf(reads.shift() ?? 503);
          return answerOf(path.includes('/odd/') ? 401 : 200);
        });
        for (const batch of [['odd'], ...batches]) {
          const all = Promise.all(batch.map(each => session.authorized(callFor(each), send)));
          const answers = await scheduler.waitFor(all);
          for (const [index, name] of batch.entries()) {
            if (name.startsWith('odd'))
              expect(answers[index]).toMatchObject({ broken: { code: 'unauthorized' } });
            else expect(answers[index]).toMatchObject({ status: 200 });
          }
        }
      }),
    ));

  test('that is wrong: two of its signatures are refused at most, whatever comes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        batches,
        fc.array(fc.oneof(trouble, fc.constantFrom(401, 'reset' as const))),
        async (scheduler, batches, statuses) => {
          const session = await open(keys.first);
          let refused = 0;
          const send = scheduler.scheduleFunction(async ({ path }: Call) => {
            const status = statuses.shift() ?? (path.includes('?case_ids=') ? 503 : 401);
            if (status === 'reset') return { broken: failure('unreachable', 'reset'), stale: false };
            if (status === 401) refused += 1;
            return answerOf(status);
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
