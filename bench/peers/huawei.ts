// What the three peers share: the schema, the log-in and the call, as most people would write them.
import { z } from 'zod';

const { OSM_ENDPOINT, IAM_ENDPOINT, REQUEST_TIMEOUT_MS } = process.env;

export const receiptSchema = z.object({
  case_id: z.string().min(1).max(64),
  group_id: z.string().max(64).nullish(),
  language: z.string().max(32).nullish(),
  time_zone: z.string().max(32).nullish(),
  read_at: z.iso.datetime({ offset: true }).nullish(),
});
export type Receipt = z.infer<typeof receiptSchema>;

export interface Credentials {
  domain: string;
  user: string;
  password: string;
}

const answerSchema = z.object({ error_code: z.string().optional(), error_msg: z.string().optional() });

/** Kept in a variable, as a promise, so that a batch logs in once. */
let token: Promise<string> | undefined;

const timeLimit = () => AbortSignal.timeout(Number(REQUEST_TIMEOUT_MS));

const logIn = async ({ domain, user, password }: Credentials): Promise<string> => {
  const identity = {
    methods: ['password'],
    password: { user: { domain: { name: domain }, name: user, password } },
  };
  const response = await fetch(`${IAM_ENDPOINT}/v3/auth/tokens?nocatalog=true`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { domain: { name: domain } } } }),
    signal: timeLimit(),
  });
  await response.body?.cancel();
  const header = response.headers.get('x-subject-token');
  if (response.status !== 201 || !header) throw new Error(`IAM answered ${response.status}`);
  return header;
};

/** Marks one case as read; throws where Huawei did not. */
export const markAsRead = async (
  { case_id, group_id, language, time_zone }: Receipt,
  readCredentials: () => Credentials | Promise<Credentials>,
): Promise<void> => {
  token ??= Promise.resolve(readCredentials()).then(logIn);
  token.catch(() => {
    token = undefined;
  });
  const path = `/v2/servicerequest/cases/${encodeURIComponent(case_id)}/instant-messages/unread`;
  const response = await fetch(`${OSM_ENDPOINT}${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-Auth-Token': await token,
      ...(language && { 'X-Language': language }),
      ...(time_zone && { 'X-Time-Zone': time_zone }),
    },
    body: JSON.stringify(group_id ? { group_id } : {}),
    signal: timeLimit(),
  });
  if (response.status === 401) token = undefined;
  if (!response.ok) throw new Error(`OSM answered ${response.status}`);
  const { error_code, error_msg } = answerSchema.parse(await response.json());
  if (error_code) throw new Error(`OSM answered ${error_code}: ${error_msg}`);
};
