import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { AccessKey, Clock, Identity } from '../options.ts';

// https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-algorithm.html
const ALGORITHM = 'SDK-HMAC-SHA256';
const SKEW_MS = 15 * 60_000;
/** "More than five consecutive times": the sixth failure locks. */
const FAILURES_BEFORE_LOCK = 5;
const LOCK_MS = 5 * 60_000;

interface SignedRequest {
  method: string;
  /** The request target as sent, with its query. */
  rawPath: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Checks signatures and counts failures per access key. */
export function createAccessKeys(keys: Record<string, AccessKey>, clock: Clock) {
  const failures = new Map<string, { count: number; lockedUntil: number }>();

  function refusalOf(request: SignedRequest, parsed: Authorization, key: AccessKey): string | undefined {
    const sentAt = parseSdkDate(request.headers['x-sdk-date']?.toString());
    if (sentAt === undefined || !parsed.signedHeaders.includes('x-sdk-date'))
      return 'verify aksk signature fail';
    if (Math.abs(clock.now() - sentAt) > SKEW_MS) return 'signature expired';
    if (key.securityToken !== request.headers['x-security-token']) return 'verify security token fail';
    const domainId = request.headers['x-domain-id'];
    if (domainId !== undefined && domainId !== key.domainId) return 'verify domain id fail';
    return signatureOf(request, parsed.signedHeaders, key.secretKey) === parsed.signature
      ? undefined
      : 'verify aksk signature fail';
  }

  return {
    /** Answers who signed, or why the gateway refuses. */
    verify(request: SignedRequest): Identity | { refused: string } {
      const parsed = parseAuthorization(request.headers.authorization ?? '');
      if (parsed === undefined) return { refused: 'authorization format is incorrect' };
      const key = Object.hasOwn(keys, parsed.accessKey) ? keys[parsed.accessKey] : undefined;
      if (key === undefined)
        return { refused: `Get secretKey failed,ak:${parsed.accessKey},err:ak not exist` };

      const failed = failures.get(parsed.accessKey) ?? { count: 0, lockedUntil: 0 };
      if (failed.lockedUntil > clock.now())
        return { refused: 'AK access failed to reach the limit,forbidden' };

      const refused = refusalOf(request, parsed, key);
      if (refused === undefined) {
        failures.delete(parsed.accessKey);
        return { groups: undefined };
      }
      const count = failed.count + 1;
      const locks = count > FAILURES_BEFORE_LOCK;
      failures.set(parsed.accessKey, {
        count: locks ? 0 : count,
        lockedUntil: locks ? clock.now() + LOCK_MS : 0,
      });
      return { refused };
    },
  };
}

/** The signature a request has to carry, in hex. */
function signatureOf(request: SignedRequest, signedHeaders: string[], secretKey: string): string {
  const canonicalRequest = [
    request.method,
    canonicalUri(request.rawPath),
    canonicalQuery(request.rawPath),
    signedHeaders.map(name => `${name}:${request.headers[name]?.toString().trim() ?? ''}\n`).join(''),
    signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n');
  const date = request.headers['x-sdk-date']?.toString() ?? '';
  return createHmac('sha256', secretKey)
    .update([ALGORITHM, date, sha256(canonicalRequest)].join('\n'))
    .digest('hex');
}

interface Authorization {
  accessKey: string;
  signedHeaders: string[];
  signature: string;
}

const AUTHORIZATION =
  /^SDK-HMAC-SHA256 Access=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/;

function parseAuthorization(value: string): Authorization | undefined {
  const [, accessKey, names, signature] = AUTHORIZATION.exec(value) ?? [];
  if (accessKey === undefined || names === undefined || signature === undefined) return undefined;
  const signedHeaders = names.split(';');
  const ordered = [...signedHeaders].map(name => name.toLowerCase()).sort();
  return names === ordered.join(';') ? { accessKey, signedHeaders, signature } : undefined;
}

/**
 * The whole path decoded once, then each of its segments encoded once, as the SDKs for Go and Python do it. An
 * encoded slash therefore counts as a separator here, though not for routing.
 */
function canonicalUri(rawPath: string): string {
  const path = decodeURIComponent(rawPath.split('?', 1)[0] ?? '');
  const encoded = path.split('/').map(encode).join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

function canonicalQuery(rawPath: string): string {
  const at = rawPath.indexOf('?');
  if (at === -1) return '';
  const parameters = [...new URLSearchParams(rawPath.slice(at + 1))];
  return parameters
    .sort(([name, value], [name2, value2]) => compare(name, name2) || compare(value, value2))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}

function parseSdkDate(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{8}T\d{6}Z$/.test(value)) return undefined;
  const time = Date.parse(value.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  return Number.isNaN(time) ? undefined : time;
}

/** Everything but RFC 3986's unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
