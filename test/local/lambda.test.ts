import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEventSourceMapping } from '../../local/lambda/event-source-mapping.ts';
import { startFunction } from '../../local/lambda/function.ts';
import { openWorld } from '../../local/world.ts';
import { useFolder } from '../folder.ts';

const folder = useFolder();
const world = await openWorld();
afterAll(world.close);

test('a batch is filled from several receives, and what succeeded is deleted', async () => {
  const { receipts, consumer } = world.openQueues();
  for (let index = 0; index < 26; index++) receipts.put(String(index));
  const batches: string[][] = [];
  const mapping = startEventSourceMapping({
    consumer,
    batchSize: 25,
    windowSeconds: 300,
    async invoke({ Records }) {
      batches.push(Records.map(({ body }) => body));
      return '{"batchItemFailures":[]}';
    },
    onError(error) {
      throw error;
    },
  });
  while (receipts.all().length > 1) await sleep(10);
  // The last one waits for its window.
  await mapping.stop();
  expect(batches).toEqual([Array.from({ length: 25 }, (_, index) => String(index))]);
  expect(receipts.all()).toMatchObject([{ body: '25' }]);
});

test('a function gets the environment that was given and nothing else, and a process for each invocation at once', async () => {
  const bundle = path.join(folder, 'function.mjs');
  await writeFile(bundle, 'export const handler = event => ({ event, env: process.env });');
  const env = { ONE: '1', TWO: '' };
  const { invoke, pids, stop } = startFunction({ bundle, env, timeoutMs: 20_000 });
  for (let call = 0; call < 2; call++)
    expect(JSON.parse(await invoke({ some: 'event' }))).toEqual({ event: { some: 'event' }, env });
  expect(pids()).toHaveLength(1);
  await Promise.all([invoke({}), invoke({})]);
  expect(pids()).toHaveLength(2);
  await stop();
  expect(pids()).toEqual([]);
});
