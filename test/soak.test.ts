// The soak in small: it passes the function as it is, and it can fail. `npm run soak -- --defects` plants the
// other known defects, which takes too long for here.
import { defects, findOut, soakWith } from '../bench/soak/defects.ts';

const SEED = 1;

test('the function as it is keeps every promise, and every receipt is accounted for', async () => {
  const { broken, rows } = await soakWith(undefined, ['error_code'], SEED);
  expect(broken).toEqual([]);
  expect(rows).toMatchObject([{ fault: 'error_code', receipts: 400 }]);
}, 60_000);

test('a function that takes 200 with an error code for success is caught', async () => {
  const defect = defects.find(({ name }) => name.startsWith('treats 200'));
  if (!defect) throw new Error('That defect is gone.');
  expect(await findOut(defect, SEED)).toMatch(defect.promise);
}, 120_000);
