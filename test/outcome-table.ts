// The contract's table of outcomes, once: what each answer of Huawei means, and what becomes of a message by each
// code. The tests of lib/huawei/outcome.ts, of lib/failure.ts and of the whole function are driven by it.
import type { FailureCode } from '../lib/failure.ts';

/** How long a message with this code waits before it is a dead letter; `max_age`: at fault is the service. */
export const waits: Record<FailureCode, 'not' | 'max_attempts' | 'max_age'> = {
  malformed: 'not',
  invalid: 'not',
  rejected: 'not',
  forbidden: 'not',
  failed: 'max_attempts',
  unauthorized: 'max_age',
  misconfigured: 'max_age',
  rate_limited: 'max_age',
  unavailable: 'max_age',
  unreachable: 'max_age',
  timeout: 'max_age',
};
export const allCodes = Object.keys(waits) as FailureCode[];

/** OSM's own codes, with status 200 and among the 4xx that leave the decision to them. */
export const osmCodes: [string, FailureCode][] = [
  ['OSM.01010001', 'rejected'],
  ['OSM.01010010', 'rejected'],
  ['OSM.01010015', 'rejected'],
  ['OSM.01010062', 'rejected'],
  ['OSM.0001', 'rejected'],
  ['OSM.01010002', 'forbidden'],
  ['OSM.0003', 'forbidden'],
  ['OSM.01010011', 'unauthorized'],
  ['OSM.0002', 'unauthorized'],
  ['OSM.01010014', 'unavailable'],
  ['OSM.0004', 'unavailable'],
];

/** What nobody knows, with status 200: `failed`. */
export const unknownCodes: unknown[] = [
  'OSM.9',
  'OSM.01019999',
  'APIGW.0301',
  'osm.01010015',
  'SOMETHING',
  ' ',
  'constructor',
  '__proto__',
  'toString',
  '0',
  0,
  7,
  false,
  {},
  ['OSM.0001'],
];

/** Bodies of status 200 that are a success, and those that are none. */
export const successes: [string, unknown][] = [
  ['a group_id, as in the API reference', { group_id: '123456' }],
  ['an empty object', {}],
  ['an empty error_code', { error_code: '', error_msg: '' }],
  ['a null error_code', { error_code: null }],
  ['an error_msg alone', { error_msg: 'ok' }],
  ['fields that nobody knows', { code: 'OSM.01010015', data: [{ error_code: 'x' }] }],
  ['a message longer than documented', { error_code: '', error_msg: 'm'.repeat(5000) }],
];

export const osm = (error_code: unknown) => ({ error_code, error_msg: 'Because.' });
export const gateway = (error_code: string) => ({ ...osm(error_code), request_id: 'from-the-body' });

/** What a body may be, where the status alone does not decide. */
const bodies: [noObject: unknown[], object: unknown[], osm: unknown[]] = [
  // Neither OSM nor its gateway speaks so.
  ['', '<html><body>Bad</body></html>', '[]', 'null'],
  // The gateway's words, or an object without any.
  [gateway('APIGW.0201'), {}, osm('XOSM.1'), { error: { code: 1, message: 'x' } }],
  // OSM's own word, of a code that nobody knows.
  [osm('OSM.7777')],
];
type Means = [noObject: FailureCode, object: FailureCode, osm: FailureCode];
/** Where the body does not count, not even a code of OSM's. */
const always = (code: FailureCode): Means => [code, code, code];

const byStatus: [statuses: number[], Means][] = [
  [[100, 199, 201, 202, 204, 206, 302, 304, 307, 399], always('unavailable')],
  [
    [400, 406, 409, 410, 413, 414, 415],
    ['misconfigured', 'rejected', 'rejected'],
  ],
  [
    [418, 422, 426, 428, 499],
    ['misconfigured', 'rejected', 'rejected'],
  ],
  [[401], always('unauthorized')],
  [[402, 407, 421, 431, 451, 494], always('misconfigured')],
  [[403], ['misconfigured', 'misconfigured', 'forbidden']],
  [
    [404, 405],
    ['misconfigured', 'misconfigured', 'rejected'],
  ],
  [[429], always('rate_limited')],
  [[408, 425, 500, 501, 502, 503, 504, 507, 599], always('unavailable')],
];

interface AnswerRow {
  what: string;
  status: number;
  body: unknown;
  code: FailureCode;
}

const row = (status: number, body: unknown, code: FailureCode): AnswerRow => ({
  what: `${status} with ${(typeof body === 'string' ? body : JSON.stringify(body)) || 'nothing'}`,
  ...{ status, body, code },
});

/** Every answer but success: each status with each body, and each of OSM's codes where it decides. */
export const answers: AnswerRow[] = [
  ...byStatus.flatMap(([statuses, means]) =>
    statuses.flatMap(status =>
      bodies.flatMap((each, kind) => each.map(body => row(status, body, means[kind] as FailureCode))),
    ),
  ),
  ...byStatus.flatMap(([[status = 0], [noObject, , osmCode]]) =>
    osmCodes.map(([error_code, code]) =>
      row(status, osm(error_code), noObject === osmCode ? noObject : code),
    ),
  ),
  ...osmCodes.map(([error_code, code]) => row(200, osm(error_code), code)),
  ...['', 'null', '[]', '1', '"ok"', 'true', '{', '<html>'].map(body => row(200, body, 'unavailable')),
];

/** A log-in is refused in JSON; what else these say is the gateway's word. */
const REFUSED = [400, 401, 403];
/** What an answer to a log-in means: every status but the 201 that brings a token. */
export const logInAnswers: AnswerRow[] = [
  ...byStatus.flatMap(([statuses, [noObject]]) =>
    statuses
      .filter(status => status !== 201)
      .flatMap(status => [
        ...bodies[0].map(body => row(status, body, REFUSED.includes(status) ? 'misconfigured' : noObject)),
        ...bodies[1].map(body => row(status, body, REFUSED.includes(status) ? 'unauthorized' : noObject)),
      ]),
  ),
  row(200, {}, 'unavailable'),
];
