import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../lib/config.ts';
import { createAwsCall } from '../../lib/credentials/aws-call.ts';
import { createSecretStore } from '../../lib/credentials/secret-store.ts';
import { createClient } from '../../lib/huawei/http.ts';
import { startAwsStores } from '../aws-stores.ts';
import { closeAfter, useEnvironment } from '../environment.ts';

useEnvironment();

const config = (CREDENTIALS_FROM: string, env: Record<string, string> = {}) =>
  loadConfig({
    OSM_ENDPOINT: 'https://osm.example',
    CREDENTIALS_FROM,
    QUEUE_URL: 'https://sqs.example/1/a',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/b',
    REQUEST_TIMEOUT_MS: '10000',
    ...env,
  });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'credentials-'));
});
afterAll(() => rm(folder, { recursive: true }));

const reader = (...given: Parameters<typeof config>) => {
  const set = config(...given);
  return createSecretStore(set, createAwsCall(set, createClient));
};

const readFrom = async (content: string | object) => {
  const file = path.join(folder, 'credentials.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return reader(`file:${file}`)();
};

const password = { type: 'password', domain: 'acme', user: 'relay', password: 'p' };
const token = { type: 'token', token: 'abc' };
const aksk = { type: 'aksk', access_key: 'AK', secret_key: 'SK' };
const oidc = { type: 'oidc', identity_provider: 'aws', audience: 'huawei', scope: { domain: 'acme' } };

test.each<[string, object]>([
  ['a password', password],
  ['with a domain by name', { ...password, scope: { domain: 'acme' } }],
  ['with a domain by id', { ...password, scope: { domain: { id: '1' } } }],
  ['with a project', { ...password, scope: { project: 'eu' } }],
  ['with a project by id', { ...password, scope: { project: { id: '1' } } }],
  ['a token', token],
  ['that ends', { ...token, expires_at: '2030-01-01T00:00:00.000000Z' }],
  ['with an offset', { ...token, expires_at: '2030-01-01T00:00:00+08:00' }],
  ['a key', aksk],
  ['an AWS identity', oidc],
  ['a temporary key', { ...aksk, security_token: 'x', domain_id: '1' }],
])('takes %s', async (_, content) => {
  expect(await readFrom(content)).toEqual({ version: expect.stringMatching(/^\d+/), credentials: content });
});

test.each<[string, object | string, string]>([
  ['no type', { token: 'abc' }, 'type'],
  ['another type', { ...token, type: 'cookie' }, 'type'],
  ['no password', { ...password, password: undefined }, 'password'],
  ['an empty password', { ...password, password: '' }, 'password'],
  ['a password of another type', { ...password, password: 7 }, 'password'],
  ['no domain', { ...password, domain: undefined }, 'domain'],
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
  expect(await readFrom(content)).toEqual({
    code: 'unauthorized',
    detail: expect.stringMatching(new RegExp(`file:.*credentials\\.json.*wrong shape.*${field}`)),
  });
});

test.each(['', 'x', '{', '\ufeff{}'])('says of %j that it is not JSON', async content => {
  expect(await readFrom(content)).toEqual({
    code: 'unauthorized',
    detail: expect.stringMatching(/is not JSON$/),
  });
});

test('a file that is not there, and one that is a folder', async () => {
  expect(await reader(`file:${folder}/none`)()).toEqual({
    code: 'unauthorized',
    detail: expect.stringMatching(/none cannot be used: it could not be read: ENOENT/),
  });
  expect(await reader(`file:${folder}`)()).toMatchObject({ code: 'unauthorized' });
});

test('a file that changes is read anew, and every time it is saved is a version of its own', async () => {
  const first = await readFrom(token);
  expect(await readFrom({ ...token, token: 'xyz' })).toMatchObject({ credentials: { token: 'xyz' } });
  await sleep(20);
  expect(await readFrom(token)).not.toEqual(first);
});

describe('AWS', () => {
  const keys = {
    AWS_ACCESS_KEY_ID: 'AKID',
    AWS_SECRET_ACCESS_KEY: 'secret-key',
    AWS_SESSION_TOKEN: 'session',
  };
  const start = async () => {
    const stores = closeAfter(await startAwsStores());
    stores.secrets.set('id', JSON.stringify(token));
    const read = (from: string, env: Record<string, string> = {}) =>
      reader(from, { ...keys, AWS_ENDPOINT_URL: stores.url, ...env })();
    return { stores, read };
  };

  test.each(['secretsmanager', 'ssm'])(
    '%s is asked with a signature for its service and region',
    async store => {
      const { stores, read } = await start();
      expect(await read(`${store}:id`, { AWS_REGION: 'eu-west-1' })).toMatchObject({ credentials: token });
      expect(stores.requests[0]?.headers).toMatchObject({
        authorization: expect.stringMatching(
          new RegExp(`Credential=AKID/\\d{8}/eu-west-1/${store}/aws4_request`),
        ),
        'x-amz-security-token': 'session',
        'content-type': 'application/x-amz-json-1.1',
      });
    },
  );

  test.each([
    ['secretsmanager', 'AWS_ENDPOINT_URL_SECRETS_MANAGER'],
    ['ssm', 'AWS_ENDPOINT_URL_SSM'],
  ])("%s's own endpoint goes before the common one", async (store, variable) => {
    const { stores, read } = await start();
    const result = await read(`${store}:id`, {
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      [variable]: stores.url,
    });
    expect(result).toMatchObject({ credentials: token });
  });

  test.each(['secretsmanager', 'ssm'])("%s's version is new each time that it is saved", async store => {
    const { stores, read } = await start();
    const first = await read(`${store}:id`);
    expect(await read(`${store}:id`)).toEqual(first);
    stores.secrets.set('id', JSON.stringify(token));
    expect(await read(`${store}:id`)).not.toEqual(first);
  });

  test('without keys nothing is asked', async () => {
    const { stores, read } = await start();
    expect(await read('ssm:id', { AWS_ACCESS_KEY_ID: '' })).toMatchObject({
      code: 'unauthorized',
      detail: expect.stringContaining('AWS keys'),
    });
    expect(stores.requests).toEqual([]);
  });

  test('the store that cannot be reached', async () => {
    const { read } = await start();
    expect(await read('ssm:id', { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' })).toMatchObject({
      code: 'unauthorized',
      detail: expect.stringMatching(/ssm:id cannot be used: it could not be read: .*ECONNREFUSED/),
    });
  });

  test.each([
    ['{"__type":"AccessDeniedException"}', /AccessDeniedException$/],
    ['{"__type":"com.amazonaws.ssm#ParameterNotFound"}', /ParameterNotFound$/],
    ['<html>', /answered 400$/],
  ])('an error by its name, or by its status: %s', async (body, detail) => {
    const { stores, read } = await start();
    stores.fault = () => ({ status: 400, body });
    expect(await read('ssm:id')).toMatchObject({ detail: expect.stringMatching(detail) });
  });

  test.each(['{}', 'null', '[]', '<html>', '{"Parameter":{"Value":7}}', ''])(
    'an answer without a text: %j',
    async body => {
      const { stores, read } = await start();
      stores.fault = () => ({ status: 200, body });
      expect(await read('ssm:id')).toMatchObject({
        code: 'unauthorized',
        detail: expect.stringMatching(/ssm:id/),
      });
    },
  );

  test('a secret of 64 KB', async () => {
    const { stores, read } = await start();
    stores.secrets.set('id', JSON.stringify({ ...token, token: 'x'.repeat(60_000) }));
    expect(await read('secretsmanager:id')).toMatchObject({ credentials: { token: 'x'.repeat(60_000) } });
  });
});
