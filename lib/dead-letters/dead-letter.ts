import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { Failure } from '../failure.ts';
import { bytesOf, type Message, MOST_ATTRIBUTES, MOST_BYTES } from '../sqs/message.ts';

/** The attributes we add, most telling first: what does not fit is left out from the end. */
export const ourAttributes = ['failure', 'replays', 'failure_code'] as const;

/** Where and when a message died, beside why. */
export interface Death {
  /** ApproximateReceiveCount. */
  attempts: number;
  firstReceivedAt: Date;
  deadLetteredAt: Date;
  sourceMessageId: string;
}

const string = (StringValue: string): MessageAttributeValue => ({ DataType: 'String', StringValue });
const number = (value: number): MessageAttributeValue => ({ DataType: 'Number', StringValue: String(value) });

/** SQS takes no U+FFFE and U+FFFF; JSON.stringify has already escaped the rest of what it refuses. */
const escapeRefused = (json: string): string =>
  json.replace(/[\uFFFE\uFFFF]/g, character => `\\u${character.charCodeAt(0).toString(16)}`);

const describe = ({ code, detail, status, error_code, request_id }: Failure, death: Death): string =>
  escapeRefused(
    JSON.stringify({
      code,
      detail,
      status,
      error_code,
      request_id,
      attempts: death.attempts,
      first_received_at: death.firstReceivedAt.toISOString(),
      dead_lettered_at: death.deadLetteredAt.toISOString(),
      source_message_id: death.sourceMessageId,
    }),
  );

/** How often a message was replayed before: its `replays` attribute, 0 where there is none. */
export const replaysOf = ({ attributes }: Message): number => {
  const replays = Number(attributes.replays?.StringValue);
  return Number.isSafeInteger(replays) && replays > 0 ? replays : 0;
};

/**
 * The dead letter of a message: the message itself, byte for byte, and `failure`, `replays` and
 * `failure_code` as far as SQS's ten attributes and 1 MiB reach. Where the whole would pass 1 MiB, first the
 * detail is shortened, then our attributes are left out: a dead letter is never refused for what we added.
 */
export const deadLetterOf = (message: Message, failure: Failure, death: Death): Message => {
  const own = Object.entries(message.attributes).filter(([name]) => !isOurs(name));
  const added: [string, MessageAttributeValue][] = [
    ['failure', string(describe(failure, death))],
    ['replays', number(replaysOf(message))],
    ['failure_code', string(failure.code)],
  ];
  const letter = (ours: typeof added): Message => ({
    ...message,
    attributes: Object.fromEntries([...own, ...ours]),
  });

  const allowed = added.slice(0, Math.max(0, MOST_ATTRIBUTES - own.length));
  const withoutDetail = describe({ ...failure, detail: '' }, death);
  for (let kept = allowed.length; kept > 0; kept--) {
    const ours = allowed.slice(0, kept);
    const room = MOST_BYTES - bytesOf(letter([['failure', string(withoutDetail)], ...ours.slice(1)]));
    if (room >= 0)
      return letter([['failure', string(describe(shorten(failure, room), death))], ...ours.slice(1)]);
  }
  return letter([]);
};

export const isOurs = (name: string): boolean => (ourAttributes as readonly string[]).includes(name);

/** Cuts the detail, where it must, so that it takes at most so many bytes of the JSON text; none is room enough. */
const shorten = (failure: Failure, room: number): Failure => {
  const characters = [...failure.detail];
  const bytes = (detail: string) => Buffer.byteLength(escapeRefused(JSON.stringify(detail))) - 2;
  while (bytes(characters.join('')) > room) characters.pop();
  return { ...failure, detail: characters.join('') };
};
