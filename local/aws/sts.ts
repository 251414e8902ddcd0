import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { AwsAnswer, AwsCall } from './call.ts';

/** The role of the caller, whose ARN is the token's `sub`. */
const ROLE = 'arn:aws:iam::000000000000:role/read-receipt-relay';

export interface StsOptions {
  /** Outbound web identity federation is switched on. @default true */
  federation?: boolean;
  /** Audiences that the role may ask for. @default any */
  audiences?: string[];
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/**
 * AWS's STS as far as GetWebIdentityToken goes, and the issuer whose keys the tokens are signed with.
 *
 * @param issuer gives the issuer's URL, which the tokens name
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
 */
export const createSts = (issuer: () => string) => {
  const settings: StsOptions = {};
  let key: ReturnType<typeof makeKey> | undefined;
  const currentKey = () => (key ??= makeKey());

  const sign = async (audience: string, forSeconds: number) => {
    const { privateKey, kid } = await currentKey();
    const now = Math.floor(Date.now() / 1000);
    const text = await new SignJWT({ 'https://sts.amazonaws.com/': { aws_account: '000000000000' } })
      .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
      .setIssuer(issuer())
      .setSubject(ROLE)
      .setAudience(audience)
      .setIssuedAt(now)
      .setExpirationTime(now + forSeconds)
      .setJti(randomUUID())
      .sign(privateKey);
    return { text, expiration: new Date((now + forSeconds) * 1000).toISOString() };
  };

  return {
    async getWebIdentityToken({ body }: Pick<AwsCall, 'body'>): Promise<AwsAnswer> {
      if (settings.federation === false)
        return refused('OutboundWebIdentityFederationDisabled', 'It is not enabled for the account.');
      const audience = `${body['Audience.member.1']}`;
      if (settings.audiences && !settings.audiences.includes(audience))
        return refused('AccessDenied', `User: ${ROLE} is not authorized to perform: sts:GetWebIdentityToken`);
      const { text, expiration } = await sign(audience, Number(body.DurationSeconds));
      return xml(
        200,
        `<GetWebIdentityTokenResponse xmlns="${NAMESPACE}"><GetWebIdentityTokenResult>` +
          `<Expiration>${expiration}</Expiration><WebIdentityToken>${text}</WebIdentityToken>` +
          `</GetWebIdentityTokenResult><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>` +
          '</GetWebIdentityTokenResponse>',
      );
    },

    /** Answers what the issuer publishes; undefined for any other path. */
    async published(path: string): Promise<AwsAnswer | undefined> {
      if (path === '/.well-known/openid-configuration')
        return json({
          issuer: issuer(),
          jwks_uri: `${issuer()}/.well-known/jwks.json`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256', 'ES384'],
        });
      return path === '/.well-known/jwks.json' ? json(await keysOf(await currentKey())) : undefined;
    },

    controls: {
      /** What an administrator copies from the issuer: its key set as JSON text. */
      keys: async () => JSON.stringify(await keysOf(await currentKey())),
      /** From now on tokens are signed with another key, which alone is published. */
      rotate(): void {
        key = undefined;
      },
      /** Changes who asks and what is allowed. */
      set(changed: StsOptions): void {
        Object.assign(settings, changed);
      },
      /** A token for an audience, as STS would give it. */
      sign,
    },
  };
};

const makeKey = async () => ({ ...(await generateKeyPair('RS256')), kid: randomUUID() });

const keysOf = async ({ publicKey, kid }: Awaited<ReturnType<typeof makeKey>>): Promise<{ keys: JWK[] }> => ({
  keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }],
});

const json = (body: object): AwsAnswer => ({ status: 200, body, contentType: 'application/json' });
const xml = (status: number, body: string): AwsAnswer => ({ status, body, contentType: 'text/xml' });

const refused = (code: string, message: string): AwsAnswer =>
  xml(
    403,
    `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>${code}</Code>` +
      `<Message>${message.replace(/[<>&]/g, ' ')}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  );
