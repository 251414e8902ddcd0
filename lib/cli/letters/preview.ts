import { firstSentAt, type Letter } from '../../dead-letters/dead-letter.ts';
import { caseIdIn, parseReceipt } from '../../receipt/receipt.ts';
import { table } from '../screen/output.ts';
import { ago, number, plain, shortCode } from '../screen/text.ts';

/** So many letters are shown as they are and as they would be sent. */
const MOST_SHOWN = 5;
/** A body of up to 1 MiB would hide the question. */
const MOST_CHARACTERS = 400;
/** What Huawei or we have refused for what it says; unchanged it is refused again. */
const REFUSED = ['malformed', 'invalid', 'rejected'];

/** What a replay or a discard is about to do. Times are ISO 8601. */
export interface Preview {
  letters: number;
  /** Most first. */
  by_code: { code: string; letters: number }[];
  /** When the oldest and the newest of what it takes was dead-lettered; absent where it takes nothing. */
  oldest_dead_lettered_at?: string;
  newest_dead_lettered_at?: string;
  /** Receipts that a replay sends late: each is looked at first, or hides what was written since. */
  late: number;
  /** What a replay sends in vain: for sure, as it is no receipt, or probably, as it was refused and goes unchanged. */
  dead_again: { surely: number; probably: number };
  first: { message_id: string; code: string; case_id: string | undefined; before: string; after: string }[];
}

/**
 * Sums up letters, one by one.
 *
 * @param lateAfterSeconds LATE_AFTER_SECONDS, 60 by default
 */
export const createPreview = ({ lateAfterSeconds = 60, now = Date.now() } = {}) => {
  const codes = new Map<string, number>();
  const first: Preview['first'] = [];
  const dead_again = { surely: 0, probably: 0 };
  let [letters, late, oldest, newest] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

  return {
    /** @param body what it would be sent with */
    add(letter: Letter, body = letter.message.body) {
      const { messageId, message, code, sentAt, deadLetteredAt } = letter;
      const parsed = parseReceipt(body);
      const { readAt, at } = 'failure' in parsed ? {} : parsed;
      const times = [readAt, at, firstSentAt(message, sentAt, now)].filter(time => time !== undefined);
      letters++;
      if (now - Math.min(...times) > lateAfterSeconds * 1000) late++;
      if ('failure' in parsed) dead_again.surely++;
      else if (body === message.body && REFUSED.includes(code)) dead_again.probably++;
      codes.set(code, (codes.get(code) ?? 0) + 1);
      oldest = Math.min(oldest, deadLetteredAt);
      newest = Math.max(newest, deadLetteredAt);
      if (first.length >= MOST_SHOWN) return;
      const case_id = caseIdIn(body);
      first.push({ message_id: messageId, code, case_id, before: message.body, after: body });
    },

    summary: (): Preview => ({
      letters,
      by_code: Array.from(codes, ([code, letters]) => ({ code, letters })).sort(
        (a, b) => b.letters - a.letters,
      ),
      ...(letters > 0 && {
        oldest_dead_lettered_at: new Date(oldest).toISOString(),
        newest_dead_lettered_at: new Date(newest).toISOString(),
      }),
      ...{ late, dead_again, first },
    }),
  };
};

const shorten = (text: string) => {
  const clean = plain(text.slice(0, MOST_CHARACTERS));
  return text.length > MOST_CHARACTERS ? `${clean}… (${number(text.length)} characters)` : clean;
};

/** The same for people: how many by code, how old, and the first of them before and after. */
export const previewText = ({ letters, by_code, first, ...times }: Preview): string => {
  const [oldest, newest] = [times.oldest_dead_lettered_at, times.newest_dead_lettered_at].map(time =>
    ago(Date.parse(time ?? '')),
  );
  const shown = first.flatMap(({ message_id, code, before, after }) => [
    `${message_id}  ${plain(code)}`,
    ...(after === before ? [`    ${shorten(before)}`] : [`  - ${shorten(before)}`, `  + ${shorten(after)}`]),
  ]);
  return [
    table(
      ['CODE', 'COUNT'],
      by_code.map(({ code, letters }) => [shortCode(code), number(letters)]),
    ),
    `\nDead-lettered ${oldest === newest ? oldest : `${oldest} to ${newest}`}. ${letters > first.length ? `The first ${first.length} of ${number(letters)}:` : 'In full:'}`,
    ...shown,
  ].join('\n');
};
