import { setTimeout as sleep } from 'node:timers/promises';
import { type Failure, unfinished } from '../failure.ts';
import type { Broken, Call } from '../huawei/http.ts';
import { type Answer, classify } from '../huawei/outcome.ts';
import { isProof, isRefusal, readOnlyCall, type Verdict, verdictOf } from '../huawei/read-only.ts';
import type { Redactor } from '../redact.ts';
import type { Authorization } from './open.ts';
import { REST_MS } from './refusals.ts';
import type { Renewal } from './renewal.ts';
import type { Stored } from './secret-store.ts';

/** So long the function's start waits; what is not ready then goes on beside the first batch. */
const PREPARE_MOST_MS = 2_000;
/** So long a batch's answer waits for a renewal: IAM answers sooner, but in trouble, when it refuses nothing. */
const RENEWAL_MOST_MS = 500;
/** A token that replaced a refused one and is refused too: another log-in is no cure before this. */
const REPLACE_AGAIN_MS = 60_000;

/** The case is the same where a late receipt is looked at, by another path, before it is marked. */
const caseOf = ({ path }: Call): string | undefined => path.split('/')[4];

/** Makes a call: paced, and cut by who gave it. */
type Send = (call: Call) => Promise<Answer | Broken>;

/** What became of a call; where it was refused, whose right to call that was, and whose fault it is. */
type Attempt =
  | { answer: Answer | Broken; by?: never; verdict?: never }
  | { answer: Answer; by: Authorization; verdict: Verdict };

interface Dependencies {
  renewal: Renewal;
  /** Those of the read-only call. */
  headers: Record<string, string>;
  redactor: Redactor;
}

/**
 * Makes calls in our name. What a refusal means is decided by one read-only call with the same credentials: it is
 * about them, or about the receipt. So one odd receipt never costs a key, and a wrong key never its lock.
 */
export const createSession = ({ renewal, headers, redactor }: Dependencies) => {
  let replacedAt = Number.NEGATIVE_INFINITY;
  /** One call with this version of a key was refused, which may have been about its case alone; then that is past. */
  let doubt: { version: string; caseId: string | undefined; answer: Answer; until: number } | undefined;
  /** Calls with a key that nobody has proved go one by one: this is the end of their line. */
  let line: Promise<unknown> = Promise.resolve();

  const failureOf = (answer: Answer): Failure => classify(answer, redactor.redact) as Failure;

  const sign = (call: Call, by: Authorization): Call => ({
    ...call,
    headers: { ...call.headers, ...by.headersFor(call) },
  });
  const sendAs = async (by: Authorization, call: Call, send: Send): Promise<Answer | Broken> => {
    const answer = await send(sign(call, by));
    by.isProved ||= isProof(answer);
    return answer;
  };

  /** What a log-in can replace is forgotten; a stored token or a key is left alone for a while. */
  const refuse = async (by: Authorization, answer: Answer) => {
    if (by.byLogIn) {
      if (!by.isProved && Date.now() - replacedAt < REPLACE_AGAIN_MS) return;
      replacedAt = Date.now();
    }
    renewal.forget(by);
    if (!by.byLogIn) await renewal.refusals.add(by.stored, failureOf(answer));
  };

  const examine = async (by: Authorization, send: Send): Promise<Verdict> => {
    // Renewed or refused since: no other call is needed to know.
    if (!renewal.isCurrent(by)) return 'refused';
    const answer = await send(sign(readOnlyCall(headers), by));
    const verdict = verdictOf(answer);
    by.isProved ||= verdict === 'good';
    if (isRefusal(answer)) await refuse(by, answer);
    return verdict;
  };
  /** Single flight, and nobody is answered by a call that began before they asked: who comes during one shares the next. */
  const ask = (by: Authorization, send: Send): Promise<Verdict> => {
    const begin = () => {
      by.nextVerdict = undefined;
      return examine(by, send);
    };
    by.nextVerdict ??= by.lastVerdict = by.lastVerdict.then(begin, begin);
    return by.nextVerdict;
  };

  const callAs = async (by: Authorization, call: Call, send: Send): Promise<Attempt> => {
    const answer = await sendAs(by, call, send);
    return isRefusal(answer) ? { answer, by, verdict: await ask(by, send) } : { answer };
  };

  /**
   * The read-only call goes first; where that decides nothing, this call does. Its refusal may be about its case
   * alone: then a call for another case decides, and no third signature asks what that means.
   */
  const tryKey = async (key: Authorization, call: Call, send: Send): Promise<Attempt | undefined> => {
    if (key.isProved) return undefined;
    const asked = await ask(key, send);
    if (asked === 'unasked') return { answer: { broken: unfinished, stale: false } };
    if (asked !== 'undecided') return undefined;
    const undecided = (answer: Answer): Attempt => ({ answer, by: key, verdict: 'undecided' });
    const caseId = caseOf(call);
    const { version } = key.stored;
    const before = doubt?.version === version && Date.now() < doubt.until ? doubt : undefined;
    if (before && before.caseId === caseId) return undecided(before.answer);
    const attempt = before ? { answer: await sendAs(key, call, send) } : await callAs(key, call, send);
    const { answer } = attempt;
    if (before && isRefusal(answer)) {
      await refuse(key, answer);
      return undecided(answer);
    }
    if (attempt.verdict === 'undecided')
      doubt = { version, caseId, answer: attempt.answer, until: Date.now() + REST_MS.aksk };
    // Those who wait need not wait for another call without an answer.
    if ('broken' in answer && answer.broken.code !== 'unfinished') renewal.forget(key, answer.broken);
    return attempt;
  };

  const attempt = async (call: Call, send: Send): Promise<Attempt> => {
    const by = await renewal.get();
    if ('code' in by) return { answer: { broken: by, stale: false } };
    if (by.isProved || by.stored.credentials.type !== 'aksk') return callAs(by, call, send);
    const own = line.then(() => tryKey(by, call, send));
    line = own.catch(() => undefined);
    return (await own) ?? attempt(call, send);
  };

  /** A refusal that is left is this receipt's own, `failed`, where the credentials are good; else `unauthorized`. */
  const outcomeOf = ({ answer, verdict }: Attempt): Answer | Broken => {
    if (verdict === undefined) return answer;
    if (verdict === 'unasked') return { broken: unfinished, stale: false };
    const code = verdict === 'good' ? 'failed' : 'unauthorized';
    return { broken: { ...failureOf(answer), code }, stale: false };
  };

  return {
    changed: renewal.changed,
    readCredentials: renewal.readCredentials,
    identify: renewal.identify,

    /** Makes a call. One that is refused is repeated once: where the credentials are good, or were replaced since. */
    async authorized(call: Call, send: Send): Promise<Answer | Broken> {
      const first = await attempt(call, send);
      const { by, verdict } = first;
      if (verdict === 'good') {
        const answer = await sendAs(by, call, send);
        return outcomeOf(isRefusal(answer) ? { answer, by, verdict } : { answer });
      }
      const isReplaced = verdict === 'refused' && !renewal.isCurrent(by);
      return outcomeOf(isReplaced ? await attempt(call, send) : first);
    },

    /**
     * Reads the secret, logs in or proves a key while the function initialises, two seconds at most; what is not
     * ready then goes on. It never rejects.
     *
     * @param send makes the read-only call that proves a key
     */
    async prepare(send: Send): Promise<void> {
      const work = async () => {
        const by = await renewal.get();
        if ('stored' in by && by.stored.credentials.type === 'aksk') await ask(by, send);
      };
      // A throw is a bug, and the first batch meets it again, where it is reported.
      await Promise.race([work().catch(() => undefined), sleep(PREPARE_MOST_MS, undefined, { ref: false })]);
    },

    /**
     * Lets a renewal end that began beside the calls. Lambda freezes the function once it has answered, and what IAM
     * says meanwhile is lost: a log-in whose refusal nobody hears would be repeated with every batch.
     *
     * @param mostMs it waits half a second at most, or this
     */
    async settled(mostMs: number): Promise<void> {
      const ended = renewal.ended();
      const forMs = Math.max(0, Math.min(RENEWAL_MOST_MS, mostMs));
      if (ended) await Promise.race([ended, sleep(forMs, undefined, { ref: false })]);
    },

    /** For a check-up: one try of the stored credentials and the read-only call, no repeat. */
    async once(stored: Stored, send: Send): Promise<Answer | Broken> {
      const by = await renewal.tryOut(stored);
      if ('failure' in by) return { broken: by.failure, stale: false };
      const answer = await send(sign(readOnlyCall(headers), by));
      if (isRefusal(answer) && !by.byLogIn) await renewal.refusals.add(stored, failureOf(answer));
      return answer;
    },
  };
};

export type Session = ReturnType<typeof createSession>;
