// What an answer means, by the contract's table and not by the product's code: a second opinion.
import type { Trouble } from '../../local/huawei/faults.ts';
import type { LoggedRequest } from '../../local/huawei/requests.ts';
import { keyOf } from './receipts.ts';

const OSM_CODES: Record<string, string> = {
  'OSM.01010001': 'rejected',
  'OSM.01010002': 'forbidden',
  'OSM.01010010': 'rejected',
  'OSM.01010011': 'unauthorized',
  'OSM.01010014': 'unavailable',
  'OSM.01010015': 'rejected',
  'OSM.01010062': 'rejected',
  'OSM.0001': 'rejected',
  'OSM.0002': 'unauthorized',
  'OSM.0003': 'forbidden',
  'OSM.0004': 'unavailable',
};

/** The trouble is with the service or with our own credentials: never a reason to give a young message up. */
export const SERVICE_CODES = new Set([
  'unauthorized',
  'misconfigured',
  'rate_limited',
  'unavailable',
  'unreachable',
  'timeout',
]);

const byStatus = (status: number, errorCode: string | undefined): string => {
  if (status === 401) return 'unauthorized';
  if (status === 429) return 'rate_limited';
  if (status === 494) return 'misconfigured';
  if (status === 408 || status === 425 || status < 400 || status >= 500) return 'unavailable';
  const isOsm = errorCode?.startsWith('OSM.');
  if (errorCode && OSM_CODES[errorCode]) return OSM_CODES[errorCode];
  if (status === 403) return isOsm ? 'forbidden' : 'misconfigured';
  if (status === 404 || status === 405) return isOsm ? 'rejected' : 'misconfigured';
  return 'rejected';
};

/** No whole answer reached the relay, or none that means anything, whatever the stand-in did. */
const spoiled = (trouble: Trouble, timeoutMs: number): string | undefined => {
  switch (trouble.does) {
    case 'hang':
      return 'timeout';
    case 'reset':
    case 'close':
    case 'half':
      return 'unreachable';
    case 'not_http':
    case 'not_json':
    case 'big':
    case 'huge_headers':
      return 'unavailable';
    case 'trickle':
      return trouble.msPerByte >= timeoutMs ? 'timeout' : undefined;
    case 'answer':
      return trouble.status === 200 && typeof trouble.body === 'string' ? 'unavailable' : undefined;
    default:
      return undefined;
  }
};

/** The contract's code for a call; `marked` for a success that was answered, `none` where nobody can tell. */
export const meaningOf = (
  request: LoggedRequest,
  trouble: Trouble | undefined,
  timeoutMs: number,
): string => {
  const lost = trouble && spoiled(trouble, timeoutMs);
  if (lost) return lost;
  if (request.status === undefined) return 'none';
  if (request.status !== 200) return byStatus(request.status, request.errorCode);
  if (request.errorCode) return OSM_CODES[request.errorCode] ?? 'failed';
  return request.marked ? 'marked' : 'none';
};

/** The mark that a call asks for. */
export const askedBy = (request: LoggedRequest): string => {
  let group_id: string | undefined;
  try {
    group_id = request.body ? JSON.parse(request.body).group_id : undefined;
  } catch {}
  const { caseId = '', language, timeZone } = request;
  return keyOf({ case_id: caseId, group_id, language, time_zone: timeZone });
};
