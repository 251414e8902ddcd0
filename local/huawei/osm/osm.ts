import * as z from 'zod';
import { isObject, parseJson } from '../../../lib/json.ts';
import { type Answer, json } from '../answer.ts';
import { type Clock, type Identity, type Listing, listingSchema, type Settings } from '../options.ts';
import { isJson, type LoggedRequest } from '../requests.ts';
import { createCases, type HiddenMessage, type SupportCase, type Writing } from './cases.ts';
import { pageOf } from './message-list.ts';

const CASE_ID_MAX = 64;
const GROUP_ID_MAX = 64;
const CASE_IDS_MAX = 100;
const HEADER_MAX = 32;
/** ListUnreadNewInstantMessages: the case's people are there. */
const ONLINE = 1;

const wholeNumber = (most: number) =>
  z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .refine(value => value <= most);
const listQuerySchema = z.object({
  offset: wholeNumber(65_535).default(0),
  limit: wholeNumber(100).default(10),
});

const markBodySchema = z.strictObject({
  group_id: z
    .string()
    .refine(id => codePoints(id) <= GROUP_ID_MAX)
    .optional(),
});

export function createOsm(settings: Settings, clock: Clock) {
  const cases = createCases(settings, clock);
  let listing: Listing = settings.messageList;
  let marks = 0;

  function refusalOf(entry: LoggedRequest): Answer | undefined {
    if (!isWithin(entry.language, HEADER_MAX) || !isWithin(entry.timeZone, HEADER_MAX)) {
      return osmError('OSM.01010001');
    }
    if (entry.site !== undefined && entry.site !== '0' && entry.site !== '1') return osmError('OSM.01010001');
    return undefined;
  }

  /** The case that the caller may act on, or why not. */
  function accessTo(caseId: string, groupId: string | undefined, identity: Identity): SupportCase | Answer {
    if (!isWithin(caseId, CASE_ID_MAX)) return osmError('OSM.01010001');
    const found = cases.find(caseId);
    if (found === undefined) return osmError('OSM.01010015');
    return mayActOn(found, groupId, identity) ? found : osmError('OSM.01010002');
  }

  function mayActOn(found: SupportCase, groupId: string | undefined, identity: Identity): boolean {
    if (found.group === undefined) return true;
    return found.group === groupId && (identity.groups?.includes(groupId) ?? true);
  }

  return {
    /** Answers `POST …/cases/{case_id}/instant-messages/unread`. */
    mark(entry: LoggedRequest, caseId: string, identity: Identity): Answer {
      const refusal = refusalOf(entry);
      if (refusal !== undefined) return refusal;
      const body = parseBody(entry);
      if (body === undefined) return json(400, { error_code: 'OSM.0001', error_msg: 'Invalid request.' });
      const parsed = markBodySchema.safeParse(body);
      if (!parsed.success) return osmError('OSM.01010001');
      entry.groupId = parsed.data.group_id;

      const found = accessTo(caseId, entry.groupId, identity);
      if ('status' in found) return found;
      cases.clear(found, entry.requestId);
      entry.marked = true;
      marks += 1;
      return json(200, successBody(marks, entry.groupId));
    },

    /** Answers `GET …/cases/{case_id}/messages`. */
    messages(entry: LoggedRequest, caseId: string, identity: Identity): Answer {
      const refusal = refusalOf(entry);
      if (refusal !== undefined) return refusal;
      const query = new URLSearchParams(entry.query);
      entry.groupId = query.get('group_id') ?? undefined;
      const page = listQuerySchema.safeParse({
        offset: query.get('offset') ?? undefined,
        limit: query.get('limit') ?? undefined,
      });
      if (!page.success || codePoints(entry.groupId ?? '') > GROUP_ID_MAX) return osmError('OSM.01010001');
      const found = accessTo(caseId, entry.groupId, identity);
      if ('status' in found) return found;
      return json(200, pageOf(found.messages, page.data, { ...listing, timeZone: entry.timeZone }));
    },

    /** Answers `GET …/cases/instant-messages/unread`: cases that are not the caller's to see are left out. */
    unread(entry: LoggedRequest, identity: Identity): Answer {
      const refusal = refusalOf(entry);
      if (refusal !== undefined) return refusal;
      const query = new URLSearchParams(entry.query);
      const caseIds = query.getAll('case_ids');
      entry.groupId = query.get('group_id') ?? undefined;
      const isValid = caseIds.length <= CASE_IDS_MAX && caseIds.every(id => isWithin(id, CASE_ID_MAX));
      if (!isValid || codePoints(entry.groupId ?? '') > GROUP_ID_MAX) return osmError('OSM.01010001');

      const visible = caseIds.flatMap(caseId => {
        const found = cases.find(caseId);
        if (found === undefined || !mayActOn(found, entry.groupId, identity)) return [];
        return [{ status: ONLINE, incident_id: caseId, unread_num: cases.unreadOf(found) }];
      });
      return json(200, { imunread: visible });
    },

    controls: {
      addCase(caseId: string, given: { group?: string; unread?: number } = {}): void {
        cases.add(caseId, given);
      },
      /** Someone writes a message; the case is made, empty, where it is not there. */
      write(caseId: string, message: Writing = {}): void {
        cases.write(caseId, message);
      },
      /** The other side writes so many messages now. */
      addUnread(caseId: string, messages = 1): void {
        for (let index = 0; index < messages; index += 1) cases.write(caseId);
      },
      /**
       * A person reads a case, which changes nothing here but what counts as hidden.
       *
       * @param at milliseconds since the epoch, by default now
       * @returns the time as a receipt's `read_at`
       */
      read(caseId: string, at = clock.now()): string {
        cases.find(caseId)?.readAt.push(at);
        return new Date(at).toISOString();
      },
      /** Undefined for a case that does not exist. */
      unread(caseId: string): number | undefined {
        const found = cases.find(caseId);
        return found && cases.unreadOf(found);
      },
      /** Messages that marks made read though no person (`read`) had read the case at or after their writing. */
      hidden: (): HiddenMessage[] => cases.hidden(),
      /** How ListMessages shows its list from now on; what is not given is as at first. */
      list(how: Partial<Listing> = {}): void {
        listing = listingSchema.parse({ ...settings.messageList, ...how });
      },
      /** Successful marks so far. */
      get marks() {
        return marks;
      },
    },
  };
}

const MESSAGES = {
  'OSM.01010001': 'Parameter validation failed, please check the parameters of the request and try again.',
  'OSM.01010002': 'You have no permission to perform this operation.',
  'OSM.01010015': 'This case does not exist.',
};

/** OSM tells most errors with status 200. */
function osmError(code: keyof typeof MESSAGES): Answer {
  return json(200, { error_code: code, error_msg: MESSAGES[code] });
}

/** Success takes all the forms the documentation leaves open, in turn. */
function successBody(turn: number, groupId: string | undefined): object {
  const forms = [{ group_id: groupId ?? '123456' }, {}, { error_code: '', error_msg: '' }];
  return forms[turn % forms.length] ?? {};
}

/** The body as an object, `{}` where there is none, undefined where it is not one. */
function parseBody(entry: LoggedRequest): object | undefined {
  if (!entry.body) return {};
  const body = isJson(entry) ? parseJson(entry.body) : undefined;
  return isObject(body) ? body : undefined;
}

/** Absent, or 1 to `most` characters; the API documents lengths in code points. */
function isWithin(text: string | undefined, most: number): boolean {
  return text === undefined || (text !== '' && codePoints(text) <= most);
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
