// Made by `npm run schemas`.

/** A person read the messages of a ticket. Body of an SQS message, JSON; or inside an SNS notification, an EventBridge event or a CloudEvent. Fields that are not named here are ignored. */
export interface Receipt {
  /** The ticket, by the id that Huawei Cloud gives it: 1 to 64 characters (Unicode code points), without control characters or lone surrogates, and not "." or "..". All unread messages of this case are marked as read. */
  case_id: string;
  /** Id of the IAM user group; 0 to 64 characters (Unicode code points), empty or null = absent. Huawei demands it where the ticket belongs to another member of the group, and answers OSM.01010002 without it. */
  group_id?: string | null | undefined;
  /** Language of Huawei's answers, 1 to 32 visible ASCII characters, such as "en-us"; null = absent. Goes into the header X-Language; Huawei takes zh-cn without it. */
  language?: string | null | undefined;
  /** Time zone of Huawei's answers, 1 to 32 visible ASCII characters, such as "GMT+8"; null = absent. Goes into the header X-Time-Zone; Huawei takes GMT+8 without it. */
  time_zone?: string | null | undefined;
  /** When the person read: ISO 8601, a date that exists and a time with offset; "T", "t" or a space between, seconds and fraction optional, "Z", "z", "+08:00" or "+0800"; null = absent. Always send it: a receipt that arrives late then hides nothing that was written after this time. Huawei never sees it. */
  read_at?: string | null | undefined;
}
