import type { Huawei } from '../../../local/huawei/server.ts';
import {
  call,
  JSON_TYPE,
  LOG_IN,
  type LogIn,
  logIn,
  logInBody,
  MINUTE_MS,
  mark,
  markPath,
  start,
  tokenFor,
  useHuawei,
} from './calls.ts';

useHuawei();

describe('IAM', () => {
  test.each([
    ['the domain by id', { domain: { id: '0a1b2c3d4e5f60718293a4b5c6d7e8f9' } }, 201],
    ['a project by name', { scope: { project: { name: 'ap-southeast-3' } } }, 201],
    ['a project by id', { scope: { project: { id: '9f8e7d6c5b4a39281706f5e4d3c2b1a0' } } }, 201],
    ['no scope', { scope: undefined }, 201],
    ["another's domain as scope", { scope: { domain: { name: 'other' } } }, 403],
    ['an unknown project', { scope: { project: { name: 'nowhere' } } }, 401],
    ['two scopes', { scope: { domain: { name: 'acme' }, project: { name: 'ap-southeast-3' } } }, 400],
    ['a scope of another kind', { scope: { system: { all: true } } }, 400],
    ['an unknown domain', { domain: { name: 'nobody' } }, 401],
    ['an unknown user', { name: 'nobody' }, 401],
    ['an empty password', { password: '' }, 400],
  ])('%s', async (_, given: LogIn, status) => {
    const answer = await logIn(await start(), given);
    expect(answer.status).toBe(status);
    if (status !== 201) {
      expect(answer.json).toEqual({
        error: { code: status, message: expect.any(String), title: expect.any(String) },
      });
    }
  });

  test.each([
    ['no content type', {}, JSON.stringify(logInBody()), 400],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }, JSON.stringify(logInBody()), 400],
    ['not JSON', JSON_TYPE, '{', 400],
    ['no body', JSON_TYPE, undefined, 400],
    ['a misspelt field', JSON_TYPE, JSON.stringify({ ...logInBody(), extra: 1 }), 400],
  ])('%s is no log-in', async (_, headers, body, status) => {
    const answer = await call(await start(), 'POST', LOG_IN, { headers, body });
    expect(answer.status).toBe(status);
  });

  test('wrong passwords lock the user, and trying on keeps the lock', async () => {
    const huawei = await start({ lockAfter: 2 });
    const message = async (password: string) => {
      const answer = await logIn(huawei, { password });
      return (answer.json.error as { message: string } | undefined)?.message ?? answer.status;
    };
    expect(await message('wrong')).toBe('The username or password is wrong.');
    expect(huawei.iam.lockState('relay')).toEqual({ locked: false, failures: 1 });
    expect(await message('wrong')).toBe('The username or password is wrong.');
    expect(huawei.iam.lockState('relay').locked).toBe(true);

    huawei.clock.offsetMs += 14 * MINUTE_MS;
    expect(await message('right-password')).toBe('The account is locked.');
    huawei.clock.offsetMs += 14 * MINUTE_MS;
    expect(await message('right-password')).toBe('The account is locked.');
    huawei.clock.offsetMs += 16 * MINUTE_MS;
    expect(await message('wrong')).toBe('The username or password is wrong.');
    expect(await message('right-password')).toBe(201);
    expect(huawei.iam).toMatchObject({ failedLogIns: 5, logIns: 1 });
  });
});

describe('tokens', () => {
  const markWith = (huawei: Huawei, token: string) =>
    mark(huawei, 'case-1', { headers: { 'X-Auth-Token': token } });

  test('a token opens OSM until its time is over', async () => {
    const huawei = await start({ tokenSeconds: 60 });
    const token = await tokenFor(huawei);
    expect((await markWith(huawei, token)).status).toBe(200);
    huawei.clock.offsetMs += MINUTE_MS;
    const answer = await markWith(huawei, token);
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({
      error_code: 'APIGW.0307',
      request_id: answer.headers['x-request-id'],
    });
  });

  test('a new password and a revocation end tokens, a new log-in does not', async () => {
    const huawei = await start();
    const first = await tokenFor(huawei);
    const second = await tokenFor(huawei);
    expect((await markWith(huawei, first)).status).toBe(200);

    huawei.iam.setPassword('relay', 'new-password');
    expect((await markWith(huawei, second)).json.error_code).toBe('APIGW.0307');
    expect((await logIn(huawei)).status).toBe(401);
    const third = await tokenFor(huawei, { password: 'new-password' });
    expect((await markWith(huawei, third)).status).toBe(200);

    huawei.iam.revokeTokens();
    expect((await markWith(huawei, third)).json.error_code).toBe('APIGW.0307');
  });

  test('no token and an unknown one', async () => {
    const huawei = await start();
    const without = await call(huawei, 'POST', markPath('case-1'));
    expect([without.status, without.json.error_code]).toEqual([401, 'APIGW.0301']);
    const unknown = await markWith(huawei, 'MIIunknown');
    expect([unknown.status, unknown.json.error_code]).toEqual([401, 'APIGW.0301']);
    expect(huawei.osm.unread('case-1')).toBe(3);
  });
});
