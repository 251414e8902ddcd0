import type { IncomingHttpHeaders } from 'node:http';

/** One call to AWS as it arrived. */
export interface AwsCall {
  /** `AmazonSQS.SendMessageBatch`, `AmazonSSM.GetParameter`, `sts.GetWebIdentityToken`, …; empty where it is none. */
  target: string;
  /** The target's last part. */
  action: string;
  /** A JSON body, or the fields of a form. */
  body: Record<string, unknown>;
  headers: IncomingHttpHeaders;
}

/** An object goes as JSON, a text as it is. */
export interface AwsAnswer {
  status: number;
  body: object | string;
  /** @default AWS's JSON */
  contentType?: string;
  /** The header Date; empty for none. @default the time */
  date?: string;
}
