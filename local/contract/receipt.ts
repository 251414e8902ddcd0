import { receiptSchema } from '../../lib/receipt/receipt.ts';
import type { Contract } from './contract.ts';

export const time = 'Time, ISO 8601 with seconds and offset.';
export const receiptFields = {
  case_id:
    'The ticket, by the id that Huawei Cloud gives it. 1 to 64 characters (Unicode code points), without control characters or lone surrogates, and not "." or "..". Goes into the path of the call, percent-encoded; Huawei marks all unread messages of this case as read.',
  group_id:
    'Id of the IAM user group; 0 to 64 characters (Unicode code points), empty or null = absent. Goes into the body of the call. Huawei demands it where the ticket belongs to another member of the group, and answers OSM.01010002 without it.',
  language:
    'Language of Huawei\'s answers, 1 to 32 visible ASCII characters, such as "en-us"; null = absent. Goes into the header X-Language; Huawei takes zh-cn without it.',
  time_zone:
    'Time zone of Huawei\'s answers, 1 to 32 visible ASCII characters, such as "GMT+8"; null = absent. Goes into the header X-Time-Zone; Huawei takes GMT+8 without it.',
  read_at:
    'When the person read: ISO 8601, a date that exists and a time with offset; "T", "t" or a space between, seconds and fraction optional, "Z", "z", "+08:00" or "+0800". Null = absent. Always send it: a receipt that arrives late hides nothing that was written after this time, and the metric ReadLag measures from it. Huawei never sees it.',
};

export const receiptContract: Contract = {
  file: 'receipt.schema.json',
  schema: receiptSchema,
  title: 'Read receipt',
  description:
    'A person read the messages of a ticket. Body of an SQS message, JSON; or inside an SNS notification, an EventBridge event or a CloudEvent. Fields that are not named here are ignored.',
  fields: receiptFields,
  examples: [
    { case_id: '8f5a2c1e9b7d4e60' },
    { case_id: '8f5a2c1e9b7d4e60', group_id: '5f0c31b2a4', read_at: '2026-01-31T09:30:00Z' },
    {
      case_id: '8f5a2c1e9b7d4e60',
      group_id: null,
      language: 'en-us',
      time_zone: 'GMT+8',
      read_at: '2026-01-31T17:30:00.250+08:00',
    },
  ],
};
