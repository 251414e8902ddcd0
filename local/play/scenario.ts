import type { FailureCode } from '../../lib/failure.ts';

/** A receipt to send, and what has to become of it. */
export interface Wish {
  /** How the screen calls it: its case, where it has one. */
  who: string;
  body: string;
  why: string;
  end: 'marked' | FailureCode;
}

/** The IAM user group that the shared cases belong to. */
export const GROUP = 'support-team';

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
  ...Object.fromEntries(outage.map(who => [who, { unread: 1 }])),
};

const receipt = (case_id: string, fields: object = {}) => ({
  case_id,
  read_at: new Date().toISOString(),
  ...fields,
});
const wish = (who: string, body: unknown, why: string, end: Wish['end'] = 'marked'): Wish => ({
  who,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  why,
  end,
});

/** Receipts of every kind. */
export const everyKind = (): Wish[] => [
  wish('demo-1', receipt('demo-1', { language: 'en-us', time_zone: 'GMT+8' }), 'a good receipt'),
  ...Array.from({ length: 5 }, () => wish('demo-2', receipt('demo-2'), 'the same case, read by five people')),
  wish(
    'demo-sns',
    { Type: 'Notification', Message: JSON.stringify(receipt('demo-sns')) },
    'inside an SNS notification',
  ),
  wish(
    'demo-event',
    { 'detail-type': 'MessagesRead', source: 'desk', detail: receipt('demo-event') },
    'inside an EventBridge event',
  ),
  wish(
    'demo-cloud',
    { specversion: '1.0', type: 'read', source: '/desk', id: '1', data: receipt('demo-cloud') },
    'inside a CloudEvent',
  ),
  wish('demo-team', receipt('demo-team', { group_id: GROUP }), "a colleague's case, with its group_id"),
  wish('demo-shared-1', receipt('demo-shared-1'), "a colleague's case, group_id forgotten", 'forbidden'),
  wish('demo-shared-2', receipt('demo-shared-2'), "a colleague's case, group_id forgotten", 'forbidden'),
  wish('demo-gone', receipt('demo-gone'), 'a case that does not exist', 'rejected'),
  wish('(not JSON)', 'case_id=demo-1', 'not JSON at all', 'malformed'),
  wish('(empty)', { 'detail-type': 'MessagesRead' }, 'an EventBridge event with nothing inside', 'malformed'),
  wish('(no case)', { ticket: 'demo-1' }, 'JSON, but not a receipt', 'invalid'),
  wish(
    'demo-1',
    receipt('demo-1', { read_at: 'yesterday' }),
    'a receipt whose time is not ISO 8601',
    'invalid',
  ),
];

/** For when Huawei ends our token early. */
export const afterRevocation = (): Wish[] => [
  wish('demo-token', receipt('demo-token'), 'sent with a token that Huawei has ended'),
];

/** For when Huawei asks us to wait. */
export const whileBusy = (): Wish[] => [
  wish('demo-busy', receipt('demo-busy'), 'sent while Huawei limits the rate'),
];

/** For when Huawei is down: enough of them to open the breaker. */
export const duringOutage = (): Wish[] =>
  outage.map(who => wish(who, receipt(who), 'sent while Huawei is down'));
