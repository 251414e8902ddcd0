// What the models of the world hold, and the oracle knows of.
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';

/** In every secret, so that one that is printed is found. */
export const SECRET_MARK = 's3cr3t';
/** At the end of passwords: each is the beginning of the next, as people choose them. */
export const SECRET_TAIL = '-t41l';

/** A message of a case at Huawei. */
export interface Message {
  at: number;
  /** Written by the customer's side. */
  isOwn: boolean;
}
export interface Case {
  id: string;
  index: number;
  /** Those who act for a colleague must name it. */
  group: string | undefined;
  messages: Message[];
  unread: Message[];
  /** When persons truly read it, in order. */
  reads: number[];
  /** Closed: no mark is possible any more. */
  isClosed: boolean;
}

/** What the other side did with a mark, in the words of its answer. */
export interface Answered {
  status: number | 'hang' | 'reset';
  errorCode?: string;
  isJson: boolean;
}
/** What a look at a case can tell: nothing, or nothing yet where it met trouble. */
export type LookKind = 'told' | 'odd' | 'trouble';

/** Equal for marks that are one call. */
export const keyOf = (caseId: string, group = '', language = '', zone = '') =>
  `${caseId}|${group}|${language}|${zone}`;

/** A message of a standard queue. */
export interface Held {
  id: string;
  body: string;
  attributes: Record<string, MessageAttributeValue>;
  groupId?: string | undefined;
  traceHeader?: string | undefined;
  sentAt: number;
  firstReceivedAt: number | undefined;
  receives: number;
  handle: string;
  /** Hidden until then; its number tells a lapsed timer from the one that counts. */
  timer: number;
  state: 'visible' | 'hidden' | 'gone';
}
export type Sendable = Pick<Held, 'body' | 'attributes' | 'groupId' | 'traceHeader'>;

/** What is known of a receipt from its first sending on. */
export interface Tracked {
  n: number;
  caseId: string;
  kind: 'good' | 'malformed' | 'invalid';
  /** When the person truly read, and when SQS first took it. */
  readAt: number;
  sentAt: number;
  /** Messages that carry it now, in either queue. */
  copies: number;
  /** When its mark was made, and when it was acknowledged. */
  markedAt?: number;
  settledAt?: number;
  /** Sent when it was read, of a case that nothing is wrong with. */
  isPrompt: boolean;
  isArchived?: boolean;
  /** How often it failed after its most receives. */
  hopeless?: number;
  /** Its first sending time was lost on a way that the contract does not cover. */
  isUndated?: boolean;
}
