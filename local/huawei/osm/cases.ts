import type { Clock, NewCase, Settings } from '../options.ts';

/** A case's first messages are older than any receipt may be: queue and dead letters keep one for weeks only. */
const FIRST_MESSAGES_AGE_MS = 60 * 86_400_000;

/** One message as a test writes it. */
interface Writing {
  /** When, in milliseconds since the epoch. @default now, by this cloud's clock */
  at?: number;
  /** By the customer's own side: never unread. @default false */
  own?: boolean;
  /** 400 characters at most go through the real one; nothing is cut here. @default '' */
  content?: string;
  /** Put over the message as it is listed, for odd shapes; `undefined` takes a field away. */
  listed?: Record<string, unknown>;
}

export interface CaseMessage extends Required<Writing> {
  unread: boolean;
  /** When a mark made it read: milliseconds since the epoch. */
  clearedAt: number | undefined;
}

export interface SupportCase {
  group: string | undefined;
  /** In the order of their times. */
  messages: CaseMessage[];
  /** When a person read the case, as tests say: milliseconds since the epoch. */
  readAt: number[];
}

export const unreadOf = ({ messages }: SupportCase): number => messages.filter(({ unread }) => unread).length;

/** The support cases, their messages, and who has really read what. */
export const createCases = (settings: Pick<Settings, 'cases' | 'openCases'>, clock: Clock) => {
  const cases = new Map<string, SupportCase>();
  const firstAt = clock.now() - FIRST_MESSAGES_AGE_MS;

  const add = (caseId: string, { group, unread = 1 }: NewCase = {}): SupportCase => {
    const added: SupportCase = { group, messages: [], readAt: [] };
    cases.set(caseId, added);
    for (let index = 0; index < unread; index += 1) write(caseId, { at: firstAt + index });
    return added;
  };

  const write = (
    caseId: string,
    { at = clock.now(), own = false, content = '', listed = {} }: Writing = {},
  ): void => {
    const { messages } = cases.get(caseId) ?? add(caseId, { unread: 0 });
    const later = messages.findLastIndex(other => other.at <= at) + 1;
    messages.splice(later, 0, { at, own, content, listed, unread: !own, clearedAt: undefined });
  };

  for (const [caseId, given] of Object.entries(settings.cases)) add(caseId, given);
  return {
    add,
    write,
    /** Undefined for a case that does not exist. */
    find: (caseId: string) => cases.get(caseId) ?? (settings.openCases ? add(caseId) : undefined),
    /** The whole case, as of now. */
    clear({ messages }: SupportCase): void {
      for (const message of messages.filter(({ unread }) => unread)) {
        message.unread = false;
        message.clearedAt = clock.now();
      }
    },
    /** The messages that marks made read though no person had read the case since their writing. */
    hidden: () =>
      [...cases].flatMap(([caseId, { messages, readAt }]) =>
        messages
          .filter(
            ({ at, clearedAt = 0 }) => clearedAt > 0 && !readAt.some(time => time >= at && time <= clearedAt),
          )
          .map(message => ({ caseId, message })),
      ),
  };
};
