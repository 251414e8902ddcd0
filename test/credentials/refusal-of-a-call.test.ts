// A call is refused, by each kind of credentials: what it costs. What is decided how, session.test.ts has in full.
import type { Fault } from '../../local/huawei/faults.ts';
import { pass, useClock } from '../clock.ts';
import { fabricated, receipt, useEnvironment } from '../environment.ts';
import { type Kind, MANY, mark, receipts, refused, type Started, start } from './kinds.ts';

useEnvironment();
useClock();

const kinds: Kind[] = ['password', 'token', 'aksk', 'oidc'];
const refusal = { does: 'answer', status: 401, body: { error_code: 'APIGW.0301', error_msg: 'no' } } as const;
const expired = { does: 'error_code', code: 'OSM.0002' } as const;
const asked = ({ huawei }: Started) => huawei.requests.filter(({ kind }) => kind === 'unread');
const logIns = ({ huawei }: Started) => huawei.requests.filter(({ kind }) => /log_in|id_token/.test(kind));

/** Warm and proved, with a clean log of requests. */
const warm = async (kind: Kind, setup: Parameters<typeof start>[1] = {}) => {
  const service = await start(kind, setup);
  if (kind === 'token') await service.invoke(receipts(1)); // the one at the start was none yet
  expect(await mark(service, 2)).toBe(0);
  service.huawei.requests.length = 0;
  return service;
};

describe.each(kinds)('with a %s', kind => {
  test.each<[string, Omit<Fault, 'match'>]>([
    ['a 401', refusal],
    ['"token expired"', expired],
  ])('%s to one receipt, once, is repeated and marked', async (_, fault) => {
    const service = await warm(kind);
    service.huawei.faults.add({ ...fault, match: { kind: 'mark' }, times: 1 } as Fault);
    expect(await mark(service)).toBe(0);
    expect(service.marks()).toHaveLength(2);
    expect(asked(service)).toHaveLength(1);
    expect(logIns(service)).toHaveLength(0);
  });

  test('a receipt that is refused always is the one that fails, its neighbours are marked', async () => {
    const service = await warm(kind);
    service.huawei.faults.add({ ...refusal, match: { caseId: 'odd' } });
    for (let round = 0; round < 3; round++) {
      const records = [...receipts(20), fabricated(receipt('odd')), ...receipts(20)];
      const { batchItemFailures } = await service.invoke(records);
      expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual([records[20]?.messageId]);
      pass({ minutes: 2 });
    }
    await service.deliver([{ body: receipt('odd'), system: { ApproximateReceiveCount: '8' } }]);
    expect(service.deadLetters()).toMatchObject([{ failure: { code: 'failed', status: 401 } }]);
    expect(service.marks().filter(({ caseId }) => caseId === 'odd')).toHaveLength(8);
    expect(logIns(service)).toHaveLength(0);
    expect(await mark(service, MANY)).toBe(0);
  });
});

describe('a token from a log-in that died early', () => {
  test.each<Kind>(['password', 'oidc'])(
    'costs one log-in, however many were under way, and whenever their refusals come: %s',
    async kind => {
      const service = await warm(kind, { huawei: { latencyMs: 10 } });
      service.huawei.iam.revokeTokens();
      // The answers to these stay away until the fresh token is there.
      service.huawei.faults.add({ does: 'slow', ms: 150, times: 3, match: { kind: 'mark' } });
      expect(await mark(service, MANY)).toBe(0);
      expect(logIns(service)).toHaveLength(1);
      expect(asked(service)).toHaveLength(1);
      expect(service.huawei.osm.marks).toBe(MANY + 2);
    },
  );

  test('is unauthorized where no other cures it, without a log-in for each mark, and over as soon as it is', async () => {
    const service = await warm('password');
    service.huawei.faults.add({ ...refusal, match: ({ kind }) => kind === 'mark' || kind === 'unread' });
    expect(await mark(service, MANY)).toBe(MANY);
    const failures = service
      .lines()
      .filter(({ message }) => /^receipt\.(left|delayed)$/.test(String(message)));
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['unauthorized']));
    expect(logIns(service)).toHaveLength(1);
    service.huawei.faults.clear();
    pass({ minutes: 1 });
    expect(await mark(service, MANY)).toBe(0);
    expect(logIns(service)).toHaveLength(1);
  });
});

describe('a key', () => {
  test('that is new is proved by the read-only call, and used by all at once then', async () => {
    const service = await start('aksk', { huawei: { latencyMs: 50 } });
    expect(await mark(service, MANY)).toBe(0);
    expect(service.huawei.requests[0]?.kind).toBe('unread');
    expect(asked(service)).toHaveLength(1);
    expect(service.huawei.load.peakInFlight).toBeGreaterThan(3);
  });

  test('that was taken and is deleted under load costs at most what was in flight', async () => {
    const service = await warm('aksk', { huawei: { latencyMs: 20 } });
    service.end();
    expect(await mark(service, 5 * MANY)).toBe(5 * MANY);
    expect(refused(service).length).toBeLessThanOrEqual(50 + 1);
  });

  test('is refused for a clock that is far off, which is named', async () => {
    const service = await start('aksk', { huawei: { clockOffsetMs: -20 * 60_000 } });
    expect(await mark(service, 3)).toBe(3);
    expect(service.printed()).toMatch(/our clock is (1199|1200|1201) s ahead of theirs/);
  });
});
