// A Lambda function that makes the call it is told, under the role it is given: what the role allows is not read
// out of its policy but tried.
import { type SignedCall, signedCall } from './signed-call.ts';

const { AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } =
  process.env;

export const handler = (call: SignedCall) =>
  signedCall(
    {
      endpoint: AWS_ENDPOINT_URL ?? '',
      region: AWS_REGION ?? '',
      keys: {
        accessKeyId: AWS_ACCESS_KEY_ID ?? '',
        secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '',
        sessionToken: AWS_SESSION_TOKEN ?? '',
      },
    },
    call,
  );
