// Credentials that change while receipts come in: at Huawei and where they are stored, in either order, with a
// gap between. Two instances, a round of receipts every five seconds; what failed comes again in the next round.
import type { SQSRecord } from 'aws-lambda';
import { pass, useClock } from '../clock.ts';
import { context, useEnvironment } from '../environment.ts';
import { secret } from '../output/printed.ts';
import { type Kind, receipts, type Store, start as startKind, wrongOf } from './kinds.ts';

useEnvironment();
useClock();

const ROUND_SECONDS = 5;
const MOST_ROUNDS = 12; // a minute
const RECEIPTS = 12;

const start = async (kind: Kind, store: Store) => {
  const service = await startKind(kind, { store });
  const instances = [await service.coldStart(), await service.coldStart()];
  service.huawei.requests.length = 0;
  const waiting: SQSRecord[][] = [];
  let sent = 0;

  /** New receipts and those that failed, for each instance. Gives how many failed. */
  const round = async () => {
    pass({ seconds: ROUND_SECONDS });
    const failures = await Promise.all(
      instances.map(async (handler, index) => {
        const Records = [...(waiting[index] ?? []), ...receipts(RECEIPTS)];
        sent += RECEIPTS;
        const { batchItemFailures } = await handler({ Records }, context);
        const failed = new Set(batchItemFailures.map(each => each.itemIdentifier));
        waiting[index] = Records.filter(({ messageId }) => failed.has(messageId));
        return failed.size;
      }),
    );
    return failures.reduce((a, b) => a + b, 0);
  };
  return {
    ...service,
    instances,
    round,
    /** So many minutes, with a round at their end; long ones have three. Gives how many receipts failed. */
    async minutes(count: number) {
      const most = count > 10 ? 3 : Math.min(count, 1);
      let failures = 0;
      for (let index = 0; index < most; index++) {
        pass({ seconds: (count * 60) / most - ROUND_SECONDS });
        failures += await round();
      }
      return failures;
    },
    /** Goes on until nothing fails. Gives the seconds that took, a minute at most. */
    async recovered() {
      for (let count = 1; count <= MOST_ROUNDS; count++)
        if ((await round()) === 0) return count * ROUND_SECONDS;
      return Number.POSITIVE_INFINITY;
    },
    /** No receipt lost, none dead, nobody locked out. */
    expectWhole() {
      const marked = service.huawei.requests.filter(each => each.marked).map(each => each.caseId);
      expect(new Set(marked).size).toBe(sent);
      expect(service.deadLetters()).toEqual([]);
      expect(service.huawei.iam.isLocked()).toBe(false);
    },
  };
};

/** Where the credentials are stored makes no difference to how the time goes. */
const stores: [Kind, Store][] = [
  ['password', 'secretsmanager'],
  ['token', 'ssm'],
  ['aksk', 'file'],
];
const table = stores.flatMap(([kind, store]) =>
  [0, 1, 40].map((gap): [Kind, Store, number] => [kind, store, gap]),
);

describe.each(table)('a %s in %s, with a gap of %i minutes', (kind, store, gap) => {
  test('ended at Huawei first', async () => {
    const service = await start(kind, store);
    expect(await service.round()).toBe(0);
    service.end();
    await service.minutes(gap);
    // One refused log-in for each instance, however long it takes.
    if (kind === 'password') expect(service.huawei.iam.failedLogIns).toBe(gap === 0 ? 0 : 2);
    await service.put(await service.nextOf());
    expect(await service.recovered()).toBeLessThanOrEqual(60);
    service.expectWhole();
    expect(service.huawei.iam.failedLogIns).toBeLessThanOrEqual(2);
  });

  test('stored anew first', async () => {
    const service = await start(kind, store);
    expect(await service.round()).toBe(0);
    if (kind !== 'token') await service.put(await service.nextOf());
    expect(await service.minutes(gap)).toBe(0);
    service.end();
    if (kind === 'token') await service.put(await service.nextOf());
    expect(await service.recovered()).toBe(ROUND_SECONDS);
    service.expectWhole();
    expect(service.huawei.iam.failedLogIns).toBe(0);
  });

  test('both between two calls of a batch', async () => {
    const service = await start(kind, store);
    expect(await service.round()).toBe(0);
    service.huawei.faults.add({ does: 'slow', ms: 10 });
    const running = service.round();
    await new Promise(resolve => setTimeout(resolve, 15));
    service.end();
    await service.put(await service.nextOf());
    await running;
    expect(await service.recovered()).toBeLessThanOrEqual(60);
    service.expectWhole();
  });
});

test('where the secret is ahead of Huawei, tokens that end cost one refused log-in for each instance, and an hour', async () => {
  const ahead = { ...wrongOf.password, password: secret('the-password-ahead') };
  const service = await start('password', 'ssm');
  expect(await service.round()).toBe(0);
  await service.put(ahead);
  pass({ hours: 23, minutes: 40 });
  // A batch is not answered before such a log-in is: a function that is frozen meanwhile would not hear of it.
  expect(await service.round()).toBe(0);
  expect(service.huawei.iam.failedLogIns).toBe(2);
  expect(service.huawei.requests.filter(({ status }) => status === undefined)).toEqual([]);
  // While the old tokens are good, no batch asks whether the secret is another, and so none waits for the store.
  const asked = service.aws.calls.length;
  expect(await service.round()).toBe(0);
  expect(service.aws.calls).toHaveLength(asked);
  // Nor do tokens that die meanwhile cost a further one.
  for (let round = 0; round < 2; round++) {
    expect(service.huawei.iam.failedLogIns).toBe(2);
    service.huawei.iam.revokeTokens();
    await service.round();
  }
  service.huawei.iam.setPassword(ahead.password);
  pass({ minutes: 61 });
  expect(await service.recovered()).toBeLessThanOrEqual(60);
  service.expectWhole();
  expect(service.huawei.iam.failedLogIns).toBe(2);
});
