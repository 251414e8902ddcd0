import type { Failure } from '../failure.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Credentials, Stored } from './secret-store.ts';

/** A secret that Huawei refused, or one that cannot be read (no text), and how long it is left alone. */
export interface Denial {
  text: string | undefined;
  failure: Failure;
  until: number;
  /** A second try within that time: allowed, or made. */
  again?: 'allowed' | 'made';
}

interface Alarm {
  log: Pick<Telemetry['log'], 'error'>;
  count: Telemetry['count'];
}

/**
 * Huawei locks a user after 3 to 10 refused log-ins and counts them for up to an hour, and a key after 5
 * refused signatures. A stored token has no lock to fear.
 */
const COOL_DOWN_MS: Record<Credentials['type'], number> = {
  password: 3_600_000,
  aksk: 3_600_000,
  token: 60_000,
};

/** Remembers the secrets that Huawei refused: under a retrying queue a wrong password would lock the account. */
export const createDenials = ({ log, count }: Alarm) => {
  const denials = new Map<string, Denial>();
  const fresh = (text: string): Denial | undefined => {
    const denial = denials.get(text);
    return denial && Date.now() < denial.until ? denial : undefined;
  };

  return {
    /** Why this secret is not to be tried now. */
    standing(text: string): Denial | undefined {
      const denial = fresh(text);
      return denial?.again === 'allowed' ? undefined : denial;
    },

    deny({ text, credentials }: Stored, reason: Failure): Denial {
      const again = fresh(text)?.again ? ({ again: 'made' } as const) : {};
      const now = Date.now();
      for (const [other, { until }] of denials) if (until < now) denials.delete(other);
      const until = now + COOL_DOWN_MS[credentials.type];
      const pause = `not tried again before ${new Date(until).toISOString()} unless the secret changes`;
      const failure = { ...reason, detail: `${reason.detail}; ${pause}` };
      const denial: Denial = { text, failure, until, ...again };
      denials.set(text, denial);
      count('LogInsRefused');
      log.error('credentials.refused', { ...failure });
      return denial;
    },

    /** Allows a second try, once: there is a sign that Huawei's side has changed since. */
    reconsider(denial: Denial) {
      denial.again ??= 'allowed';
    },
  };
};
