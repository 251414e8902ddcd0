import { openWorld } from '../../local/world.ts';

test('every address of the world is on 127.0.0.1 alone', async () => {
  const world = await openWorld();
  const place = await world.open();
  try {
    for (const url of [world.sqs.url, world.aws.url, place.huawei.url]) {
      expect((await fetch(url)).status).toBeGreaterThan(0);
      // Also this machine, but another address: whoever listens on all of them answers.
      await expect(fetch(url.replace('127.0.0.1', '127.0.0.2'))).rejects.toMatchObject({
        cause: { code: 'ECONNREFUSED' },
      });
    }
  } finally {
    await place.close();
    await world.close();
  }
});
