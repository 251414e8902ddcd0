import { loadConfig, loadQueues } from '../lib/config.ts';

const good = {
  OSM_ENDPOINT: 'https://osm.ap-southeast-3.myhuaweicloud.com',
  IAM_ENDPOINT: 'https://iam.myhuaweicloud.com',
  CREDENTIALS_FROM: 'secretsmanager:read-receipt-relay/dev',
  QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/receipts',
  DEAD_LETTER_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/receipts-dead',
};
const load = (more: Record<string, string | undefined> = {}) => loadConfig({ ...good, ...more });

test('the defaults are those of the contract', () => {
  expect(load()).toMatchObject({
    osmEndpoint: good.OSM_ENDPOINT,
    iamEndpoint: good.IAM_ENDPOINT,
    queueUrl: good.QUEUE_URL,
    deadLetterQueueUrl: good.DEAD_LETTER_QUEUE_URL,
    credentialsFrom: { store: 'secretsmanager', id: 'read-receipt-relay/dev' },
    headers: {},
    maxInFlight: 50,
    maxRequestsPerSecond: 80,
    requestTimeoutMs: 5000,
    maxAttempts: 8,
    maxAgeSeconds: 86_400,
  });
});

test.each([
  [
    'secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:x-AbC',
    'secretsmanager',
    'arn:aws:secretsmanager:eu-west-1:1:secret:x-AbC',
  ],
  ['ssm:/read-receipt-relay/dev', 'ssm', '/read-receipt-relay/dev'],
  ['file:/run/secrets/huawei.json', 'file', '/run/secrets/huawei.json'],
  ['file:a b:c', 'file', 'a b:c'],
])('CREDENTIALS_FROM %s', (value, store, id) => {
  expect(load({ CREDENTIALS_FROM: value }).credentialsFrom).toEqual({ store, id });
});

test('language, time zone and site become headers', () => {
  expect(load({ OSM_LANGUAGE: 'en-us', OSM_TIME_ZONE: 'GMT+8', OSM_SITE: '0' }).headers).toEqual({
    'X-Language': 'en-us',
    'X-Time-Zone': 'GMT+8',
    'X-Site': '0',
  });
});

test('an empty variable is an unset one', () => {
  expect(load({ OSM_LANGUAGE: '', OSM_SITE: '', MAX_IN_FLIGHT: '', IAM_ENDPOINT: '' })).toMatchObject({
    headers: {},
    maxInFlight: 50,
    iamEndpoint: undefined,
  });
  expect(() => load({ QUEUE_URL: '' })).toThrow(/QUEUE_URL/);
});

test.each([
  ['MAX_IN_FLIGHT', 'maxInFlight', 1, 1000],
  ['MAX_REQUESTS_PER_SECOND', 'maxRequestsPerSecond', 1, 100_000],
  ['REQUEST_TIMEOUT_MS', 'requestTimeoutMs', 100, 60_000],
  ['MAX_ATTEMPTS', 'maxAttempts', 1, 100],
  ['MAX_AGE_SECONDS', 'maxAgeSeconds', 1, 864_000],
])('%s is a whole number in its range', (variable, field, least, most) => {
  expect(load({ [variable]: String(least) })).toHaveProperty(field, least);
  expect(load({ [variable]: String(most) })).toHaveProperty(field, most);
  for (const bad of [least - 1, most + 1, -1, 0.5, '1e2', '0x10', ' 7', 'many', 'NaN', 'Infinity']) {
    expect(() => load({ [variable]: String(bad) })).toThrow(
      new RegExp(`${variable}.*from ${least} to ${most}`),
    );
  }
});

describe.each(['OSM_ENDPOINT', 'IAM_ENDPOINT'])('%s', variable => {
  test.each([
    'https://osm.example',
    'https://osm.example/',
    'https://osm.example:8443',
    'http://127.0.0.1:8080',
    'http://127.9.9.9',
    'http://localhost:1',
    'http://[::1]:80',
  ])('may be %s', value => {
    expect(() => load({ [variable]: value })).not.toThrow();
  });
  test.each([
    'http://osm.example',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://10.0.0.1',
    'http://[::2]',
    'osm.example',
    'ftp://127.0.0.1',
    'https://user:pass@osm.example',
    'https://osm.example/path',
    'https://osm.example/?a=1',
    'https://osm.example/#a',
    'https://',
    'x',
  ])('may not be %s', value => {
    expect(() => load({ [variable]: value })).toThrow(variable);
  });
});

test.each([
  ['CREDENTIALS_FROM', 'vault:x'],
  ['CREDENTIALS_FROM', 'file:'],
  ['CREDENTIALS_FROM', 'file'],
  ['OSM_LANGUAGE', 'en us'],
  ['OSM_LANGUAGE', 'x'.repeat(33)],
  ['OSM_TIME_ZONE', 'é'],
  ['OSM_TIME_ZONE', 'a\nb'],
  ['OSM_SITE', '2'],
  ['OSM_SITE', '01'],
  ['QUEUE_URL', 'receipts'],
  ['DEAD_LETTER_QUEUE_URL', '/receipts'],
])('%s may not be %j', (variable, value) => {
  expect(() => load({ [variable]: value })).toThrow(variable);
});

test('one error names every bad variable and what it should be, and no other', () => {
  let message = '';
  try {
    loadConfig({
      OSM_ENDPOINT: 'http://osm.example',
      MAX_IN_FLIGHT: '0',
      OSM_SITE: '2',
      IAM_ENDPOINT: good.IAM_ENDPOINT,
    });
  } catch (error) {
    message = (error as Error).message;
  }
  for (const name of [
    'OSM_ENDPOINT',
    'MAX_IN_FLIGHT',
    'OSM_SITE',
    'CREDENTIALS_FROM',
    'QUEUE_URL',
    'DEAD_LETTER_QUEUE_URL',
  ])
    expect(message).toContain(name);
  expect(message).not.toMatch(/IAM_ENDPOINT|MAX_ATTEMPTS/);
  expect(message).toMatch(/secretsmanager:ID/);
});

test('what a variable holds is never told: it may be a secret in the wrong place', () => {
  for (const variable of [...Object.keys(good), 'OSM_SITE', 'MAX_ATTEMPTS', 'OSM_LANGUAGE']) {
    for (const value of ['hunter2 hunter2', 'https://relay:hunter2@osm.example/x']) {
      try {
        load({ [variable]: value });
      } catch (error) {
        expect(`${(error as Error).stack} ${(error as Error).cause}`).not.toContain('hunter2');
      }
    }
  }
});

test('replay and command line need the queues only', () => {
  expect(
    loadQueues({ QUEUE_URL: good.QUEUE_URL, DEAD_LETTER_QUEUE_URL: good.DEAD_LETTER_QUEUE_URL }),
  ).toEqual({
    queueUrl: good.QUEUE_URL,
    deadLetterQueueUrl: good.DEAD_LETTER_QUEUE_URL,
  });
  expect(() => loadQueues({ QUEUE_URL: good.QUEUE_URL })).toThrow(/DEAD_LETTER_QUEUE_URL/);
});
