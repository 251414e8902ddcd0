import * as z from 'zod';
import { parseJson } from '../../../lib/json.ts';
import { type Answer, json } from '../answer.ts';
import type { Clock, Settings } from '../options.ts';
import { jsonOf, type LoggedRequest, queryOf } from '../requests.ts';
import { createCases, type SupportCase, unreadOf } from './cases.ts';
import { type Listing, pageOf, usualListing } from './message-list.ts';

/** The API documents lengths in code points. */
const text = (least: number, most: number) =>
  z.string().refine(value => [...value].length >= least && [...value].length <= most);
const wholeNumber = (most: number) =>
  z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .refine(value => value <= most);

const caseId = text(1, 64);
const groupId = text(0, 64).optional();
const headersSchema = z.object({
  'x-language': text(1, 32).optional(),
  'x-time-zone': text(1, 32).optional(),
  'x-site': z.enum(['0', '1']).optional(),
});
const markBodySchema = z.strictObject({ group_id: groupId });
const listQuerySchema = z.object({
  group_id: groupId,
  offset: wholeNumber(65_535).default(0),
  limit: wholeNumber(100).default(10),
});
const unreadQuerySchema = z.object({ group_id: groupId, case_ids: z.array(caseId).max(100) });

/** ListUnreadNewInstantMessages: the case's people are there. */
const ONLINE = 1;

/** Success takes all the forms the documentation leaves open, in turn. */
const successes = [{ group_id: '123456' }, {}, { error_code: '', error_msg: '' }];

const messages = {
  'OSM.01010001': 'Parameter validation failed, please check the parameters of the request and try again.',
  'OSM.01010002': 'You have no permission to perform this operation.',
  'OSM.01010015': 'This case does not exist.',
};

/** OSM tells most errors with status 200. */
const osmError = (code: keyof typeof messages): Answer =>
  json(200, { error_code: code, error_msg: messages[code] });

export const createOsm = (settings: Settings, clock: Clock) => {
  const cases = createCases(settings, clock);
  let listing = usualListing;
  let marks = 0;

  /** Reads what was asked for about a case, and answers it; or with what is wrong with it. */
  const answer = <Asked extends { group_id?: string | undefined }>(
    request: LoggedRequest,
    schema: z.ZodType<Asked>,
    given: unknown,
    give: (found: SupportCase, asked: Asked) => object,
  ): Answer => {
    const asked = schema.safeParse(given);
    const isValid = headersSchema.safeParse(request.headers).success;
    if (!asked.success || !isValid || !caseId.safeParse(request.caseId).success)
      return osmError('OSM.01010001');
    const found = cases.find(request.caseId ?? '');
    if (found === undefined) return osmError('OSM.01010015');
    if (found.group !== undefined && found.group !== asked.data.group_id) return osmError('OSM.01010002');
    return json(200, give(found, asked.data));
  };

  return {
    /** Answers `POST …/cases/{case_id}/instant-messages/unread`. */
    mark(request: LoggedRequest): Answer {
      const body = request.body ? parseJson(jsonOf(request) ?? '') : {};
      if (!z.record(z.string(), z.unknown()).safeParse(body).success)
        return json(400, { error_code: 'OSM.0001', error_msg: 'Invalid request.' });
      return answer(request, markBodySchema, body, found => {
        cases.clear(found);
        request.marked = true;
        marks += 1;
        return successes[marks % successes.length] ?? {};
      });
    },

    /** Answers `GET …/cases/{case_id}/messages`. */
    messages(request: LoggedRequest): Answer {
      const timeZone = request.headers['x-time-zone']?.toString();
      return answer(request, listQuerySchema, Object.fromEntries(queryOf(request)), (found, page) =>
        pageOf(found.messages, page, { ...listing, timeZone }),
      );
    },

    /** Answers `GET …/cases/instant-messages/unread`: cases that are not the caller's to see are left out. */
    unread(request: LoggedRequest): Answer {
      const query = queryOf(request);
      const asked = unreadQuerySchema.safeParse({
        ...Object.fromEntries(query),
        case_ids: query.getAll('case_ids'),
      });
      if (!asked.success || !headersSchema.safeParse(request.headers).success)
        return osmError('OSM.01010001');
      const visible = asked.data.case_ids.flatMap(id => {
        const found = cases.find(id);
        if (!found || (found.group !== undefined && found.group !== asked.data.group_id)) return [];
        return [{ status: ONLINE, incident_id: id, unread_num: unreadOf(found) }];
      });
      return json(200, { imunread: visible });
    },

    controls: {
      addCase: cases.add,
      /** Someone writes a message; the case is made, empty, where it is not there. */
      write: cases.write,
      /**
       * A person reads a case, which changes nothing here but what counts as hidden.
       *
       * @param at milliseconds since the epoch, by default now
       * @returns the time as a receipt's `read_at`
       */
      read(id: string, at = clock.now()): string {
        cases.find(id)?.readAt.push(at);
        return new Date(at).toISOString();
      },
      /** Undefined for a case that does not exist. */
      unread(id: string): number | undefined {
        const found = cases.find(id);
        return found && unreadOf(found);
      },
      /** Messages that marks made read though no person (`read`) had read the case at or after their writing. */
      hidden: cases.hidden,
      /** How ListMessages shows its list from now on; what is not given is as usual. */
      list(how: Partial<Listing> = {}): void {
        listing = { ...usualListing, ...how };
      },
      /** Successful marks so far. */
      get marks() {
        return marks;
      },
    },
  };
};
