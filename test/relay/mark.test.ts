import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Mark } from '../../lib/huawei/mark-as-read.ts';
import { coalesce, type Entry } from '../../lib/relay/mark.ts';
import { fabricated } from '../environment.ts';

const text = fc.string({ unit: fc.constantFrom('1', ','), minLength: 1, maxLength: 3 });
const mark = fc.record(
  { case_id: text, group_id: text, language: text, time_zone: text },
  { requiredKeys: ['case_id'], noNullPrototype: true },
);

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
