// Huawei's stand-in, and calls to it, spelled by hand.
import { type IncomingHttpHeaders, request as open } from 'node:http';
import type { HuaweiOptions } from '../../../local/huawei/options.ts';
import { type Huawei, startHuawei } from '../../../local/huawei/server.ts';

export const LOG_IN = '/v3/auth/tokens?nocatalog=true';
export const JSON_TYPE = { 'Content-Type': 'application/json;charset=utf8' };
export const MINUTE_MS = 60_000;

let running: Huawei[] = [];

/** Call it once in a test file. */
export const useHuawei = () =>
  afterEach(async () => {
    await Promise.all(running.map(huawei => huawei.close()));
    running = [];
  });

export async function start(options: HuaweiOptions = {}): Promise<Huawei> {
  const huawei = await startHuawei({ cases: { 'case-1': { unread: 3 } }, ...options });
  running.push(huawei);
  return huawei;
}

export interface Sent {
  headers?: Record<string, string>;
  body?: string | undefined;
}

interface Got {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json: Record<string, unknown>;
}

export function call(
  huawei: Huawei,
  method: string,
  path: string,
  { headers = {}, body }: Sent = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(huawei.url);
    const request = open({
      hostname,
      port,
      method,
      path,
      headers,
      agent: false,
      maxHeaderSize: 1024 * 1024,
    });
    request.on('error', reject);
    request.on('response', response => {
      const chunks: Buffer[] = [];
      response.on('data', chunk => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) });
      });
    });
    request.end(body);
  });
}

function parse(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export interface LogIn {
  domain?: object;
  name?: string;
  password?: string;
  scope?: object | undefined;
}

export const logInBody = ({
  domain = { name: 'acme' },
  name = 'relay',
  password = 'right-password',
  scope,
}: LogIn = {}) => ({
  auth: { identity: { methods: ['password'], password: { user: { domain, name, password } } }, scope },
});

export const logIn = (huawei: Huawei, given: LogIn = {}) =>
  call(huawei, 'POST', LOG_IN, { headers: JSON_TYPE, body: JSON.stringify(logInBody(given)) });

export const tokenFor = async (huawei: Huawei, given: LogIn = {}) =>
  String((await logIn(huawei, given)).headers['x-subject-token']);

export const markPath = (caseId: string) =>
  `/v2/servicerequest/cases/${encodeURIComponent(caseId)}/instant-messages/unread`;

/** Marks with a fresh token, unless headers bring their own. */
export async function mark(
  huawei: Huawei,
  caseId = 'case-1',
  { headers = {}, body, ...rest }: Sent = {},
): Promise<Got> {
  const token = huawei.iam.issueToken('relay').token;
  const type = body === undefined ? {} : JSON_TYPE;
  return call(huawei, 'POST', markPath(caseId), {
    headers: { 'X-Auth-Token': token, ...type, ...headers },
    body,
    ...rest,
  });
}
