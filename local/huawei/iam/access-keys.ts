import { signRequest } from '../../../lib/huawei/signature.ts';
import type { Clock } from '../options.ts';
import type { LoggedRequest } from '../requests.ts';

const SKEW_MS = 15 * 60_000;
/** "More than five consecutive times": the sixth failure locks. */
const FAILURES_BEFORE_LOCK = 5;
const LOCK_MS = 5 * 60_000;

const AUTHORIZATION =
  /^SDK-HMAC-SHA256 Access=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/;
const SDK_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Checks signatures and counts failures per access key.
 *
 * What arrived is signed once more by the code that is under test elsewhere, against Huawei's own SDKs:
 * test/huawei/signature.test.ts. Here it is seen whether it was this request that was signed.
 */
export const createAccessKeys = (secretKeys: Record<string, string>, clock: Clock) => {
  const failures = new Map<string, { count: number; lockedUntil: number }>();

  const mismatchOf = (
    { method, rawPath, headers, body = '' }: LoggedRequest,
    names: string[],
    key: { access_key: string; secret_key: string },
  ): string | undefined => {
    const sentAt = Date.parse(String(headers['x-sdk-date']).replace(SDK_DATE, '$1-$2-$3T$4:$5:$6Z'));
    if (!(Math.abs(clock.now() - sentAt) <= SKEW_MS)) return 'signature expired';
    const signed = names.filter(name => name !== 'host' && name !== 'x-sdk-date');
    const { Authorization } = signRequest(
      {
        method,
        host: headers.host ?? '',
        path: rawPath,
        headers: Object.fromEntries(signed.map(name => [name, headers[name]?.toString() ?? ''])),
        body,
      },
      key,
      new Date(sentAt),
    );
    return Authorization === headers.authorization ? undefined : 'verify aksk signature fail';
  };

  return {
    /** Why the gateway refuses who signed a request; undefined where it does not. */
    refusalOf(request: LoggedRequest): string | undefined {
      const [, accessKey = '', names = ''] = AUTHORIZATION.exec(request.headers.authorization ?? '') ?? [];
      if (!accessKey) return 'authorization format is incorrect';
      const secretKey = Object.hasOwn(secretKeys, accessKey) ? secretKeys[accessKey] : undefined;
      if (secretKey === undefined) return `Get secretKey failed,ak:${accessKey},err:ak not exist`;

      const { count, lockedUntil } = failures.get(accessKey) ?? { count: 0, lockedUntil: 0 };
      if (lockedUntil > clock.now()) return 'AK access failed to reach the limit,forbidden';
      const key = { access_key: accessKey, secret_key: secretKey };
      const mismatch = mismatchOf(request, names.split(';'), key);
      const locks = count >= FAILURES_BEFORE_LOCK;
      if (mismatch === undefined) failures.delete(accessKey);
      else if (locks) failures.set(accessKey, { count: 0, lockedUntil: clock.now() + LOCK_MS });
      else failures.set(accessKey, { count: count + 1, lockedUntil: 0 });
      return mismatch;
    },
  };
};
