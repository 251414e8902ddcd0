import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import type { ICredential } from '@huaweicloud/huaweicloud-sdk-core/auth/ICredential.js';
import fc from 'fast-check';
import { type AccessKey, signRequest, type UnsignedRequest } from '../../lib/huawei/signature.ts';

const at = new Date('2026-01-31T09:30:00.789Z');
const key: AccessKey = {
  access_key: 'ACCESSKEYOFTHETESTS1',
  secret_key: 'secretKeyOfTheTestsSecretKeyOfTheTests00',
};
const unreadPath = (caseId: string) =>
  `/v2/servicerequest/cases/${encodeURIComponent(caseId)}/instant-messages/unread`;
const mark: UnsignedRequest = {
  method: 'POST',
  host: 'osm.ap-southeast-3.myhuaweicloud.com',
  path: unreadPath('2024011500123'),
  headers: { 'Content-Type': 'application/json', 'X-Language': 'en-us', 'X-Time-Zone': 'GMT+8' },
  body: '{"group_id":"123456"}',
};
const markSignature = '83c2ee6a4e57f903c3b68efa2968034d8ac6f0e59d281e848c2406d3a8c38f03';
const read: UnsignedRequest = { ...mark, method: 'GET', body: '' };

const signatureOf = (request: UnsignedRequest, signedAt = at) =>
  signRequest(request, key, signedAt).Authorization?.split('Signature=')[1];

test("Huawei's published example", () => {
  const request = {
    method: 'GET',
    host: 'service.region.example.com',
    path: '/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0',
    headers: { 'Content-Type': 'application/json' },
    body: '',
  };
  const published = {
    access_key: 'QTWAOYTTINDUT2QVKYUC',
    secret_key: 'MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc',
  };
  expect(signRequest(request, published, new Date('2019-11-15T03:36:55Z'))).toEqual({
    'X-Sdk-Date': '20191115T033655Z',
    Authorization:
      'SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders=content-type;host;x-sdk-date, ' +
      'Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe',
  });
});

// Expected values: Huawei's SDK for Python (huaweicloudsdkcore 3.1.219), given the same request as it goes over
// the wire. It is the one that encodes path parameters as we do.
describe("as Huawei's Python SDK signs", () => {
  test.each([
    ['2024011500123', markSignature],
    ['a/b', '7020d04804fd44fb249cd7f35109a6c29a491a3bb6d6915ee93ff40ebeedef46'],
    ['100%', '35162f07bb8fae10428869e5dc2d163e0e2205d535c17e93e53a2362109ae925'],
    ['%2F', 'd83a11a5a341dbdfbbe2b45b14e117a39f04e832a3c9f6c282c4457d3e76712e'],
    ['%2e%2e', '4480315a2885d0f1c641fe7bc21cdd99f3a08630826f180360b1e4b2fcaba279'],
    ['a?b#c', 'c4f7d2f16e7365686a762a7882437faa54a093231ae03d6b602cf7871c042379'],
    ['工单 é 😀', 'd46b044f81ae7b164406f9511236c6c91939da664e345afecbafcf510f8b4609'],
    ["!'()*", 'a01c943be03ada44c6738627b1cef5aaa24874c6ce00d81367f14ee217ce8f58'],
    ['~-_.', '3a812cec2fc7759c3cb569af0bf61d4c431bca65cb70f5a24c710ddfa994159a'],
    ['+&=;:@,$', '14e2cdac171daa9dedcac087f991f87a9f5eff8801d6405b57ddd3109aea90c6'],
    ['"\\{}|^<>[]`', '759fe5f00242b34ee7e86a56543361cc892cc6347f8633d84c3710f159e3adb6'],
  ])('case %s', (caseId, signature) => {
    expect(signatureOf({ ...mark, path: unreadPath(caseId) })).toBe(signature);
  });

  test.each<[string, UnsignedRequest, string]>([
    [
      'an empty body',
      { ...mark, body: '' },
      'ad52648faa9c5419e3399ae9f137fd9aa49d421c78ba6f003779b227bcb5aa05',
    ],
    [
      'a unicode body',
      { ...mark, body: '{"group_id":"组 é 😀"}' },
      '379f674fa8fcd64fa74bd27c6e1b9b0daddef6c4c88d216c662f9c0ce3649025',
    ],
    ['a body of bytes', { ...mark, body: Buffer.from('{"group_id":"123456"}') }, markSignature],
    [
      'header names in any case, values with spaces around',
      {
        ...mark,
        headers: { 'X-Time-Zone': ' GMT+8 ', 'x-language': 'en-us', 'CONTENT-TYPE': 'application/json' },
      },
      markSignature,
    ],
    [
      'a port',
      { ...mark, host: '127.0.0.1:4010' },
      'f16fd74a187cbfd9dc8a1129be8ac42013c84c6c23451c48101c7e478df57d3b',
    ],
    [
      'a slash at the end',
      { ...mark, path: '/v2/' },
      'f2e414d735b0ae736b64600128c5990c9f199d66255d59fa5c3f170582971517',
    ],
    ['no path', { ...mark, path: '/' }, '0d4d3fc37f94ca742cdd60b5c3ad30b985574ed89501cbb578fea0330d81b205'],
    [
      'a query: repeated, empty and unsorted',
      {
        ...read,
        path: '/v2/servicerequest/cases/instant-messages/unread?case_ids=b%20c&group_id=&case_ids=a%2Fb&Zone=x%2By',
      },
      'b5a8c272dd726edbfa44a23725c53c2933d1473ffd51fff3107668793a82a81f',
    ],
    [
      'a query whose code points and UTF-16 units sort differently',
      { ...read, path: '/v2?%F0%9F%98%80=2&%EE%80%80=1' },
      '1c3d30ecf14984ab89995d3c6e24ec57aab4c1b425a8f34b3714317424e2b159',
    ],
  ])('%s', (_, request, signature) => {
    expect(signatureOf(request)).toBe(signature);
  });

  test('a temporary key for a global service', () => {
    const temporary = {
      ...key,
      security_token: 'gQpzb3V0aC0x+/=',
      domain_id: 'd78cbac186b744899480f25bd022f468',
    };
    expect(signRequest(mark, temporary, at)).toEqual({
      'X-Sdk-Date': '20260131T093000Z',
      'X-Security-Token': 'gQpzb3V0aC0x+/=',
      'X-Domain-Id': 'd78cbac186b744899480f25bd022f468',
      Authorization:
        'SDK-HMAC-SHA256 Access=ACCESSKEYOFTHETESTS1, SignedHeaders=' +
        'content-type;host;x-domain-id;x-language;x-sdk-date;x-security-token;x-time-zone, ' +
        'Signature=77ea8344f6bfd49c6447fe9d2965d3bb252f29490d575844a50adadc762b4f1e',
    });
  });
});

test('the same bytes, however the path spells them', () => {
  const spellings = ['/a!b~c/%E2%82%AC', '/a%21b%7Ec/%e2%82%ac', '/%61!b~c%2F%E2%82%AC/'];
  expect(new Set(spellings.map(path => signatureOf({ ...mark, path }))).size).toBe(1);
  expect(signatureOf({ ...read, path: '/v2?q=a+b?' })).toBe(signatureOf({ ...read, path: '/v2?q=a%20b%3f' }));
});

test('a path that is not percent-encoded UTF-8 is a bug', () => {
  expect(() => signatureOf({ ...mark, path: '/cases/100%/unread' })).toThrow(URIError);
});

/**
 * What Huawei's SDK for Node signs. It encodes the path that it is given without decoding it first, so it is
 * given the path as it was before we encoded it, past its URL parser, which cuts at "?" and "#".
 */
const huaweiSigns = (request: object, decodedPath: string, { access_key, secret_key }: AccessKey) => {
  class PathGiven extends AKSKSigner {
    static override CanonicalURI() {
      return AKSKSigner.CanonicalURI(decodedPath);
    }
  }
  return PathGiven.sign(request, { getAk: () => access_key, getSk: () => secret_key } as ICredential);
};

test("over random requests, as Huawei's Node SDK signs", () => {
  const everyByteClass = fc.string({ unit: 'binary', minLength: 1, maxLength: 64 });
  const reserved = fc.string({
    unit: fc.constantFrom(...'/%2Fe.?#&=+!\'()*~"\\{}|^<>[]@:;,$` é😀'),
    minLength: 1,
  });
  // No character from U+E000 on: Huawei's SDK for Node sorts UTF-16 units, the others code points.
  const queryText = fc.string({ unit: fc.constantFrom(...'abcXYZ019 /%2F.?#&=+!\'()*~"_-é中😀') });
  const visible = fc.stringMatching(/^[\x21-\x7e]{1,40}$/);
  const ours = /^(host|authorization|content-type|x-(sdk-date|security-token|domain-id))$/i;
  const headers = fc
    .uniqueArray(
      fc.tuple(
        fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/).filter(name => !ours.test(name)),
        fc.oneof(visible, fc.constantFrom('', 'application/json; charset=utf-8')),
      ),
      { selector: ([name]) => name.toLowerCase(), maxLength: 6 },
    )
    .map(entries => entries.concat([['Content-Type', 'application/json']]));
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
    host: fc.constantFrom('osm.ap-southeast-3.myhuaweicloud.com', '127.0.0.1:4010'),
    segments: fc.array(fc.oneof(everyByteClass, reserved), { minLength: 1, maxLength: 3 }),
    query: fc.dictionary(queryText, fc.array(queryText, { minLength: 1, maxLength: 3 }), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    headers,
    data: fc.option(fc.dictionary(fc.string(), everyByteClass), { nil: undefined }),
    key: fc.record(
      { access_key: visible, secret_key: visible, security_token: visible, domain_id: visible },
      { requiredKeys: ['access_key', 'secret_key'] },
    ),
    signedAt: fc.date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
  });

  fc.assert(
    fc.property(request, ({ method, host, segments, query, headers, data, key, signedAt }) => {
      const pairs = Object.entries(query).flatMap(([name, values]) => values.map(value => [name, value]));
      const search = pairs.map(pair => pair.map(encodeURIComponent).join('=')).join('&');
      const path = `/${segments.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
      const body = data ? JSON.stringify(data) : '';
      const unsigned = { method, host, path, headers: Object.fromEntries(headers), body };
      const added = signRequest(unsigned, key, signedAt);

      const { Authorization, ...keyHeaders } = added;
      const theirs = {
        endpoint: `https://${host}`,
        method,
        queryParams: query,
        headers: { ...unsigned.headers, ...keyHeaders },
        data,
      };
      expect(huaweiSigns(theirs, `/${segments.join('/')}`, key)).toMatchObject({ Authorization });

      const reordered = { ...unsigned, headers: Object.fromEntries(headers.toReversed()) };
      expect(signRequest(reordered, key, signedAt)).toEqual(added);
    }),
    { seed: 6, numRuns: 1000 },
  );
});
