import type { Clock, Settings } from '../options.ts';

/** A case's first messages are older than any receipt may be: queue and dead letters keep one for weeks only. */
const FIRST_MESSAGES_AGE_MS = 60 * 86_400_000;

/** One message as a test writes it. */
export interface Writing {
  /** When, in milliseconds since the epoch. @default now, by this cloud's clock */
  at?: number;
  /** By the customer's own side: never unread. @default false */
  own?: boolean;
  /** @default 400 characters at most go through the real one; nothing is cut here */
  content?: string;
  /** Put over the message as it is listed, for odd shapes; `undefined` takes a field away. */
  listed?: Record<string, unknown>;
}

export interface CaseMessage extends Required<Omit<Writing, 'at'>> {
  at: number;
  unread: boolean;
  /** The mark that made it read, and when: milliseconds since the epoch. */
  cleared: { at: number; requestId: string } | undefined;
}

export interface SupportCase {
  group: string | undefined;
  /** In the order of their times. */
  messages: CaseMessage[];
  /** When a person read the case, as tests say: milliseconds since the epoch. */
  readAt: number[];
}

/** A message that a mark made read, though no person had read the case since its writing. */
export interface HiddenMessage {
  caseId: string;
  message: CaseMessage;
}

/** The support cases, their messages, and who has really read what. */
export function createCases(settings: Pick<Settings, 'cases' | 'openCases'>, clock: Clock) {
  const cases = new Map<string, SupportCase>();
  const firstAt = clock.now() - FIRST_MESSAGES_AGE_MS;

  function add(caseId: string, { group, unread = 1 }: { group?: string | undefined; unread?: number } = {}) {
    const added: SupportCase = { group, messages: [], readAt: [] };
    cases.set(caseId, added);
    for (let index = 0; index < unread; index += 1) write(caseId, { at: firstAt + index });
    return added;
  }

  function write(caseId: string, { at = clock.now(), own = false, content = '', listed = {} }: Writing = {}) {
    const { messages } = cases.get(caseId) ?? add(caseId, { unread: 0 });
    const message: CaseMessage = { at, own, content, listed, unread: !own, cleared: undefined };
    const later = messages.findLastIndex(other => other.at <= at) + 1;
    messages.splice(later, 0, message);
    return message;
  }

  for (const [caseId, given] of Object.entries(settings.cases)) add(caseId, given);
  return {
    add,
    write,
    /** Undefined for a case that does not exist. */
    find: (caseId: string) => cases.get(caseId) ?? (settings.openCases ? add(caseId) : undefined),
    unreadOf: ({ messages }: SupportCase) => messages.filter(({ unread }) => unread).length,
    /** The whole case, as of now. */
    clear({ messages }: SupportCase, requestId: string): void {
      for (const message of messages) {
        if (message.unread) message.cleared = { at: clock.now(), requestId };
        message.unread = false;
      }
    },
    hidden(): HiddenMessage[] {
      return [...cases].flatMap(([caseId, { messages, readAt }]) => {
        const isHidden = ({ at, cleared }: CaseMessage) =>
          cleared !== undefined && !readAt.some(time => time >= at && time <= cleared.at);
        return messages.filter(isHidden).map(message => ({ caseId, message }));
      });
    },
  };
}
