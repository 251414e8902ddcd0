import { readEvent } from '../../lib/relay/event.ts';
import { fabricated } from '../environment.ts';

const batch = { Records: [fabricated('{}')] };

test.each([
  [batch, { kind: 'batch', batch }],
  [{ Records: [] }, { kind: 'batch', batch: { Records: [] } }],
  [{ doctor: true }, { kind: 'check_up' }],
  [
    { doctor: true, case: '1' },
    { kind: 'check_case', of: { case_id: '1' } },
  ],
  [
    { doctor: true, case: '1', group: 'g' },
    { kind: 'check_case', of: { case_id: '1', group_id: 'g' } },
  ],
])('%j is understood', (event, read) => {
  expect(readEvent(event)).toEqual(read);
});

test.each([
  [{}],
  [null],
  ['hello'],
  [[]],
  [{ version: '2.0', body: '{"case_id":"1"}' }],
  [{ Records: { length: 1 } }],
  [{ Records: [{ Sns: {} }] }],
  [{ doctor: 'yes' }],
  [{ doctor: false }],
  [{ doctor: true, case_id: '1' }],
  [{ doctor: true, case: '' }],
  [{ doctor: true, case: 7 }],
  [{ doctor: true, case: 'x'.repeat(65) }],
  [{ doctor: true, case: '1', group: 7 }],
  [{ doctor: true, group: 'g' }],
  [{ doctor: true, case: '1', cases: 1 }],
])('%j is refused, never answered with "nothing failed"', event => {
  expect(() => readEvent(event)).toThrow(/takes batches from its SQS queue, and \{"doctor": true\}/);
});
