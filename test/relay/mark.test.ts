import fc from 'fast-check';
import type { Mark } from '../../lib/huawei/mark-as-read.ts';
import { coalesce, keyOf, markOf } from '../../lib/relay/mark.ts';

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

test('coalescing keeps every wish, once, beside its equals and in order', () => {
  fc.assert(
    fc.property(fc.array(mark), marks => {
      const wishes = marks.map((each, index) => ({ mark: each as Mark, index }));
      const groups = [...coalesce(wishes).values()];
      expect(
        groups
          .flat()
          .map(({ index }) => index)
          .sort((a, b) => a - b),
      ).toEqual(wishes.map(({ index }) => index));
      expect(groups).toHaveLength(new Set(wishes.map(wish => keyOf(wish.mark))).size);
      for (const group of groups) {
        expect(new Set(group.map(wish => keyOf(wish.mark))).size).toBe(1);
        expect(group.map(({ index }) => index)).toEqual(
          group.map(({ index }) => index).toSorted((a, b) => a - b),
        );
      }
    }),
  );
});
