// No secret in anything printed, thrown, sent to a queue or counted, though everybody repeats what we send.
import { startAws } from '../local/aws/endpoint.ts';
import type { Fault } from '../local/huawei/faults.ts';
import type { LoggedRequest } from '../local/huawei/requests.ts';
import { pass, useClock } from './clock.ts';
import { closeAfter, type Environment, receipt, startEnvironment, useEnvironment } from './environment.ts';
import { formsOf, leaksIn, secret } from './output/printed.ts';

useEnvironment();
useClock();

// All that spelling can change: quotes, slashes, plus, percent, space, umlauts, what URLs escape or do not.
const passwords = {
  plain: secret('correct-horse-battery'),
  odd: secret('pä"ß\\w/+rd&=?% *\'(1)~€🎫>>>???'),
  short: secret('Zq7!"x'),
};
const credentialsOf = (password: string) => ({ type: 'password', domain: 'acme', user: 'relay', password });

/** A fault that repeats what it was sent: whatever the test makes of the request. */
const echo = (
  kind: LoggedRequest['kind'],
  make: (request: LoggedRequest) => { status: number; body: unknown; headers?: Record<string, string> },
): Fault => {
  const fault: Fault = {
    does: 'answer',
    status: 500,
    match: request => {
      if (request.kind !== kind) return false;
      Object.assign(fault, make(request));
      return true;
    },
  };
  return fault;
};

/** Places in an answer to repeat a text. */
const places: [string, (text: string) => { body: unknown; headers?: Record<string, string> }][] = [
  ['in error_msg', text => ({ body: { error_code: 'X.1', error_msg: `you sent ${text}, which is wrong` } })],
  ['in error_code', text => ({ body: { error_code: text, error_msg: 'no' } })],
  ['in request_id', text => ({ body: { error_code: 'X.1', request_id: text } })],
  ["in IAM's error", text => ({ body: { error: { code: 401, message: text, title: text } } })],
  ['in an object', text => ({ body: { error_code: 'X.1', error_msg: { headers: { deep: [text] } } } })],
  ['as a name', text => ({ body: { error_code: 'X.1', error_msg: { [text]: 1 } } })],
  ['in an object for a code', text => ({ body: { error_code: { got: text } } })],
  ['as it is', text => ({ body: text })],
  ['in HTML', text => ({ body: `<html>${text}</html>` })],
  [
    'behind a long text',
    text => ({ body: { error_code: 'X.1', error_msg: `${'long '.repeat(97)}${text}` } }),
  ],
  ['in X-Request-Id', text => ({ body: {}, headers: { 'X-Request-Id': text.replace(/[^\x20-\x7e]/g, '') } })],
  ['in Retry-After', text => ({ body: {}, headers: { 'Retry-After': text.replace(/[^\x20-\x7e]/g, '') } })],
];
/** In every spelling. */
const spelled = (...texts: string[]) => texts.flatMap(formsOf).join(' or ');

/** Everything that anybody outside could see of us, but for Huawei itself. */
const shown = (environment: Environment, ...more: unknown[]) =>
  [
    environment.printed(),
    JSON.stringify(environment.deadLetters()),
    ...environment
      .deadLetters()
      .flatMap(({ attributes }) => Object.values(attributes).map(a => a.StringValue)),
    JSON.stringify(environment.proxy.calls.map(({ body }) => body)),
    ...more.map(each => (each instanceof Error ? `${each.stack} ${each.cause}` : JSON.stringify(each))),
  ].join('\n');

/** A young receipt, one past its age, one that is no receipt. */
const deliver = async (environment: Environment) => {
  const { failed } = await environment.deliver([
    receipt('young'),
    { body: receipt('old'), system: { ApproximateFirstReceiveTimestamp: '0' } },
    '?',
  ]);
  return failed;
};

describe.each(Object.entries(passwords))('a password (%s)', (_, password) => {
  test.each(places)('that IAM repeats %s, and OSM, though it never got it', async (_, put) => {
    const answer = put(spelled(password));
    const environment = await startEnvironment({
      credentials: credentialsOf(password),
      huawei: {
        password,
        faults: [
          { ...echo('log_in', () => ({ status: 500, ...answer })), times: 1 },
          echo('mark', () => ({ status: 200, ...answer })),
        ],
      },
    });
    expect(await deliver(environment)).toEqual([0]);
    pass({ hours: 2 });
    await deliver(environment);
    expect(environment.marks()).not.toEqual([]);
    expect(leaksIn(shown(environment), [password])).toEqual([]);
  });

  test('that IAM repeats as the whole request', async () => {
    const environment = await startEnvironment({
      credentials: credentialsOf(password),
      huawei: { faults: [echo('log_in', ({ body }) => ({ status: 401, body: { error_msg: body } }))] },
    });
    await deliver(environment);
    expect(leaksIn(shown(environment), [password])).toEqual([]);
  });
});

describe('a token', () => {
  const tokenOf = ({ headers }: LoggedRequest) => String(headers['x-auth-token']);

  test.each(places)('of a log-in, or stored and short, that OSM repeats %s', async (_, put) => {
    const short = { type: 'token', token: secret('tok/en+1=') };
    for (const credentials of [undefined, short]) {
      const statuses = [200, 400, 401, 403, 503];
      const repeat = (request: LoggedRequest) => ({
        status: statuses.shift() ?? 500,
        ...put(spelled(tokenOf(request))),
      });
      const environment = await startEnvironment({
        ...(credentials && { credentials }),
        huawei: { faults: [echo('mark', repeat)] },
      });
      // A stored token is left alone for a minute after its 401.
      for (let round = 0; round < 6; round++) {
        await deliver(environment);
        pass({ minutes: 1 });
      }
      expect(statuses).toEqual([]);
      expect(leaksIn(shown(environment), environment.marks().map(tokenOf))).toEqual([]);
    }
  });

  test('that was renewed is still a secret', async () => {
    const environment = await startEnvironment();
    await environment.deliver([receipt('1')]);
    const old = tokenOf(environment.marks()[0] as LoggedRequest);
    pass({ hours: 23, minutes: 50 });
    environment.huawei.faults.add(echo('mark', () => ({ status: 400, body: { error_msg: old } })));
    // The renewal runs beside the first of these.
    for (let time = 0; time < 3; time++) await deliver(environment);
    expect(environment.logIns()).toHaveLength(2);
    expect(leaksIn(shown(environment), [old])).toEqual([]);
  });

  test('that IAM sends in a body instead of the header', async () => {
    const token = secret('MIIthis-token-was-never-meant-for-the-body-of-an-answer-0123456789');
    const environment = await startEnvironment({
      huawei: { faults: [echo('log_in', () => ({ status: 200, body: { error_msg: token } }))] },
    });
    await deliver(environment);
    expect(leaksIn(shown(environment), [token])).toEqual([]);
  });
});

describe('a key', () => {
  const secretKey = secret('Sk/of+the=tests');
  const securityToken = secret('security/token+of=the-tests');
  const credentials = {
    type: 'aksk',
    access_key: 'ACCESSKEYOFTHETESTS2',
    secret_key: secretKey,
    security_token: securityToken,
  };

  test.each(places)('and its signature that OSM repeats %s', async (_, put) => {
    const repeat = ({ headers }: LoggedRequest) =>
      put(`${headers.authorization} ${spelled(`${headers['x-security-token']}`, secretKey)}`);
    const environment = await startEnvironment({
      credentials,
      huawei: { faults: [echo('unread', request => ({ status: 401, ...repeat(request) }))] },
    });
    await deliver(environment);
    const signatures = environment.huawei.requests.map(
      ({ headers }) => /Signature=(\w+)/.exec(String(headers.authorization))?.[1] as string,
    );
    expect(signatures.length).toBeGreaterThan(0);
    expect(leaksIn(shown(environment), [secretKey, securityToken, ...signatures])).toEqual([]);
  });
});

describe('what AWS repeats', () => {
  const password = passwords.plain;
  const stored = JSON.stringify(credentialsOf(password));
  const sessionToken = secret('session/token+of=the-tests-which-is-not-very-long');
  const keys = () => [process.env.AWS_SECRET_ACCESS_KEY as string, sessionToken, password];
  beforeEach(() => {
    process.env.AWS_SESSION_TOKEN = sessionToken;
  });
  afterEach(() => {
    delete process.env.AWS_SESSION_TOKEN;
  });

  test.each(['secretsmanager', 'ssm'])('%s: the request, the secret and our keys, in errors', async store => {
    const aws = closeAfter(await startAws());
    const everything = (headers: object) => `${JSON.stringify(headers)} ${stored} ${spelled(...keys())}`;
    const text = `not JSON: ${stored}`;
    const bodies: ((headers: object) => unknown)[] = [
      headers => ({ __type: 'AccessDenied', Message: everything(headers) }),
      headers => ({ __type: everything(headers), message: everything(headers) }),
      everything,
      () => ({ SecretString: text, Parameter: { Value: text } }),
      () => ({ SecretString: [stored], Parameter: [stored] }),
    ];
    const answers = bodies.flatMap(body => [200, 400, 500].map(status => ({ status, body })));
    let [answer] = answers as [(typeof answers)[0]];
    aws.intercept = ({ headers }) => ({ status: answer.status, body: answer.body(headers) as object });
    const environment = await startEnvironment({
      env: {
        CREDENTIALS_FROM: `${store}:id`,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: aws.url,
        AWS_ENDPOINT_URL_SSM: aws.url,
      },
    });
    for (answer of answers) {
      await deliver(environment);
      pass({ seconds: 1 });
    }
    expect(environment.marks()).toEqual([]);
    expect(aws.calls.length).toBeGreaterThan(answers.length);
    expect(leaksIn(shown(environment), keys())).toEqual([]);
  });

  test.each(['SendMessageBatch', 'ChangeMessageVisibilityBatch'])(
    'SQS: our keys, in errors of %s',
    async action => {
      const environment = await startEnvironment({
        credentials: credentialsOf(password),
        huawei: { password, faults: [{ does: 'html502', match: { kind: 'mark' } }] },
      });
      const message = (headers: object) =>
        `The canonical string was ${JSON.stringify(headers)} ${keys().join(' ')}`;
      const answers = [
        ({ headers }: { headers: object }) => ({
          status: 403,
          body: { __type: 'com.amazonaws.sqs#SignatureDoesNotMatch', message: message(headers) },
        }),
        ({ headers, body }: { headers: object; body: { Entries: { Id?: string }[] } }) => {
          const named = { Code: 'X', Message: message(headers), SenderFault: true };
          return {
            status: 200,
            body: { Successful: [], Failed: body.Entries.map(({ Id }) => ({ Id, ...named })) },
          };
        },
      ];
      for (const answer of answers) {
        environment.proxy.intercept = (call, forward) => (call.action === action ? answer(call) : forward());
        await deliver(environment);
      }
      expect(leaksIn(shown(environment), keys())).toEqual([]);
    },
  );
});
