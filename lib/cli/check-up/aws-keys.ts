import type { Config } from '../../config.ts';

/**
 * The AWS keys that the other calls of the command line use: the shell's, or those of a profile (AWS_PROFILE), of
 * single sign-on, of an instance. None where there are none. It never throws.
 */
export const resolveKeys = async ({
  region,
}: Pick<Config['aws'], 'region'>): Promise<Config['aws']['keys']> => {
  // In the command line alone: the function has its role's keys in its environment.
  const { SQSClient } = await import('@aws-sdk/client-sqs');
  const client = new SQSClient({ region });
  const found = await client.config.credentials().catch(() => undefined);
  client.destroy();
  return {
    accessKeyId: found?.accessKeyId,
    secretAccessKey: found?.secretAccessKey,
    sessionToken: found?.sessionToken,
  };
};
