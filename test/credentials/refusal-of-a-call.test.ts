// A call is refused: is it the credentials, or this receipt alone? One read-only call decides.
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
const outcomes = (service: Started) =>
  service.lines().flatMap(({ message, code }) => (String(message).startsWith('receipt.') ? [code] : []));

/** Warm and proved, with a clean log of requests. */
const warm = async (kind: Kind, setup: Parameters<typeof start>[1] = {}) => {
  const service = await start(kind, setup);
  if (kind === 'token') await service.invoke(receipts(1)); // the one at the start was none yet
  expect(await mark(service, 2)).toBe(0);
  service.huawei.requests.length = 0;
  return service;
};

test('a cold key: one receipt that is refused stops no other, though the read-only call is in trouble', async () => {
  const faults: Fault[] = [
    { does: 'html502', match: { kind: 'unread' } },
    { ...refusal, match: { caseId: 'odd' } },
  ];
  const service = await start('aksk', { huawei: { faults } });
  const records = [fabricated(receipt('odd')), ...receipts(30)];
  const { batchItemFailures } = await service.invoke(records);
  expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual([records[0]?.messageId]);
  expect(outcomes(service)).toContain('unauthorized');
});

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
    expect(service.logIns()).toHaveLength(0);
  });

  test('a receipt that is refused always is the one that fails, its neighbours are marked', async () => {
    const service = await warm(kind);
    service.huawei.faults.add({ ...refusal, match: { caseId: 'odd' } });
    const odd = () => fabricated(receipt('odd'));
    for (let round = 0; round < 3; round++) {
      const records = [...receipts(20), odd(), ...receipts(20)];
      const { batchItemFailures } = await service.invoke(records);
      expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual([records[20]?.messageId]);
      pass({ minutes: 2 });
    }
    await service.deliver([{ body: receipt('odd'), system: { ApproximateReceiveCount: '8' } }]);
    expect(service.deadLetters()).toMatchObject([{ failure: { code: 'failed', status: 401 } }]);
    expect(service.marks().filter(({ caseId }) => caseId === 'odd')).toHaveLength(8);
    expect(service.logIns()).toHaveLength(0);
    expect(await mark(service, MANY)).toBe(0);
  });

  test.each<[string, Omit<Fault, 'match'>, boolean]>([
    [
      'answers with an OSM code',
      { does: 'answer', status: 403, body: { error_code: 'OSM.0003' } } as Fault,
      true,
    ],
    ['tells of no such case', { does: 'error_code', code: 'OSM.01010015' } as Fault, true],
    [
      'is forbidden by the gateway',
      { does: 'answer', status: 403, body: { error_code: 'APIGW.0302' } } as Fault,
      false,
    ],
    ['meets a gateway in trouble', { does: 'html502' } as Fault, false],
    ['is throttled', { does: 'retry_after', after: 1 } as Fault, false],
    ['breaks off', { does: 'reset' } as Fault, false],
  ])('where that call %s', async (_, fault, isGood) => {
    const service = await warm(kind);
    service.huawei.faults.add({ ...fault, match: { kind: 'unread' } } as Fault);
    service.huawei.faults.add({ ...refusal, match: { kind: 'mark' }, times: 1 });
    expect(await mark(service)).toBe(isGood ? 0 : 1);
    expect(service.marks()).toHaveLength(isGood ? 2 : 1);
    if (!isGood) expect(outcomes(service).at(-1)).toBe('unauthorized');
    expect(await mark(service, MANY)).toBe(0);
    expect(service.logIns()).toHaveLength(0);
  });
});

describe('a token from a log-in that died early', () => {
  test.each<Kind>(['password', 'oidc'])('costs one log-in, however many were under way: %s', async kind => {
    const service = await warm(kind, { huawei: { latencyMs: 10 } });
    service.huawei.iam.revokeTokens();
    expect(await mark(service, MANY)).toBe(0);
    expect(service.huawei.requests.filter(({ kind }) => /log_in|id_token/.test(kind))).toHaveLength(1);
    expect(asked(service)).toHaveLength(1);
    expect(service.huawei.osm.marks).toBe(MANY + 2);
  });

  test('costs none more where its refusals come late', async () => {
    const service = await warm('password');
    service.huawei.iam.revokeTokens();
    // The answers to these stay away until the fresh token is there.
    service.huawei.faults.add({ does: 'slow', ms: 150, times: 3, match: { kind: 'mark' } });
    expect(await mark(service, 10)).toBe(0);
    expect(service.logIns()).toHaveLength(1);
    expect(asked(service)).toHaveLength(1);
  });

  test('is unauthorized where no other cures it, without a log-in for each mark, and over as soon as it is', async () => {
    const service = await warm('password');
    service.huawei.faults.add({ ...refusal, match: ({ kind }) => kind === 'mark' || kind === 'unread' });
    expect(await mark(service, MANY)).toBe(MANY);
    expect(
      outcomes(service).filter(code => code !== undefined && code !== 'marked' && code !== 'unauthorized'),
    ).toEqual([]);
    expect(service.logIns()).toHaveLength(1);
    service.huawei.faults.clear();
    pass({ minutes: 1 });
    expect(await mark(service, MANY)).toBe(0);
    expect(service.logIns()).toHaveLength(1);
    expect(service.deadLetters()).toEqual([]);
  });
});

describe('a new key', () => {
  test('is proved by the read-only call, and used by all at once then', async () => {
    const service = await start('aksk', { huawei: { latencyMs: 40 } });
    expect(await mark(service, MANY)).toBe(0);
    expect(service.huawei.requests[0]?.kind).toBe('unread');
    expect(asked(service)).toHaveLength(1);
    expect(service.huawei.load.peakInFlight).toBeGreaterThan(3);
  });

  test.each<[string, Fault[], string]>([
    [
      'a right one, where that call may not be made',
      [{ does: 'answer', status: 403, match: { kind: 'unread' } }],
      'marked',
    ],
    ['a right one, where that call hangs', [{ does: 'hang', match: { kind: 'unread' } }], 'marked'],
    [
      'a right one, where nothing is allowed',
      [
        { does: 'html502', match: { kind: 'unread' } },
        { does: 'answer', status: 403, body: { error_code: 'OSM.0003' }, match: { kind: 'mark' } },
      ],
      'forbidden',
    ],
    [
      'a right one, where the first mark meets trouble',
      [
        { does: 'html502', match: { kind: 'unread' }, times: 2 },
        { does: 'html502', match: { kind: 'mark' }, times: 1 },
      ],
      'marked but one',
    ],
    [
      'a right one, where OSM itself is in trouble with that call',
      [{ does: 'answer', status: 500, body: { error_code: 'OSM.0004' }, match: { kind: 'unread' } }],
      'marked',
    ],
  ])('one mark goes first, then all at once: %s', async (_, faults, becomes) => {
    const service = await start('aksk', {
      huawei: { faults, latencyMs: 50 },
    });
    expect(await mark(service, 300)).toBe(becomes === 'marked but one' ? 1 : 0);
    expect(service.deadLetters()).toHaveLength(becomes === 'forbidden' ? 300 : 0);
    expect(service.huawei.load.peakInFlight).toBeGreaterThan(3);
  });

  test.each<[string, Fault[]]>([
    ['the read-only call decides nothing', [{ does: 'html502', match: { kind: 'unread' } }]],
    ['everything is in trouble first', [{ does: 'html502', times: 4 }]],
    ['connections break first', [{ does: 'reset', times: 4 }]],
    ['all is throttled first', [{ does: 'retry_after', after: 1, times: 4 }]],
  ])('that is wrong costs two refused signatures, where %s', async (_, faults) => {
    const service = await start('aksk', { wrong: true, huawei: { faults, latencyMs: 10 } });
    expect(await mark(service, 1000)).toBe(1000);
    pass({ seconds: 5 });
    expect(await mark(service, 1000)).toBe(1000);
    expect(refused(service).length).toBeGreaterThan(0);
    expect(refused(service).length).toBeLessThanOrEqual(2);
  });

  test('where nobody answers costs no call for each receipt', async () => {
    const service = await start('aksk', {
      huawei: { faults: [{ does: 'hang' }] },
      env: { REQUEST_TIMEOUT_MS: '300' },
    });
    expect(await mark(service, 1000)).toBe(1000);
    expect(service.huawei.requests.length).toBeLessThan(20);
    expect(outcomes(service).filter(code => code === 'timeout').length).toBeGreaterThan(900);
  });
});

describe('a key that was taken', () => {
  test('and is deleted under load costs at most what was in flight', async () => {
    const service = await warm('aksk', { huawei: { latencyMs: 20 } });
    service.end();
    expect(await mark(service, 5 * MANY)).toBe(5 * MANY);
    expect(refused(service).length).toBeLessThanOrEqual(50 + 1);
  });

  test('a clock that is far off is named, one that is minutes off is none of our business', async () => {
    const far = await start('aksk', { huawei: { clockOffsetMs: -20 * 60_000 } });
    expect(await mark(far, 3)).toBe(3);
    expect(
      far
        .lines()
        .map(({ detail }) => String(detail))
        .join('\n'),
    ).toMatch(/our clock is (1199|1200|1201) s ahead of theirs/);
    expect(await mark(await start('aksk', { huawei: { clockOffsetMs: 14 * 60_000 } }), 3)).toBe(0);
  });
});

describe('a receipt that holds the words of a refusal', () => {
  test.each([
    [200, { group_id: 'OSM.0002' }, 'marked'],
    [200, { error_code: 'OSM.01010015', group_id: 'OSM.0002' }, 'dead'],
    [500, { error_code: 'OSM.0002' }, 'left'],
  ])('answered %i %j speaks for itself alone: the next are called for', async (status, body, becomes) => {
    const service = await warm('aksk');
    service.huawei.faults.add({ does: 'answer', status, body, times: 1, match: { kind: 'mark' } });
    const { batchItemFailures } = await service.invoke([
      fabricated(receipt('hostile', { group_id: 'OSM.0002' })),
    ]);
    expect(batchItemFailures).toHaveLength(becomes === 'left' ? 1 : 0);
    expect(await mark(service, 10)).toBe(0);
    expect(asked(service)).toEqual([]);
  });
});
