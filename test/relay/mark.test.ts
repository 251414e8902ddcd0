import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Mark } from '../../lib/huawei/mark-as-read.ts';
import { coalesce, type Entry, markOf } from '../../lib/relay/mark.ts';
import { fabricated } from '../environment.ts';

const text = fc.string({ unit: fc.constantFrom('1', ','), minLength: 1, maxLength: 3 });
const mark = fc.record(
  { case_id: text, group_id: text, language: text, time_zone: text },
  { requiredKeys: ['case_id'], noNullPrototype: true },
);

describe('the mark of a receipt', () => {
  test('has what the receipt has, but for when it was read', () => {
    expect(
      markOf({ case_id: '1', group_id: 'g', language: 'l', time_zone: 't', read_at: '2026-01-31T09:30:00Z' }),
    ).toEqual({ case_id: '1', group_id: 'g', language: 'l', time_zone: 't' });
  });

  test('has nothing where the receipt has null or an empty group', () => {
    const bare = { case_id: '1' };
    expect(markOf({ ...bare, group_id: '', language: null, time_zone: null })).toStrictEqual(bare);
    expect(markOf({ ...bare, group_id: null })).toStrictEqual(bare);
    expect(markOf(bare)).toStrictEqual(bare);
  });
});

test('coalescing keeps every receipt, once, beside its equals and in order; the newest bound counts', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(mark, fc.nat(9)), { minLength: 50, maxLength: 60 }), marks => {
      const record = fabricated('');
      const entries = marks.map(
        ([each, bound]): Entry => ({ record, mark: each as Mark, bound, result: 'left' }),
      );
      const groups = coalesce([...entries, { record, result: 'left' }]);
      expect(groups.flatMap(group => group.entries)).toHaveLength(entries.length);
      for (const { mark: one, entries: equals, bound } of groups) {
        expect(equals).toEqual(entries.filter(entry => isDeepStrictEqual(entry.mark, one)));
        expect(bound).toBe(Math.max(...equals.map(entry => entry.bound as number)));
      }
    }),
  );
});
