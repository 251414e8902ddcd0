import * as z from 'zod/mini';
import type { Failure } from '../failure.ts';
import { parseJson } from '../json.ts';
import type { Telemetry } from '../telemetry.ts';
import { type AwsCall, callJson } from './aws-call.ts';
import type { Credentials, Stored } from './secret-store.ts';

/** A failure that is everyone's answer until then, in milliseconds epoch. */
export interface Standing {
  failure: Failure;
  until: number;
  /** Of the secret that is at fault; undefined where none could be read. */
  version: string | undefined;
}

const MINUTE_MS = 60_000;

/** How long what Huawei refused is left alone, unless another version of the secret is stored. */
export const REST_MS: Record<Credentials['type'], number> = {
  // Wrong passwords are counted for up to an hour, and 3 to 10 of them lock the user.
  password: 61 * MINUTE_MS,
  // Refused signatures are counted for 5 minutes, and more than 5 of them lock the key.
  aksk: 6 * MINUTE_MS,
  // Nothing to lock: only calls to save.
  token: MINUTE_MS,
  oidc: MINUTE_MS,
};

/** The function has better to do than to wait for a note. */
const PARAMETER_TIMEOUT_MS = 1_000;

/** What the parameter holds: which version was refused, and when. Never anything made of the secret. */
const noteSchema = z.object({ version: z.string(), refused_at: z.iso.datetime() });
const parameterSchema = z.object({ Parameter: z.object({ Value: z.string() }) });

interface Dependencies {
  /** Name of the parameter that remembers a refused log-in for all instances; none where absent. */
  parameter: string | undefined;
  call: AwsCall;
  telemetry: { log: Pick<Telemetry['log'], 'error' | 'warn'>; count: Telemetry['count'] };
}

/**
 * Remembers what Huawei refused, per version of the secret: under a retrying queue a wrong password would lock
 * the account. Passwords are remembered in a parameter too, so that a cold start does not try them again. A
 * parameter that cannot be read or written costs a warning. Nothing here throws.
 */
export const createRefusals = ({ parameter, call, telemetry: { log, count } }: Dependencies) => {
  const known = new Map<string, Standing>();

  /** One call about the parameter. */
  const ask = (action: 'GetParameter' | 'PutParameter', rest: object = {}) =>
    callJson(call, 'ssm', {
      target: `AmazonSSM.${action}`,
      body: { Name: parameter, ...rest },
      timeoutMs: PARAMETER_TIMEOUT_MS,
    });
  type Said = Awaited<ReturnType<typeof ask>>;

  const jsonOf = (said: Said, target: string): unknown => {
    if ('json' in said) return said.json;
    log.warn('refusals.unreachable', { parameter, target, detail: said.problem });
    return undefined;
  };

  const write = async (version: string, at: number) => {
    const note = { version, refused_at: new Date(at).toISOString() };
    const said = await ask('PutParameter', { Value: JSON.stringify(note), Type: 'String', Overwrite: true });
    jsonOf(said, 'PutParameter');
  };

  /** When this version was refused by the parameter's word, in milliseconds epoch. */
  const refusedAt = async (version: string, said: Said): Promise<number | undefined> => {
    const answer = parameterSchema.safeParse(jsonOf(said, 'GetParameter'));
    const note = noteSchema.safeParse(answer.success ? parseJson(answer.data.Parameter.Value) : undefined);
    if (!note.success || note.data.version !== version) return undefined;
    const at = Date.parse(note.data.refused_at);
    if (at <= Date.now()) return at;
    // Another clock's, or a slip: written down as now, so that it ends.
    await write(version, Date.now());
    return Date.now();
  };

  const remember = ({ version, credentials: { type } }: Stored, reason: Failure, at: number): Standing => {
    const until = at + REST_MS[type];
    const wayOut = `not tried again before ${new Date(until).toISOString()}, unless the secret is saved again`;
    const standing = { failure: { ...reason, detail: `${reason.detail}; ${wayOut}` }, until, version };
    for (const [other, { until }] of known) if (until <= Date.now()) known.delete(other);
    known.set(version, standing);
    return standing;
  };

  return {
    /** Begins to read the parameter; only a password waits for what it says. */
    look: (): Promise<Said> | undefined => (parameter ? ask('GetParameter') : undefined),

    /** Why this version of the secret is not to be tried now; undefined where it is. */
    async standing(stored: Stored, looked: Promise<Said> | undefined): Promise<Standing | undefined> {
      const standing = known.get(stored.version);
      if (standing && Date.now() < standing.until) return standing;
      if (!looked || stored.credentials.type !== 'password') return undefined;
      const at = await refusedAt(stored.version, await looked);
      if (at === undefined || Date.now() >= at + REST_MS.password) return undefined;
      const detail = `a log-in with this version of the secret was refused at ${new Date(at).toISOString()}`;
      return remember(stored, { code: 'unauthorized', detail }, at);
    },

    /** Huawei has refused this version of the secret just now. */
    async add(stored: Stored, reason: Failure): Promise<Standing> {
      const now = Date.now();
      const standing = remember(stored, reason, now);
      count('LogInsRefused');
      log.error('credentials.refused', { ...standing.failure });
      if (parameter && stored.credentials.type === 'password') await write(stored.version, now);
      return standing;
    },
  };
};
