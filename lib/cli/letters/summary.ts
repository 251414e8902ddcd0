import { firstSentAt, type Letter } from '../../dead-letters/dead-letter.ts';
import { caseIdIn, parseReceipt } from '../../receipt/receipt.ts';

/** So many letters are shown as they are and as they would be sent. */
const MOST_SHOWN = 5;

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
      late,
      first,
    }),
  };
};
