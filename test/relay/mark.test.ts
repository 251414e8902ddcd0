import fc from 'fast-check';
import type { Mark } from '../../lib/huawei/mark-as-read.ts';
import { coalesce, type Entry, keyOf, markOf } from '../../lib/relay/mark.ts';
import { fabricated } from '../environment.ts';

const mark = fc.record(
  {
    case_id: fc.constantFrom('1', '2', '1,2', '"', 'null'),
    group_id: fc.constantFrom('1', '2', '","', 'null'),
    language: fc.constantFrom('1', 'en'),
    time_zone: fc.constantFrom('1', 'en'),
  },
  { requiredKeys: ['case_id'] },
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

test('two marks have one key exactly where they are one call', () => {
  fc.assert(
    fc.property(mark, mark, (one, other) => {
      const names = ['case_id', 'group_id', 'language', 'time_zone'] as const;
      const isSame = names.every(name => (one as Mark)[name] === (other as Mark)[name]);
      expect(keyOf(one as Mark) === keyOf(other as Mark)).toBe(isSame);
    }),
  );
});

test('coalescing keeps every receipt, once, beside its equals and in order; the newest bound counts', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(mark, fc.nat(9))), marks => {
      const record = fabricated('');
      const entries = marks.map(
        ([each, bound]): Entry => ({ record, mark: each as Mark, bound, result: 'left' }),
      );
      const groups = coalesce([...entries, { record, result: 'left' }]);
      expect(groups.flatMap(group => group.entries)).toHaveLength(entries.length);
      expect(groups).toHaveLength(new Set(groups.map(({ key }) => key)).size);
      for (const { key, entries: equals, bound } of groups) {
        expect(equals).toEqual(entries.filter(entry => keyOf(entry.mark as Mark) === key));
        expect(bound).toBe(Math.max(...equals.map(entry => entry.bound as number)));
      }
    }),
  );
});
