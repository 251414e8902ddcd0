import type { Config } from '../config.ts';
import type { Failure } from '../failure.ts';
import type { CreateClient } from '../huawei/http.ts';
import type { Redactor } from '../redact.ts';
import type { Telemetry } from '../telemetry.ts';
import { createAwsCall } from './aws-call.ts';
import { createLogIn } from './log-in.ts';
import { type Authorization, createOpen } from './open.ts';
import { createRefusals, type Standing } from './refusals.ts';
import { createSecretStore, type Stored } from './secret-store.ts';

/** A failed opening is everyone's answer for so long, unless IAM asks for longer. */
const FAILED_MS = 1_000;
/** While the old token is good, a renewal that failed is tried again after this. */
const RENEW_AGAIN_MS = 60_000;
/** And after this while nobody has heard its answer: it may have been a refusal, and those are counted. */
const RENEW_UNHEARD_MS = 15 * 60_000;
/** A busy machine's timers are late. */
const LATE_TIMERS_MS = 250;

interface Dependencies {
  createClient: CreateClient;
  /** Host of OSM's endpoint: it is part of what a key signs. */
  host: string;
  redactor: Redactor;
  telemetry: { log: Pick<Telemetry['log'], 'error' | 'warn'>; count: Telemetry['count'] };
}

/**
 * Keeps the right to call: opened once for all who wait, renewed beside the calls, and nothing is kept on failure
 * but what may not be tried again yet. What it gives never rejects for what others answer.
 */
export const createRenewal = (config: Config, { createClient, host, redactor, telemetry }: Dependencies) => {
  /** When the last call about the credentials began, in milliseconds epoch. */
  let calledAt = 0;
  const createOwnClient: CreateClient = (...to) => {
    const { host, send } = createClient(...to);
    return {
      host,
      send(each) {
        calledAt = Date.now();
        return send(each);
      },
    };
  };
  const call = createAwsCall(config, createOwnClient);
  const readCredentials = createSecretStore(config, call);
  const refusals = createRefusals({ parameter: config.refusalsIn, call, telemetry });
  const logIn = createLogIn(config, createOwnClient, redactor);
  const open = createOpen({ host, logIn, redactor, call });
  let current: Authorization | undefined;
  let opening: Promise<Authorization | Failure> | undefined;
  /** Why there is none now. */
  let failing: Standing | undefined;

  const fail = (failure: Failure, version: string | undefined, forMs = FAILED_MS): Standing => ({
    failure,
    until: Date.now() + forMs,
    version,
  });

  /** One try of one version of the secret; none while its refusal stands. */
  const tryOut = async (stored: Stored, looked = refusals.look()): Promise<Authorization | Standing> => {
    const standing = await refusals.standing(stored, looked);
    if (standing) return standing;
    const opened = await open(stored);
    const { type } = stored.credentials;
    if (type === 'password' || type === 'oidc') telemetry.count('LogIns');
    if (!('code' in opened)) return opened;
    if (opened.code === 'unauthorized') return refusals.add(stored, opened);
    return fail(opened, stored.version, Math.max(FAILED_MS, (opened.retryAfterSeconds ?? 0) * 1000));
  };

  const obtain = async (): Promise<Authorization | Standing> => {
    // Beside the secret, whatever its kind will be: a cold start waits for one answer less.
    const looked = refusals.look();
    const stored = await readCredentials();
    if (!('code' in stored)) return tryOut(stored, looked);
    telemetry.log.error('credentials.unusable', { ...stored });
    return fail(stored, undefined);
  };

  /**
   * Lambda freezes this process after the initialisation and after each batch. What was under way for longer than
   * a call can take has dead sockets, and timers that are all due at once.
   */
  const wasFrozen = () => Date.now() - calledAt > config.requestTimeoutMs + LATE_TIMERS_MS;

  /** While it is good, the token in hand is not renewed for so long. */
  const leaveAlone = (forMs: number) => {
    if (current) current.freshUntil = Math.min(current.validUntil, Date.now() + forMs);
  };

  /** Single flight. One that was frozen is abandoned, and its failure tells nothing. */
  const renew = (): Promise<Authorization | Failure> => {
    if (opening && !wasFrozen()) return opening;
    calledAt = Date.now();
    leaveAlone(RENEW_UNHEARD_MS);
    const settle = async () => {
      try {
        const got = await obtain();
        const isOurs = opening === own;
        if (!('failure' in got)) {
          if (isOurs) [current, failing] = [got, undefined];
          return got;
        }
        // A refusal is remembered beside this.
        if (isOurs && !wasFrozen()) failing = got;
        const { code } = got.failure;
        if (code !== 'timeout' && code !== 'unreachable') leaveAlone(RENEW_AGAIN_MS);
        return got.failure;
      } finally {
        if (opening === own) opening = undefined;
      }
    };
    const own = settle();
    opening = own;
    return own;
  };

  return {
    readCredentials,
    refusals,
    tryOut,
    /** What AWS says of who this is; for a check-up. */
    async identify(audience: string) {
      const { getIdentity } = await import('./oidc.ts');
      return getIdentity(audience, { call, redactor });
    },
    isCurrent: (by: Authorization): boolean => by === current,
    /** The end of a renewal that is under way; undefined where none is. It never rejects. */
    ended: (): Promise<unknown> | undefined => opening?.catch(() => undefined),

    /** The right to call now. While the old one is good, nothing waits for a renewal. */
    async get(): Promise<Authorization | Failure> {
      const now = Date.now();
      if (current && now < current.freshUntil) return current;
      if (current && now < current.validUntil) {
        // A throw is a bug: who waits for the next one meets it.
        renew().catch(() => undefined);
        return current;
      }
      if (failing && now < failing.until) return failing.failure;
      return renew();
    },

    /** Is not used again, unless it was replaced already. `why` is everyone's answer for a second. */
    forget(by: Authorization, why?: Failure) {
      if (by !== current) return;
      current = undefined;
      if (why) failing = fail(why, by.stored.version);
    },

    /** Whether another version has taken the place of a secret that is at fault: it is worth a try at once. */
    async changed(): Promise<boolean> {
      if (failing?.failure.code !== 'unauthorized') return false;
      // Nothing waits for the store while the old token is good: its renewal sees another version within a minute.
      if (current && Date.now() < current.validUntil) return false;
      const stored = await readCredentials();
      if ('code' in stored || stored.version === failing?.version) return false;
      failing = undefined;
      return true;
    },
  };
};

export type Renewal = ReturnType<typeof createRenewal>;
