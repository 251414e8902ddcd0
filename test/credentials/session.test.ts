// In which order answers come decides nothing: each of these has them come in the order that it says.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { loadConfig } from '../../lib/config.ts';
import { createRenewal } from '../../lib/credentials/renewal.ts';
import { createSession } from '../../lib/credentials/session.ts';
import { type Call, createClient } from '../../lib/huawei/http.ts';
import type { Answer } from '../../lib/huawei/outcome.ts';
import { createRedactor } from '../../lib/redact.ts';

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

const callFor = (caseId: string): Call => ({
  method: 'POST',
  path: `/v2/servicerequest/cases/${caseId}/instant-messages/unread`,
  headers: {},
});
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
