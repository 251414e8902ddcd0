// The four kinds of credentials, each with what may happen to it at Huawei and where it is stored.
import { setTimeout as sleep } from 'node:timers/promises';
import { startAws } from '../../local/aws/endpoint.ts';
import type { LoggedRequest } from '../../local/huawei/requests.ts';
import {
  closeAfter,
  context,
  type Environment,
  fabricated,
  type Handler,
  passwordCredentials,
  receipt,
  type Setup,
  startEnvironment,
} from '../environment.ts';
import { secret } from '../output/printed.ts';

/** So many turns without anything new: more than lie between the store's answer and the log-in that follows it. */
const QUIET_TURNS = 10;

export type Kind = 'password' | 'token' | 'aksk' | 'oidc';
export type Store = 'file' | 'secretsmanager' | 'ssm';

export const AUDIENCE = 'huawei-cloud';
export const ROLE = 'arn:aws:iam::000000000000:role/read-receipt-relay';
/** More than are in flight at once. */
export const MANY = 60;

const keyOf = (name: string) => ({
  type: 'aksk',
  access_key: `ACCESSKEY${name}`,
  secret_key: secret(`secretKeyOfTheTests${name}SecretKeyOfTheTests`),
});
export const keys = { first: keyOf('FIRST'), second: keyOf('SECOND') };
export const accessKeys = {
  [keys.first.access_key]: keys.first.secret_key,
  [keys.second.access_key]: keys.second.secret_key,
};
const oidc = {
  type: 'oidc',
  identity_provider: 'aws',
  audience: AUDIENCE,
  scope: { domain: 'acme' },
};

export const wrongOf = {
  password: { ...passwordCredentials, password: secret('wrong-password-of-the-tests') },
  token: { type: 'token', token: secret('no-token-of-the-tests') },
  aksk: { ...keys.first, secret_key: secret('anotherSecretKeyAnotherSecretKeyAnother0') },
  oidc: { ...oidc, identity_provider: 'another' },
} as const satisfies Record<Kind, object>;

/** A cold start with credentials of a kind in a store; `wrong` ones are stored, or those that Huawei takes. */
export const start = async (
  kind: Kind,
  { store = 'file', wrong = false, ...setup }: Setup & { store?: Store; wrong?: boolean } = {},
) => {
  const aws = closeAfter(await startAws());
  const id = '/relay/credentials';
  const identityProviders = {
    aws: {
      issuer: aws.url,
      audience: AUDIENCE,
      keys: kind === 'oidc' ? await aws.sts.keys() : '{"keys":[]}',
      rules: [{ sub: ROLE }],
    },
  };
  const given =
    wrong || kind === 'token'
      ? wrongOf[kind]
      : { password: passwordCredentials, aksk: keys.first, oidc }[kind];
  aws.secrets.set(id, JSON.stringify(setup.credentials ?? given));
  const environment = await startEnvironment({
    credentials: given,
    ...setup,
    huawei: { accessKeys, identityProviders, ...setup.huawei },
    env: {
      ...(store !== 'file' && { CREDENTIALS_FROM: `${store}:${id}` }),
      AWS_ENDPOINT_URL_SECRETS_MANAGER: aws.url,
      AWS_ENDPOINT_URL_SSM: aws.url,
      AWS_ENDPOINT_URL_STS: aws.url,
      // Longer than a busy machine needs.
      REQUEST_TIMEOUT_MS: '15000',
      ...setup.env,
    },
  });
  const { huawei } = environment;
  const put = async (content: object | string) => {
    if (store === 'file') await environment.store(content);
    else aws.secrets.set(id, typeof content === 'string' ? content : JSON.stringify(content));
  };
  const rightOf = async (): Promise<object> => {
    if (kind === 'token') return { type: 'token', ...huawei.iam.issueToken() };
    return kind === 'password' ? passwordCredentials : kind === 'aksk' ? keys.first : oidc;
  };
  if (kind === 'token' && !wrong) await put(await rightOf());

  let coldStarts = 0;
  const next = { ...passwordCredentials, password: secret('the-next-password-of-the-tests') };
  return {
    ...environment,
    aws,
    put,
    rightOf,
    /** What went on beside the last batch has ended. */
    async settled() {
      for (let quiet = 0, seen = -1; quiet < QUIET_TURNS; quiet++) {
        const { length } = huawei.requests;
        if (length !== seen || huawei.requests.some(({ status }) => status === undefined)) quiet = 0;
        seen = length;
        await sleep(25);
      }
    },
    /** Another instance in the same surroundings. */
    async coldStart() {
      const name = `${huawei.url}-${++coldStarts}`;
      const { handler } = (await import(`../../handlers/mark-as-read.ts?${name}`)) as { handler: Handler };
      return handler;
    },
    /** Huawei no longer takes what is stored. */
    end(): void {
      if (kind === 'password') huawei.iam.setPassword(next.password);
      else if (kind !== 'aksk') huawei.iam.revokeTokens();
      else
        huawei.faults.add({
          does: 'answer',
          status: 401,
          body: { error_code: 'APIGW.0301', error_msg: 'ak not exist' },
          match: ({ headers }) => headers.authorization?.includes(keys.first.access_key) ?? false,
        });
    },
    /** What takes its place; a token can be had once it has ended. */
    nextOf: async (): Promise<object> =>
      kind === 'password' ? next : kind === 'aksk' ? keys.second : rightOf(),
  };
};
export type Started = Awaited<ReturnType<typeof start>>;

let names = 0;
export const receipts = (count: number) =>
  Array.from({ length: count }, () => fabricated(receipt(`case-${++names}`)));

/** Invokes the function with so many new receipts. Gives how many failed. */
export const mark = async ({ handler }: { handler: Handler }, count = 1): Promise<number> =>
  (await handler({ Records: receipts(count) }, context)).batchItemFailures.length;

/** What Huawei refused: log-ins and calls. */
export const refused = ({ huawei }: Pick<Environment, 'huawei'>): LoggedRequest[] =>
  huawei.requests.filter(({ kind, status }) => status === 401 || (kind === 'id_token' && status === 404));

/** Why receipts were not marked. */
export const reasons = ({ lines }: Pick<Environment, 'lines'>): string[] =>
  lines().flatMap(({ message, detail }) =>
    message === 'receipt.delayed' || message === 'receipt.left' ? [String(detail)] : [],
  );
