import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import aws4 from 'aws4';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type Aws, startAws } from '../../local/aws/endpoint.ts';
import type { StsOptions } from '../../local/aws/sts.ts';
import type { HuaweiOptions } from '../../local/huawei/options.ts';
import { type Huawei, startHuawei } from '../../local/huawei/server.ts';
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
  test('gives a secret and its version to the SDK, a new one each time that it is saved', async () => {
    const aws = await start();
    const client = new SecretsManagerClient({ endpoint: aws.url, region: 'us-east-1', credentials });
    const read = () => client.send(new GetSecretValueCommand({ SecretId: 'id' }));
    await expect(read()).rejects.toThrow(expect.objectContaining({ name: 'ResourceNotFoundException' }));
    aws.secrets.set('id', 'same');
    const first = await read();
    expect(await read()).toMatchObject({ SecretString: 'same', VersionId: first.VersionId });
    aws.secrets.set('id', 'same');
    const second = await read();
    expect(second.SecretString).toBe('same');
    expect(second.VersionId).not.toBe(first.VersionId);
    client.destroy();
  });

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

describe('a log-in with an ID token', () => {
  const GROUP = 'ticket-administrators';
  const provider = async (aws: Aws) => ({
    issuer: aws.url,
    audience: AUDIENCE,
    keys: await aws.sts.keys(),
    rules: [{ sub: ROLE, group: GROUP }],
  });
  const openBoth = async (options: HuaweiOptions = {}) => {
    const aws = await start();
    const huawei = await startHuawei({
      cases: { own: {}, team: { group: GROUP }, other: { group: 'other' } },
      identityProviders: { aws: await provider(aws) },
      ...options,
    });
    open.push(huawei);
    return { aws, huawei };
  };
  const logIn = async (huawei: Huawei, id: string, scope: object | undefined, idp = 'aws') => {
    const answer = await fetch(`${huawei.url}/v3.0/OS-AUTH/id-token/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(idp && { 'X-Idp-Id': idp }) },
      body: JSON.stringify({ auth: { id_token: { id }, scope } }),
    });
    const token = answer.headers.get('x-subject-token') ?? '';
    const body = (await answer.json()) as { token?: object; error?: { message: string } };
    return { status: answer.status, token, body };
  };
  const mark = async (huawei: Huawei, token: string, caseId: string, group_id?: string) => {
    const path = `/v2/servicerequest/cases/${caseId}/instant-messages/unread`;
    const answer = await fetch(huawei.url + path, {
      method: 'POST',
      headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json' },
      body: JSON.stringify({ group_id }),
    });
    return ((await answer.json()) as { error_code?: string }).error_code ?? '';
  };
  const domain = { domain: { name: 'acme' } };

  test('gives a token of the group that the rules name', async () => {
    const { aws, huawei } = await openBoth();
    const { status, token, body } = await logIn(huawei, (await askSts(aws)).token, domain);
    expect(status).toBe(201);
    expect(body.token).toMatchObject({ methods: ['mapped'], expires_at: expect.stringMatching(/Z$/) });
    expect(await mark(huawei, token, 'own')).toBe('');
    expect(await mark(huawei, token, 'team', GROUP)).toBe('');
    expect(await mark(huawei, token, 'other', 'other')).toBe('OSM.01010002');
    expect(huawei.requests[0]).toMatchObject({ kind: 'id_token', status: 201 });
    expect(huawei.iam.logIns).toBe(1);
    huawei.iam.revokeTokens();
    expect(await mark(huawei, token, 'own')).toBe('APIGW.0307');
  });

  test('a token without a scope opens no OSM', async () => {
    const { aws, huawei } = await openBoth();
    const project = { project: { name: 'ap-southeast-3' } };
    const id = (await askSts(aws)).token;
    expect(await mark(huawei, (await logIn(huawei, id, project)).token, 'own')).toBe('');
    expect(await mark(huawei, (await logIn(huawei, id, undefined)).token, 'own')).toBe('OSM.01010011');
    expect((await logIn(huawei, id, { domain: { name: 'another' } })).status).toBe(403);
  });

  test('is refused where anything does not fit', async () => {
    const { aws, huawei } = await openBoth();
    const good = (await askSts(aws)).token;
    const refusal = async (id = good, idp?: string) => {
      const { status, body } = await logIn(huawei, id, domain, idp);
      return `${status} ${body.error?.message}`;
    };
    expect(await refusal(good, 'unknown')).toMatch('404 Could not find identity provider');
    expect(await refusal(good, '')).toMatch('400');
    expect(await refusal('not a token')).toMatch('401');
    expect(await refusal(`${good.slice(0, -8)}AAAAAAAA`)).toMatch(/401 .*signature/);
    expect(await refusal((await askSts(aws, { audience: 'other' })).token)).toMatch(/401 .*"aud"/);

    huawei.clock.offsetMs += 301_000;
    expect(await refusal()).toMatch(/401 .*"exp"/);
    huawei.clock.offsetMs = 0;
    huawei.iam.setProvider('aws', { issuer: 'https://other' });
    expect(await refusal()).toMatch(/401 .*"iss"/);
    huawei.iam.setProvider('aws', { issuer: aws.url, rules: [{ sub: 'someone else', group: GROUP }] });
    expect(await refusal()).toMatch(/403 .*user group/);
    huawei.iam.setProvider('aws', await provider(aws));
    expect(await refusal()).toMatch('201');

    aws.sts.rotate();
    const signedAnew = (await askSts(aws)).token;
    expect(await refusal(signedAnew)).toMatch(/401 .*key/);
    huawei.iam.setProvider('aws', { keys: await aws.sts.keys() });
    expect(await refusal(signedAnew)).toMatch('201');
    expect(huawei.iam).toMatchObject({ logIns: 2, failedLogIns: 9 });
  });
});
