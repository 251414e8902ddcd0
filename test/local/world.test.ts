import aws4 from 'aws4';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type Aws, startAws } from '../../local/aws/endpoint.ts';
import type { StsOptions } from '../../local/aws/sts.ts';
import { openWorld } from '../../local/world.ts';

const AUDIENCE = 'huawei-cloud';
const ROLE = 'arn:aws:iam::111122223333:role/relay';
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' };

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

const start = async (sts: StsOptions = {}) => {
  const aws = await startAws({ sts: { role: ROLE, ...sts } });
  open.push(aws);
  return aws;
};

const ssm = async ({ url }: Aws, action: string, body: object) => {
  const headers = { 'X-Amz-Target': `AmazonSSM.${action}`, 'Content-Type': 'application/x-amz-json-1.1' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await answer.json()) as { __type?: string; Parameter?: Record<string, unknown> };
};

describe('the secret store', () => {
  test('keeps parameters with their versions', async () => {
    const aws = await start();
    const put = (Value: string, more: object = {}) =>
      ssm(aws, 'PutParameter', { Name: '/a', Value, ...more });
    const get = (more: object = {}) => ssm(aws, 'GetParameter', { Name: '/a', ...more });
    expect((await get()).__type).toBe('ParameterNotFound');
    expect((await put('1')).__type).toBe('ValidationException');
    expect(await put('1', { Type: 'String' })).toMatchObject({ Version: 1 });
    expect((await put('2')).__type).toBe('ParameterAlreadyExists');
    expect(await put('2', { Overwrite: true })).toMatchObject({ Version: 2 });
    expect((await put('', { Overwrite: true })).__type).toBe('ValidationException');
    expect((await put('x'.repeat(4097), { Overwrite: true })).__type).toBe('ValidationException');
    expect(await get()).toEqual({
      Parameter: {
        Name: '/a',
        Type: 'String',
        Value: '2',
        Version: 2,
        LastModifiedDate: expect.any(Number),
      },
    });
    aws.secrets.set('/a', 'secret', 'SecureString');
    expect((await get()).Parameter?.Value).not.toBe('secret');
    expect((await get({ WithDecryption: true })).Parameter).toMatchObject({ Value: 'secret', Version: 3 });
    expect(aws.secrets.versions('/a')).toBe(3);
  });
});

test('every address of the world is on 127.0.0.1 alone', async () => {
  const world = await openWorld();
  const place = await world.open();
  open.push(place, world);
  for (const url of [world.sqs.url, world.aws.url, place.huawei.url]) {
    expect((await fetch(url)).status).toBeGreaterThan(0);
    // Also this machine, but another address: whoever listens on all of them answers.
    await expect(fetch(url.replace('127.0.0.1', '127.0.0.2'))).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    });
  }
});

interface Asked {
  audience?: string;
  fields?: Record<string, string>;
  sign?: boolean;
}

const askSts = async (aws: Aws, { audience = AUDIENCE, fields = {}, sign = true }: Asked = {}) => {
  const form = new URLSearchParams({
    Action: 'GetWebIdentityToken',
    Version: '2011-06-15',
    'Audience.member.1': audience,
    SigningAlgorithm: 'RS256',
    DurationSeconds: '300',
    ...fields,
  });
  const request = {
    host: new URL(aws.url).host,
    service: 'sts',
    region: 'us-east-1',
    method: 'POST' as const,
    path: '/',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: String(form),
  };
  const { headers } = sign ? aws4.sign(request, credentials) : request;
  const answer = await fetch(aws.url, { ...request, headers: headers as Record<string, string> });
  const xml = await answer.text();
  const between = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
  return { status: answer.status, code: between('Code'), token: between('WebIdentityToken'), between };
};

describe('STS', () => {
  test('gives a token whose key the issuer publishes', async () => {
    const aws = await start();
    const { status, token, between } = await askSts(aws);
    expect(status).toBe(200);
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ iss: aws.url, aud: AUDIENCE, sub: ROLE, jti: expect.any(String) });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
    expect(Date.parse(between('Expiration'))).toBe((claims.exp ?? 0) * 1000);

    const published = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
    const { issuer, jwks_uri } = await published(`${claims.iss}/.well-known/openid-configuration`);
    expect(issuer).toBe(aws.url);
    const { keys } = await published(`${jwks_uri}`);
    const { alg, kid } = decodeProtectedHeader(token);
    expect([alg, keys]).toEqual(['RS256', [expect.objectContaining({ kid, kty: 'RSA', use: 'sig' })]]);
    expect(JSON.parse(await aws.sts.keys())).toEqual({ keys });
    aws.sts.rotate();
    expect(decodeProtectedHeader((await askSts(aws)).token).kid).not.toBe(kid);
  });

  test.each<[string, StsOptions, Asked, number, string]>([
    ['federation is off', { federation: false }, {}, 403, 'OutboundWebIdentityFederationDisabled'],
    ['another audience', { audiences: ['other'] }, {}, 403, 'AccessDenied'],
    ['no signature', {}, { sign: false }, 403, 'SignatureDoesNotMatch'],
    ['too short a time', {}, { fields: { DurationSeconds: '59' } }, 400, 'ValidationError'],
    ['too long a time', {}, { fields: { DurationSeconds: '3601' } }, 400, 'ValidationError'],
    ['no algorithm', {}, { fields: { SigningAlgorithm: '' } }, 400, 'ValidationError'],
    ['another version', {}, { fields: { Version: '2010-01-01' } }, 400, 'ValidationError'],
  ])('%s is refused', async (_, options, asked, status, code) => {
    const answer = await askSts(await start(options), asked);
    expect([answer.status, answer.code, answer.token]).toEqual([status, code, '']);
  });
});
