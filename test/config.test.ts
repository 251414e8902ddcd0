import { loadConfig, loadQueues } from '../lib/config.ts';

const queues = {
  QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/receipts',
  DEAD_LETTER_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/receipts-dead',
};
const good = {
  OSM_ENDPOINT: 'https://osm.ap-southeast-3.myhuaweicloud.com',
  IAM_ENDPOINT: 'https://iam.myhuaweicloud.com',
  CREDENTIALS_FROM: 'secretsmanager:read-receipt-relay/dev',
  ...queues,
};
const load = (more: Record<string, string | undefined> = {}) => loadConfig({ ...good, ...more });

test('the defaults are those of the contract; an empty variable is an unset one', () => {
  const defaults = {
    osmEndpoint: good.OSM_ENDPOINT,
    queueUrl: good.QUEUE_URL,
    deadLetterQueueUrl: good.DEAD_LETTER_QUEUE_URL,
    credentialsFrom: { store: 'secretsmanager', id: 'read-receipt-relay/dev' },
    headers: {},
    maxInFlight: 50,
    maxRequestsPerSecond: 80,
    requestTimeoutMs: 5000,
    lateReceipts: 'check',
    lateAfterSeconds: 60,
    refusalsIn: undefined,
    queueRetentionSeconds: 604_800,
    maxAttempts: 8,
    maxAgeSeconds: 86_400,
  };
  expect(load()).toMatchObject({ ...defaults, iamEndpoint: good.IAM_ENDPOINT });
  const empty = { OSM_LANGUAGE: '', OSM_SITE: '', MAX_IN_FLIGHT: '', LATE_RECEIPTS: '', IAM_ENDPOINT: '' };
  expect(load(empty)).toMatchObject({ ...defaults, iamEndpoint: undefined });
  expect(() => load({ QUEUE_URL: '' })).toThrow(/QUEUE_URL/);
});

test.each([
  ['secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:x-AbC', 'secretsmanager'],
  ['ssm:/read-receipt-relay/dev', 'ssm'],
  ['file:a b:c', 'file'],
])('CREDENTIALS_FROM %s', (value, store) => {
  const id = value.slice(store.length + 1);
  expect(load({ CREDENTIALS_FROM: value }).credentialsFrom).toEqual({ store, id });
});

test.each([
  ['MAX_IN_FLIGHT', 'maxInFlight', 1, 1000],
  ['MAX_REQUESTS_PER_SECOND', 'maxRequestsPerSecond', 1, 100_000],
  ['REQUEST_TIMEOUT_MS', 'requestTimeoutMs', 100, 60_000],
  ['LATE_AFTER_SECONDS', 'lateAfterSeconds', 0, 86_400],
  ['QUEUE_RETENTION_SECONDS', 'queueRetentionSeconds', 3600, 1_209_600],
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

const ENDPOINTS = ['OSM_ENDPOINT', 'IAM_ENDPOINT'];
test.each([
  'https://osm.example',
  'https://osm.example/',
  'https://osm.example:8443',
  'http://127.0.0.1:8080',
  'http://127.9.9.9',
  'http://localhost:1',
  'http://[::1]:80',
])('an endpoint may be %s', value => {
  for (const variable of ENDPOINTS) expect(() => load({ [variable]: value })).not.toThrow();
});

test.each([
  ...[
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
  ].flatMap(value => ENDPOINTS.map(variable => [variable, value])),
  ['CREDENTIALS_FROM', 'vault:x'],
  ['CREDENTIALS_FROM', 'file:'],
  ['CREDENTIALS_FROM', 'file'],
  ['OSM_LANGUAGE', 'en us'],
  ['OSM_LANGUAGE', 'x'.repeat(33)],
  ['OSM_TIME_ZONE', 'é'],
  ['OSM_TIME_ZONE', 'a\nb'],
  ['OSM_SITE', '2'],
  ['OSM_SITE', '01'],
  ['LATE_RECEIPTS', 'yes'],
  ['REFUSALS_IN', 'file:x'],
  ['QUEUE_URL', 'receipts'],
  ['DEAD_LETTER_QUEUE_URL', '/receipts'],
] as [string, string][])('%s may not be %j', (variable, value) => {
  expect(() => load({ [variable]: value })).toThrow(variable);
});

test('one error names every bad variable and what it should be, and no other', () => {
  const { IAM_ENDPOINT } = good;
  const wrong = () => loadConfig({ OSM_ENDPOINT: 'http://osm.example', MAX_IN_FLIGHT: '0', IAM_ENDPOINT });
  for (const name of [...Object.keys(queues), 'OSM_ENDPOINT', 'MAX_IN_FLIGHT', 'CREDENTIALS_FROM'])
    expect(wrong).toThrow(name);
  expect(wrong).not.toThrow(/IAM_ENDPOINT|MAX_ATTEMPTS/);
  expect(wrong).toThrow(/secretsmanager:ID/);
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
  const { QUEUE_URL, DEAD_LETTER_QUEUE_URL } = queues;
  expect(loadQueues(queues)).toEqual({ queueUrl: QUEUE_URL, deadLetterQueueUrl: DEAD_LETTER_QUEUE_URL });
  expect(() => loadQueues({ QUEUE_URL })).toThrow(/DEAD_LETTER_QUEUE_URL/);
});

test.each([loadConfig, loadQueues])('two queues are two: receipts would be taken for dead letters', loads => {
  const { QUEUE_URL } = queues;
  expect(() => loads({ ...good, DEAD_LETTER_QUEUE_URL: QUEUE_URL })).toThrow(/the same queue/);
});
