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
const noObjects = ['', 'null', '[]', '1', '"ok"', 'true', '{', '<html>'];

export const osm = (error_code: unknown) => ({ error_code, error_msg: 'Because.' });
export const gateway = (error_code: string) => ({ ...osm(error_code), request_id: 'from-the-body' });

/** What a body may be, where the status alone does not decide. */
export const bodies = {
  /** Neither OSM nor its gateway speaks so. */
  no_object: ['', '<html><body>Bad</body></html>', '[]', 'null'],
  /** The gateway's words, or an object without any. */
  object: [gateway('APIGW.0201'), {}, osm('XOSM.1'), { error: { code: 1, message: 'x' } }],
  /** OSM's own word, of a code that nobody knows. */
  osm: [osm('OSM.7777')],
} satisfies Record<string, unknown[]>;
type BodyKind = keyof typeof bodies;

interface StatusRow {
  statuses: number[];
  /** By the kind of body; one code where the body does not count, not even a code of OSM's. */
  means: FailureCode | Record<BodyKind, FailureCode>;
  /** The same answer to a log-in, where it differs from `means` of a body that is no object. */
  logIn?: Record<'no_object' | 'object', FailureCode>;
}
const refused = { no_object: 'misconfigured', object: 'unauthorized' } as const;

export const byStatus: StatusRow[] = [
  { statuses: [100, 199, 201, 202, 204, 206, 302, 304, 307, 399], means: 'unavailable' },
  {
    statuses: [400],
    means: { no_object: 'misconfigured', object: 'rejected', osm: 'rejected' },
    logIn: refused,
  },
  {
    statuses: [406, 409, 410, 413, 414, 415, 418, 422, 426, 428, 499],
    means: { no_object: 'misconfigured', object: 'rejected', osm: 'rejected' },
  },
  { statuses: [401], means: 'unauthorized', logIn: refused },
  { statuses: [402, 407, 421, 431, 451, 494], means: 'misconfigured' },
  {
    statuses: [403],
    means: { no_object: 'misconfigured', object: 'misconfigured', osm: 'forbidden' },
    logIn: refused,
  },
  {
    statuses: [404, 405],
    means: { no_object: 'misconfigured', object: 'misconfigured', osm: 'rejected' },
  },
  { statuses: [429], means: 'rate_limited' },
  { statuses: [408, 425, 500, 501, 502, 503, 504, 507, 599], means: 'unavailable' },
];

interface AnswerRow {
  what: string;
  status: number;
  body: unknown;
  code: FailureCode;
}

const kinds = Object.keys(bodies) as BodyKind[];
const shown = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body)) || 'nothing';

/** Every answer but success: each status with each body, and each of OSM's codes where it decides. */
export const answers: AnswerRow[] = [
  ...byStatus.flatMap(({ statuses, means }) =>
    statuses.flatMap(status =>
      kinds.flatMap(kind =>
        bodies[kind].map(body => ({
          what: `${status} with ${shown(body)}`,
          status,
          body,
          code: typeof means === 'string' ? means : means[kind],
        })),
      ),
    ),
  ),
  ...[200, 400, 403, 404, 405, 409].flatMap(status =>
    osmCodes.map(([error_code, code]) => ({
      what: `${status} with ${error_code}`,
      status,
      body: osm(error_code),
      code,
    })),
  ),
  // There, a code of OSM's decides nothing.
  ...[401, 402, 408, 429, 494, 500, 503].map(status => ({
    what: `${status} with the code of a receipt at fault`,
    status,
    body: osm('OSM.01010015'),
    code: answerOf(status),
  })),
  ...noObjects.map(body => ({
    what: `200 with ${shown(body)}`,
    status: 200,
    body,
    code: 'unavailable' as const,
  })),
];

function answerOf(status: number): FailureCode {
  const means = byStatus.find(({ statuses }) => statuses.includes(status))?.means;
  if (typeof means !== 'string') throw new Error(`${status} leaves it to the body`);
  return means;
}

/** What an answer to a log-in means: every status but the 201 that brings a token. */
export const logInAnswers: AnswerRow[] = [
  ...byStatus
    .flatMap(row => row.statuses.map(status => ({ ...row, status })))
    .filter(({ status }) => status !== 201)
    .flatMap(({ status, means, logIn }) =>
      (['no_object', 'object'] as const).flatMap(kind =>
        bodies[kind].map(body => ({
          what: `${status} with ${shown(body)}`,
          status,
          body,
          code: logIn ? logIn[kind] : typeof means === 'string' ? means : means.no_object,
        })),
      ),
    ),
  { what: '200 instead of 201', status: 200, body: {}, code: 'unavailable' },
];
