// A gateway that allows less than the function may send: what is marked, through the whole function.
import { fabricated, receipt, startEnvironment, useEnvironment } from '../environment.ts';

useEnvironment();

const SECONDS = 4;
const BATCH = 100;
const MOST = { MAX_REQUESTS_PER_SECOND: '80' };

test.each([
  [60, 1],
  [100, 2],
])(
  '%i a second allowed, %i instances: most of it is marked, and the breaker stays closed',
  async (allowed, count) => {
    const first = await startEnvironment({ huawei: { requestsPerSecond: allowed }, env: MOST });
    const { url } = first.huawei;
    const env = { ...MOST, OSM_ENDPOINT: url, IAM_ENDPOINT: url };
    const instances = [first];
    while (instances.length < count) instances.push(await startEnvironment({ env }));
    let next = 0;
    const end = performance.now() + SECONDS * 1000;
    const working = instances.map(async ({ invoke }) => {
      while (performance.now() < end) {
        await invoke(
          Array.from({ length: BATCH }, () => fabricated(receipt(`${next++}`))),
          8000,
        );
      }
    });
    await new Promise(resolve => setTimeout(resolve, SECONDS * 1000));
    expect(first.huawei.osm.marks).toBeGreaterThanOrEqual(0.6 * allowed * SECONDS);
    await Promise.all(working);
    expect(first.lines().filter(({ message }) => message === 'breaker.opened')).toEqual([]);
  },
);
