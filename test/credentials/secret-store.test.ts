// The stored credentials as they are read: their shape, their version, and what is said where they cannot be used.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../lib/config.ts';
import { createAwsCall } from '../../lib/credentials/aws-call.ts';
import { createSecretStore } from '../../lib/credentials/secret-store.ts';
import { createClient } from '../../lib/huawei/http.ts';
import { type Intercept, startAws } from '../../local/aws/endpoint.ts';
import { closeAfter, useEnvironment } from '../environment.ts';
import { useFolder } from '../folder.ts';

useEnvironment();
const folder = useFolder();

/** Reads what is stored there. */
const reader = (CREDENTIALS_FROM: string, env: Record<string, string> = {}) => {
  const config = loadConfig({
    OSM_ENDPOINT: 'https://osm.example',
    CREDENTIALS_FROM,
    QUEUE_URL: 'https://sqs.example/1/a',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/b',
    ...env,
  });
  return createSecretStore(config, createAwsCall(config, createClient));
};

const readFrom = async (content: string | object) => {
  const file = path.join(folder, 'credentials.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return reader(`file:${file}`)();
};
const unusable = (detail: RegExp) => ({ code: 'unauthorized', detail: expect.stringMatching(detail) });

const password = { type: 'password', domain: 'acme', user: 'relay', password: 'p' };
const token = { type: 'token', token: 'abc' };
const aksk = { type: 'aksk', access_key: 'AK', secret_key: 'SK' };
const oidc = { type: 'oidc', identity_provider: 'aws', audience: 'huawei', scope: { domain: 'acme' } };

test.each<[string, object]>([
  ['a password', password],
  ['with a domain by name', { ...password, scope: { domain: 'acme' } }],
  ['with a project by id', { ...password, scope: { project: { id: '1' } } }],
  ['a token', token],
  ['that ends', { ...token, expires_at: '2030-01-01T00:00:00.000000Z' }],
  ['with an offset', { ...token, expires_at: '2030-01-01T00:00:00+08:00' }],
  ['a key', aksk],
  ['a temporary key', { ...aksk, security_token: 'x', domain_id: '1' }],
  ['an AWS identity', oidc],
])('takes %s', async (_, content) => {
  expect(await readFrom(content)).toEqual({ version: expect.stringMatching(/^\d+/), credentials: content });
});

test.each<[string, object | string, string]>([
  ['no type', { token: 'abc' }, 'type'],
  ['another type', { ...token, type: 'cookie' }, 'type'],
  ['no password', { ...password, password: undefined }, 'password'],
  ['an empty password', { ...password, password: '' }, 'password'],
  ['a password of another type', { ...password, password: 7 }, 'password'],
  ['a token of two lines', { ...token, token: 'a\r\nb' }, 'token'],
  ['a token with a space', { ...token, token: 'a b' }, 'token'],
  ['an end that is no time', { ...token, expires_at: 'soon' }, 'expires_at'],
  ['no secret key', { ...aksk, secret_key: undefined }, 'secret_key'],
  ['a scope of neither', { ...password, scope: { region: 'x' } }, 'scope'],
  ['an identity without a scope', { ...oidc, scope: undefined }, 'scope'],
  ['a provider of two words', { ...oidc, identity_provider: 'a b' }, 'identity_provider'],
  ['a list', [password], 'type'],
  ['null', 'null', 'type'],
])('refuses %s and names the field', async (_, content, field) => {
  expect(await readFrom(content)).toEqual(
    unusable(RegExp(`file:.*credentials\\.json.*wrong shape.*${field}`)),
  );
});

test.each(['', '{', '\ufeff{}'])('says of %j that it is not JSON', async content => {
  expect(await readFrom(content)).toEqual(unusable(/is not JSON$/));
});

test('a file that is not there, and one that is a folder', async () => {
  const notThere = unusable(/none cannot be used: it could not be read: ENOENT/);
  expect(await reader(`file:${folder}/none`)()).toEqual(notThere);
  expect(await reader(`file:${folder}`)()).toEqual(unusable(/EISDIR/));
});

test('a file that changes is read anew, and every time it is saved is a version of its own', async () => {
  const first = await readFrom(token);
  expect(await readFrom({ ...token, token: 'xyz' })).toMatchObject({ credentials: { token: 'xyz' } });
  await sleep(20); // a file's time may be no finer
  expect(await readFrom(token)).not.toEqual(first);
});

describe.each(['secretsmanager', 'ssm'])('in %s', store => {
  /** Reads what is stored there, with keys, from a store that answers as it should or as it is told. */
  const start = async (intercept?: Intercept) => {
    const aws = closeAfter(await startAws());
    aws.intercept = intercept;
    aws.secrets.set('id', JSON.stringify(token));
    const keys = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'sk', AWS_SESSION_TOKEN: 'session' };
    const own = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'eu-west-1' };
    const place = { [`AWS_ENDPOINT_URL_${store === 'ssm' ? 'SSM' : 'SECRETS_MANAGER'}`]: aws.url };
    return {
      aws,
      read: (env: Record<string, string> = {}) =>
        reader(`${store}:id`, { ...keys, ...own, ...place, ...env })(),
    };
  };

  test('it is asked at its own endpoint, with a signature for its service and region', async () => {
    const { aws, read } = await start();
    expect(await read()).toMatchObject({ credentials: token });
    expect(aws.calls[0]?.body).toEqual(
      store === 'ssm' ? { Name: 'id', WithDecryption: true } : { SecretId: 'id' },
    );
    expect(aws.calls[0]?.headers).toMatchObject({
      authorization: expect.stringMatching(
        RegExp(`^AWS4-HMAC-SHA256 Credential=AKID/\\d{8}/eu-west-1/${store}/aws4_request`),
      ),
      'x-amz-security-token': 'session',
      'content-type': 'application/x-amz-json-1.1',
    });
  });

  test('it has a new version each time that it is saved, and may have 60 KB', async () => {
    const { aws, read } = await start();
    const first = await read();
    expect(await read()).toEqual(first);
    const long = { ...token, token: 'x'.repeat(60_000) };
    aws.secrets.set('id', JSON.stringify(long));
    const { version } = first as { version: string };
    expect(await read()).toEqual({
      version: expect.not.stringMatching(RegExp(`^${version}$`)),
      credentials: long,
    });
  });

  test('without keys nothing is asked', async () => {
    const { aws, read } = await start();
    expect(await read({ AWS_ACCESS_KEY_ID: '' })).toEqual(unusable(/AWS keys/));
    expect(aws.calls).toEqual([]);
  });

  test.each<[Awaited<ReturnType<Intercept>>, RegExp]>([
    [{ status: 400, body: '{"__type":"AccessDeniedException"}' }, /AccessDeniedException$/],
    [{ status: 400, body: '{"__type":"com.amazonaws.ssm#ParameterNotFound"}' }, /ParameterNotFound$/],
    [{ status: 500, body: '<html>' }, /answered 500$/],
    ['reset', /could not be read: .*(ECONNRESET|socket)/],
    ['hang', /no whole answer in 200 ms/],
    ...['{}', 'null', '[]', '<html>', '{"Parameter":{"Value":7},"SecretString":7}', ''].map(
      (body): [{ status: number; body: string }, RegExp] => [{ status: 200, body }, /holds no text/],
    ),
  ])('an answer of %j says what is wrong, by its name or status', async (answer, detail) => {
    const { read } = await start(() => answer);
    const { source } = detail;
    const limit = answer === 'hang' ? { REQUEST_TIMEOUT_MS: '200' } : {};
    expect(await read(limit)).toEqual(unusable(RegExp(`${store}:id cannot be used: .*${source}`)));
  });
});
