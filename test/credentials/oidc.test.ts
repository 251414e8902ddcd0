// The log-in with the function's own AWS identity: every refusal says on which side, and what to do.

import type { StsOptions } from '../../local/aws/sts.ts';
import { pass, useClock } from '../clock.ts';
import { checkUp, useEnvironment } from '../environment.ts';
import { leaksIn, secret } from '../output/printed.ts';
import { AUDIENCE, mark, ROLE, reasons, type Started, start } from './kinds.ts';

useEnvironment();
useClock();

type Change = (service: Started) => Promise<void> | void;
const provider =
  (changed: object): Change =>
  ({ huawei }) =>
    huawei.iam.setProvider('aws', changed);
const sts =
  (changed: StsOptions): Change =>
  ({ aws }) =>
    aws.sts.set(changed);
const stored =
  (changed: object): Change =>
  async service =>
    service.put({ ...(await service.rightOf()), ...changed });

const clocksApart: Change = ({ huawei }) => {
  huawei.clock.offsetMs += 600_000;
};

test.each<[string, Change, RegExp]>([
  [
    'federation that is off',
    sts({ federation: false }),
    /STS answered 403: OutboundWebIdentityFederationDisabled .*at AWS.*enable-outbound-web-identity-federation/,
  ],
  [
    'a role that may not',
    sts({ audiences: ['another'] }),
    /STS answered 403: AccessDenied User: arn:aws:iam::\d+:role\/\S+ .*at AWS.*webIdentityAudience=huawei-cloud/,
  ],
  [
    'no such provider',
    stored({ identity_provider: 'other' }),
    /IAM answered 404.*at Huawei.*identity provider other with the issuer http/,
  ],
  [
    'another issuer',
    provider({ issuer: 'https://another' }),
    /"iss".*at Huawei.*with the issuer http:\/\/127/,
  ],
  ['another client id', provider({ audience: 'x' }), /at Huawei.*client id must be huawei-cloud/],
  [
    'keys of another',
    provider({ keys: '{"keys":[]}' }),
    /at Huawei.*paste the keys of http:\/\/127\S+ again: AWS signed with \S{36}/,
  ],
  [
    'no rule for the role',
    provider({ rules: [] }),
    /IAM answered 403.*at Huawei.*sub arn:aws:iam::\d+:role\/read-receipt-relay into a user group/,
  ],
  ['another scope', stored({ scope: { domain: 'another' } }), /answered 403.*at Huawei.*scope must be/],
  ['clocks that differ', clocksApart, /IAM answered 401.*"exp".*: the clocks must agree;/],
])(
  'for %s the reason names the side and the way out, and nothing is tried for a minute',
  async (_, change, reason) => {
    const service = await start('oidc');
    await change(service);
    const handler = await service.coldStart();
    const before = service.aws.calls.length;
    expect(await mark({ handler }, 20)).toBe(20);
    const [said] = reasons(service).filter(each => /STS|IAM/.test(each));
    expect(said).toMatch(reason);
    expect(said).toMatch(/; not tried again before .*Z, unless the secret is saved again$/);
    expect(leaksIn(service.printed())).toEqual([]);
    expect(service.aws.calls).toHaveLength(before);
    expect(service.deadLetters()).toEqual([]);
  },
);

test('a rotation of the keys at AWS is cured by pasting them again, within a minute', async () => {
  const service = await start('oidc');
  service.aws.sts.rotate();
  service.huawei.iam.revokeTokens();
  expect(await mark(service, 20)).toBe(20);
  service.huawei.iam.setProvider('aws', { keys: await service.aws.sts.keys() });
  pass({ minutes: 1 });
  expect(await mark(service, 20)).toBe(0);
});

test.each<[string, { status: number; body: string } | 'reset', string]>([
  ['is in trouble', { status: 503, body: '<html>' }, 'unavailable'],
  ['throttles', { status: 400, body: '<Error><Code>Throttling</Code></Error>' }, 'rate_limited'],
  ['breaks off', 'reset', 'unreachable'],
  [
    'answers something else',
    { status: 200, body: '<WebIdentityToken>not.a.token</WebIdentityToken>' },
    'unavailable',
  ],
  ['says nothing', { status: 200, body: '' }, 'unavailable'],
  ['does not know us', { status: 403, body: '<Code>InvalidClientTokenId</Code>' }, 'unauthorized'],
])('STS %s', async (_, fault, code) => {
  const service = await start('oidc');
  service.aws.intercept = ({ action }, forward) => (action === 'GetWebIdentityToken' ? fault : forward());
  const handler = await service.coldStart();
  expect(await mark({ handler }, 3)).toBe(3);
  const failures = service.lines().filter(({ message }) => String(message).startsWith('receipt.'));
  expect(new Set(failures.map(line => line.code))).toEqual(new Set([code]));
  service.aws.intercept = undefined;
  pass({ minutes: 1 });
  expect(await mark({ handler }, 3)).toBe(0);
});

test('the token that STS signs goes to Huawei and nowhere else, also where both repeat it', async () => {
  const service = await start('oidc');
  const sent = service.huawei.requests.map(({ body }) => JSON.parse(body || '{}').auth?.id_token?.id);
  const [token] = sent.filter(each => each !== undefined) as string[];
  expect(token?.split('.')).toHaveLength(3);
  secret(token as string);
  service.huawei.faults.add({
    does: 'answer',
    status: 400,
    body: { error_msg: token },
    match: { kind: 'mark' },
  });
  await mark(service, 3);
  expect(leaksIn(service.printed() + JSON.stringify(service.deadLetters()), [token as string])).toEqual([]);
});

describe('the check-up', () => {
  const check = async ({ handler }: Started) => {
    const checks = await checkUp(handler);
    expect(JSON.stringify(checks)).not.toMatch(/eyJ/);
    return (name: string) => checks.find(each => each.check === name);
  };

  test('tells who AWS says we are, and that the issuer publishes the key', async () => {
    const service = await start('oidc');
    const line = await check(service);
    expect(service.aws.calls.findLast(({ action }) => action === 'GetWebIdentityToken')).toMatchObject({
      headers: {
        authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 .*\/sts\/aws4_request, SignedHeaders=.*host/),
        'x-amz-date': expect.stringMatching(/^\d{8}T\d{6}Z$/),
      },
      body: {
        Action: 'GetWebIdentityToken',
        Version: '2011-06-15',
        'Audience.member.1': AUDIENCE,
        SigningAlgorithm: 'RS256',
        DurationSeconds: '300',
      },
    });
    expect(line('AWS identity')).toMatchObject({
      status: 'ok',
      says: expect.stringMatching(
        new RegExp(`^sub ${ROLE}, aud ${AUDIENCE}, iss ${service.aws.url}, kid \\S{36}$`),
      ),
    });
    expect(line('issuer keys')).toMatchObject({ status: 'ok' });
    expect(line('log-in')).toMatchObject({ status: 'ok', says: 'IAM took the AWS identity, OSM the token' });
    expect(line('IAM')).toMatchObject({ status: 'ok' });
  });

  test('says at AWS what is wrong at AWS, and asks nobody else', async () => {
    const service = await start('oidc');
    service.aws.sts.set({ federation: false });
    const line = await check(service);
    expect(line('AWS identity')).toMatchObject({
      status: 'failed',
      says: expect.stringContaining('FederationDisabled'),
      todo: expect.stringContaining('docs/operating.md'),
    });
    expect(line('issuer keys')?.status).toBe('skipped');
  });

  test('sees a key that the issuer does not publish', async () => {
    const service = await start('oidc');
    const other = await start('oidc');
    // Signed by one, published by the other.
    service.aws.intercept = ({ action }, forward) =>
      action === 'GetWebIdentityToken' ? { status: 200, body: xml } : forward();
    const { text } = await other.aws.sts.sign(AUDIENCE, 300);
    const [, claims = ''] = text.split('.');
    const moved = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), iss: service.aws.url };
    const body = Buffer.from(JSON.stringify(moved)).toString('base64url');
    const xml = `<WebIdentityToken>${text.split('.')[0]}.${body}.x</WebIdentityToken>`;
    expect((await check(service))('issuer keys')).toMatchObject({ status: 'failed' });
  });
});
