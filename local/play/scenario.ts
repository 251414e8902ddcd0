import type { FailureCode } from '../../lib/failure.ts';

/** A receipt to send, and what has to become of it. */
export interface Receipt {
  /** How the screen calls it: its case, where it has one. */
  who: string;
  body: string;
  why: string;
  end: 'marked' | 'superseded' | FailureCode;
}

/** The IAM user group that the shared cases belong to. */
export const GROUP = 'support-team';
/** The case whose receipt comes late. */
export const LATE_CASE = 'demo-late';

const outage = Array.from({ length: 6 }, (_, index) => `demo-down-${index + 1}`);

/** The support cases that exist at Huawei when the play begins. */
export const cases: Record<string, { unread: number; group?: string }> = {
  'demo-1': { unread: 3 },
  'demo-2': { unread: 5 },
  'demo-sns': { unread: 1 },
  'demo-event': { unread: 2 },
  'demo-cloud': { unread: 1 },
  'demo-team': { unread: 2, group: GROUP },
  'demo-shared-1': { unread: 4, group: GROUP },
  'demo-shared-2': { unread: 1, group: GROUP },
  'demo-token': { unread: 2 },
  'demo-busy': { unread: 1 },
  [LATE_CASE]: { unread: 1 },
  ...Object.fromEntries(outage.map(who => [who, { unread: 1 }])),
};

const body = (case_id: string, fields: object = {}) => ({
  case_id,
  read_at: new Date().toISOString(),
  ...fields,
});
const receipt = (who: string, content: unknown, why: string, end: Receipt['end'] = 'marked'): Receipt => ({
  who,
  body: typeof content === 'string' ? content : JSON.stringify(content),
  why,
  end,
});

/** Receipts of every kind. */
export const everyKind = (): Receipt[] => [
  receipt('demo-1', body('demo-1', { language: 'en-us', time_zone: 'GMT+8' }), 'a good receipt'),
  ...Array.from({ length: 5 }, () => receipt('demo-2', body('demo-2'), 'the same case, read by five people')),
  receipt(
    'demo-sns',
    { Type: 'Notification', Message: JSON.stringify(body('demo-sns')) },
    'inside an SNS notification',
  ),
  receipt(
    'demo-event',
    { 'detail-type': 'MessagesRead', source: 'desk', detail: body('demo-event') },
    'inside an EventBridge event',
  ),
  receipt(
    'demo-cloud',
    { specversion: '1.0', type: 'read', source: '/desk', id: '1', data: body('demo-cloud') },
    'inside a CloudEvent',
  ),
  receipt('demo-team', body('demo-team', { group_id: GROUP }), "a colleague's case, with its group_id"),
  receipt('demo-shared-1', body('demo-shared-1'), "a colleague's case, group_id forgotten", 'forbidden'),
  receipt('demo-shared-2', body('demo-shared-2'), "a colleague's case, group_id forgotten", 'forbidden'),
  receipt('demo-gone', body('demo-gone'), 'a case that does not exist', 'rejected'),
  receipt('(not JSON)', 'case_id=demo-1', 'not JSON at all', 'malformed'),
  receipt(
    '(empty)',
    { 'detail-type': 'MessagesRead' },
    'an EventBridge event with nothing inside',
    'malformed',
  ),
  receipt('(no case)', { ticket: 'demo-1' }, 'JSON, but not a receipt', 'invalid'),
  receipt(
    'demo-1',
    body('demo-1', { read_at: 'yesterday' }),
    'a receipt whose time is not ISO 8601',
    'invalid',
  ),
];

/** For when Huawei ends our token early. */
export const afterRevocation = (): Receipt[] => [
  receipt('demo-token', body('demo-token'), 'sent with a token that Huawei has ended'),
];

/** For when Huawei asks us to wait. */
export const whileBusy = (): Receipt[] => [
  receipt('demo-busy', body('demo-busy'), 'sent while Huawei limits the rate'),
];

/** For when Huawei is down: enough of them to open the breaker. */
export const duringOutage = (): Receipt[] =>
  outage.map(who => receipt(who, body(who), 'sent while Huawei is down'));

/** Read before the other side writes again, and taken from the queue after it. */
export const readBeforeOutage = (): Receipt[] => [
  receipt(LATE_CASE, body(LATE_CASE), 'read just before Huawei went down', 'superseded'),
];

/** Read after all that was written. */
export const nextReader = (): Receipt[] => [
  receipt(LATE_CASE, body(LATE_CASE), 'read again, the answer included'),
];
