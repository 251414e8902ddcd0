import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from '../failure.ts';
import type { Broken, Call } from '../huawei/http.ts';
import { type Answer, classify } from '../huawei/outcome.ts';
import { isProof, isRefusal, readOnlyCall, type Verdict, verdictOf } from '../huawei/read-only.ts';
import type { Redactor } from '../redact.ts';
import type { Authorization } from './open.ts';
import type { Renewal } from './renewal.ts';
import type { Stored } from './secret-store.ts';

/** So long the function's start waits; what is not ready then goes on beside the first batch. */
const PREPARE_MOST_MS = 2_000;
/** A token that replaced a refused one and is refused too: another log-in is no cure before this. */
const REPLACE_AGAIN_MS = 60_000;

/** Makes a call: paced, and cut by who gave it. */
type Send = (call: Call) => Promise<Answer | Broken>;

interface Attempt {
  answer: Answer | Broken;
  /** Where that is a refusal: of whom, and whose fault it is. */
  refused?: { answer: Answer; by: Authorization; verdict: Verdict };
}

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
  /** Keys of which one mark was refused and nothing else is known: it may have been about that receipt. */
  const doubted = new WeakSet<Authorization>();
  /** Calls with a key that nobody has proved go one by one: this is the end of their line. */
  let line: Promise<unknown> = Promise.resolve();

  const failureOf = (answer: Answer): Failure => classify(answer, redactor.redact) as Failure;

  const sendAs = async (by: Authorization, call: Call, send: Send): Promise<Answer | Broken> => {
    const answer = await send({ ...call, headers: { ...call.headers, ...by.headersFor(call) } });
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
    const answer = await sendAs(by, readOnlyCall(headers), send);
    const verdict = verdictOf(answer);
    if (verdict === 'good') by.isProved = true;
    if (isRefusal(answer)) await refuse(by, answer);
    return verdict;
  };
  const examinations = new WeakMap<Authorization, (send: Send) => Promise<Verdict>>();
  const ask = (by: Authorization, send: Send): Promise<Verdict> => {
    const known = examinations.get(by) ?? nextFlight((given: Send) => examine(by, given));
    examinations.set(by, known);
    return known(send);
  };

  const callAs = async (by: Authorization, call: Call, send: Send): Promise<Attempt> => {
    const answer = await sendAs(by, call, send);
    if (!isRefusal(answer)) return { answer };
    return { answer, refused: { answer, by, verdict: await ask(by, send) } };
  };

  /** The read-only call goes first; where that decides nothing, this call does. */
  const tryKey = async (key: Authorization, call: Call, send: Send): Promise<Attempt | undefined> => {
    if (key.isProved || !renewal.isCurrent(key)) return undefined;
    if ((await ask(key, send)) !== 'undecided') return undefined;
    const isSecond = doubted.has(key);
    // A second refusal is the last that an unproved key may cost: no third call asks what it means.
    const attempt: Attempt = isSecond
      ? { answer: await sendAs(key, call, send) }
      : await callAs(key, call, send);
    const { answer, refused } = attempt;
    if (isSecond && isRefusal(answer)) {
      await refuse(key, answer);
      return { answer, refused: { answer, by: key, verdict: 'undecided' } };
    }
    if (refused?.verdict === 'undecided') doubted.add(key);
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

  const refusal = (answer: Answer, code: 'unauthorized' | 'failed'): Broken => ({
    broken: { ...failureOf(answer), code },
    stale: false,
  });

  return {
    changed: renewal.changed,
    readCredentials: renewal.readCredentials,
    identify: renewal.identify,

    /**
     * Makes a call. One that is refused is repeated once: where the credentials are good, or others have replaced
     * them. A refusal that is left is `failed`, this receipt's own, where they are good; else `unauthorized`.
     */
    async authorized(call: Call, send: Send): Promise<Answer | Broken> {
      const { answer, refused } = await attempt(call, send);
      if (!refused) return answer;
      const { by, verdict } = refused;
      if (verdict === 'good') {
        const again = await sendAs(by, call, send);
        return isRefusal(again) ? refusal(again, 'failed') : again;
      }
      if (verdict === 'undecided' || renewal.isCurrent(by)) return refusal(refused.answer, 'unauthorized');
      const again = await attempt(call, send);
      if (!again.refused) return again.answer;
      return refusal(again.refused.answer, again.refused.verdict === 'good' ? 'failed' : 'unauthorized');
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

    /** For a check-up: one try of the stored credentials and the read-only call, no repeat. */
    async once(stored: Stored, send: Send): Promise<Answer | Broken> {
      const by = await renewal.tryOut(stored);
      if ('failure' in by) return { broken: by.failure, stale: false };
      const answer = await sendAs(by, readOnlyCall(headers), send);
      if (isRefusal(answer) && !by.byLogIn) await renewal.refusals.add(stored, failureOf(answer));
      return answer;
    },
  };
};

export type Session = ReturnType<typeof createSession>;

/** Single flight, and nobody is answered by a run that began before they asked: who comes during one shares the next. */
const nextFlight = <Given, Result>(run: (given: Given) => Promise<Result>) => {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  const begin = async (given: Given): Promise<Result> => {
    await running.catch(() => undefined);
    next = undefined;
    const own = run(given);
    running = own;
    return own;
  };
  return (given: Given): Promise<Result> => {
    next ??= begin(given);
    return next;
  };
};
