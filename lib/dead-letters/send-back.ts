import type { Message } from '../sqs/message.ts';
import {
  type Attributes,
  failureIn,
  firstSentAt,
  type Letter,
  number,
  OURS,
  ownOf,
  withRoomFor,
} from './dead-letter.ts';

/** The message with when it was first sent, ms epoch, where nothing on it tells of a dead letter or a replay and there is room. */
export const withSentAt = (message: Message, sentAt: number): Message =>
  failureIn(message) === undefined && firstSentAt(message, Number.NaN) === undefined
    ? withRoomFor(message, ownOf(message, 'sent_at'), [['sent_at', number(sentAt)]])
    : message;

/**
 * The message to send back: the letter with a body, without why it is dead, with when it was first sent and with one
 * replay more. Where SQS's limits leave no room, first `replays` is left out: nothing guards it against being replayed
 * for ever then. An unread message that is hidden by a mark is worse.
 */
export const replayOf = (letter: Letter, body: string): Message => {
  const message = { ...letter.message, body };
  const sentAt = firstSentAt(message, letter.sentAt);
  return withRoomFor(message, ownOf(message, ...OURS, 'sent_at'), [
    ...(sentAt === undefined ? [] : [['sent_at', number(sentAt)] satisfies Attributes[number]]),
    ['replays', number(letter.replays + 1)],
  ]);
};
