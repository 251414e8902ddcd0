import { createHash, createHmac } from 'node:crypto';

const ALGORITHM = 'SDK-HMAC-SHA256';

/** An access key, spelled as in the stored credentials. */
export interface AccessKey {
  access_key: string;
  secret_key: string;
  /** A temporary key is worth nothing without it. */
  security_token?: string | null | undefined;
  /** The account's id: what a global service, such as OSM, asks for. */
  domain_id?: string | null | undefined;
}

/** A request as it goes over the wire. */
export interface UnsignedRequest {
  method: string;
  /** Host and, unless it is the scheme's default, port: `URL.host`. */
  host: string;
  /** Percent-encoded, from the first slash on, and the query where there is one. */
  path: string;
  /** All but Host. All are signed: leave out what a proxy may rewrite, such as Connection or User-Agent. */
  headers: Record<string, string>;
  /** Exactly what is sent; empty where nothing is. */
  body: string;
}

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');

const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Everything but RFC 3986's unreserved characters; encodeURIComponent spares five more. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

// The path is decoded once and encoded anew: %2F counts as the slash it stands for, %252F as "%2F", and "!" and
// %21 are the same. For what they put on the wire, Huawei's Python, Go, .NET and PHP signers agree on that.
// Its Node and Java signers encode what is encoded already: right only for callers who do not encode. The guide
// also speaks of removing dot segments; none of these signers does.
const canonicalUri = (path: string): string =>
  decodeURIComponent(path).replace(/\/?$/, '/').split('/').map(encode).join('/');

// Sorted before encoding, by name and then by value; "+" is a space, as servers and Go's signer read it.
const canonicalQuery = (query: string): string =>
  [...new URLSearchParams(query)]
    .sort(([name, value], [otherName, other]) => byCodePoint(name, otherName) || byCodePoint(value, other))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');

/**
 * Signs a request with SDK-HMAC-SHA256, as Huawei's API gateway checks it.
 *
 * @param at now; the gateway refuses more than 15 minutes of difference to its own clock
 * @returns the headers to add: X-Sdk-Date, Authorization, and what the key has for X-Security-Token, X-Domain-Id
 * @throws URIError where the path is not percent-encoded UTF-8
 * @see https://support.huaweicloud.com/devg-apisign/api-sign-algorithm-001.html
 */
export const signRequest = (
  { method, host, path, headers, body }: UnsignedRequest,
  { access_key, secret_key, security_token, domain_id }: AccessKey,
  at: Date,
): Record<string, string> => {
  const date = at.toISOString().replace(/[-:]|\.\d+/g, '');
  const added = {
    'X-Sdk-Date': date,
    ...(security_token && { 'X-Security-Token': security_token }),
    ...(domain_id && { 'X-Domain-Id': domain_id }),
  };
  const signed = Object.entries({ ...headers, ...added, host })
    .map(([name, value]) => [name.toLowerCase(), value.trim()] as const)
    .sort(([a], [b]) => byCodePoint(a, b));
  const names = signed.map(([name]) => name).join(';');
  const lines = signed.map(([name, value]) => `${name}:${value}\n`).join('');
  const [pathname = '', query = ''] = path.split(/\?(.*)/s);
  const canonical = [method, canonicalUri(pathname), canonicalQuery(query), lines, names, sha256(body)];
  const stringToSign = [ALGORITHM, date, sha256(canonical.join('\n'))].join('\n');
  const signature = createHmac('sha256', secret_key).update(stringToSign).digest('hex');
  const Authorization = `${ALGORITHM} Access=${access_key}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...added, Authorization };
};
