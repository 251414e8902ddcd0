import { type Aws, startAws } from '../../local/aws/endpoint.ts';
import { openWorld } from '../../local/world.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

const start = async () => {
  const aws = await startAws();
  open.push(aws);
  return aws;
};

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

test('parameters are as strict as those of SSM', async () => {
  const { url, secrets } = await start();
  const ssm = async (action: string, fields: object) => {
    const headers = { 'X-Amz-Target': `AmazonSSM.${action}`, 'Content-Type': 'application/x-amz-json-1.1' };
    const body = JSON.stringify({ Name: '/a', ...fields });
    return (await fetch(url, { method: 'POST', headers, body })).json();
  };
  expect(await ssm('GetParameter', {})).toMatchObject({ __type: 'ParameterNotFound' });
  expect(await ssm('PutParameter', { Value: '1' })).toMatchObject({ __type: 'ValidationException' });
  expect(await ssm('PutParameter', { Value: '1', Type: 'String' })).toMatchObject({ Version: 1 });
  expect(await ssm('PutParameter', { Value: '2' })).toMatchObject({ __type: 'ParameterAlreadyExists' });
  for (const Value of ['', 'x'.repeat(4097)])
    expect(await ssm('PutParameter', { Value, Overwrite: true })).toMatchObject({
      __type: 'ValidationException',
    });
  expect(await ssm('PutParameter', { Value: '2', Overwrite: true })).toMatchObject({ Version: 2 });
  expect(await ssm('GetParameter', {})).toMatchObject({ Parameter: { Value: '2', Version: 2 } });
  secrets.set('/a', 'secret', 'SecureString');
  expect(await ssm('GetParameter', {})).not.toMatchObject({ Parameter: { Value: 'secret' } });
  expect(await ssm('GetParameter', { WithDecryption: true })).toMatchObject({
    Parameter: { Value: 'secret', Version: 3 },
  });
});

const signature = {
  Authorization: `AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
  'X-Amz-Date': '20260101T000000Z',
};

const askSts = async ({ url }: Aws, fields: object, headers: object) => {
  const body = new URLSearchParams({
    Action: 'GetWebIdentityToken',
    Version: '2011-06-15',
    'Audience.member.1': 'huawei-cloud',
    SigningAlgorithm: 'RS256',
    ...fields,
  });
  return (await fetch(url, { method: 'POST', headers: { ...headers }, body })).text();
};

test.each([
  ['SignatureDoesNotMatch', {}, {}],
  ['ValidationError', { DurationSeconds: '59' }, signature],
  ['ValidationError', { DurationSeconds: '3601' }, signature],
  ['ValidationError', { SigningAlgorithm: '' }, signature],
  ['ValidationError', { Version: '2010-01-01' }, signature],
])('STS refuses with %s: %j', async (code, fields, headers) => {
  const aws = await start();
  expect(await askSts(aws, fields, headers)).toContain(`<Code>${code}</Code>`);
  expect(await askSts(aws, {}, signature)).toContain('<WebIdentityToken>');
});
