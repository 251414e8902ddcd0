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
/** As many as open the breaker, and one more. */
export const DOWN_CASES = Array.from({ length: 6 }, (_, index) => `demo-down-${index + 1}`);

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
  ...Object.fromEntries(DOWN_CASES.map(who => [who, { unread: 1 }])),
};

const fieldsOf = (case_id: string, more: object = {}) => ({
  case_id,
  read_at: new Date().toISOString(),
  ...more,
});

/** A receipt that has just been read. */
export const receipt = (
  who: string,
  why: string,
  end: Receipt['end'] = 'marked',
  content: unknown = fieldsOf(who),
): Receipt => ({ who, why, end, body: typeof content === 'string' ? content : JSON.stringify(content) });

export const everyKind = (): Receipt[] => {
  const sns = { Type: 'Notification', Message: JSON.stringify(fieldsOf('demo-sns')) };
  const event = { 'detail-type': 'MessagesRead', source: 'desk', detail: fieldsOf('demo-event') };
  const cloudEvent = {
    ...{ specversion: '1.0', type: 'read', source: '/desk', id: '1' },
    data: fieldsOf('demo-cloud'),
  };
  const team = fieldsOf('demo-team', { group_id: GROUP });
  return [
    receipt('demo-1', 'a good receipt'),
    ...Array.from({ length: 5 }, () => receipt('demo-2', 'the same case, read by five people')),
    receipt('demo-sns', 'inside an SNS notification', 'marked', sns),
    receipt('demo-event', 'inside an EventBridge event', 'marked', event),
    receipt('demo-cloud', 'inside a CloudEvent', 'marked', cloudEvent),
    receipt('demo-team', "a colleague's case, with its group_id", 'marked', team),
    receipt('demo-shared-1', "a colleague's case, group_id forgotten", 'forbidden'),
    receipt('demo-shared-2', "a colleague's case, group_id forgotten", 'forbidden'),
    receipt('demo-gone', 'a case that does not exist', 'rejected'),
    receipt('(not JSON)', 'not JSON at all', 'malformed', 'case_id=demo-1'),
    receipt('(empty)', 'an EventBridge event with nothing inside', 'malformed', { 'detail-type': 'Read' }),
    receipt('(no case)', 'JSON, but not a receipt', 'invalid', { ticket: 'demo-1' }),
    receipt(
      'demo-1',
      'a receipt whose time is not ISO 8601',
      'invalid',
      fieldsOf('demo-1', { read_at: 'yesterday' }),
    ),
  ];
};
