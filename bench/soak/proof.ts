import { type Calls, callsOf } from './calls.ts';
import { failureOf, type Message } from './ledger.ts';
import { SERVICE_CODES } from './oracle.ts';
import { proveAccount, proveRate } from './proof-account.ts';
import { keyOf, type Receipt } from './receipts.ts';
import { MAX_ATTEMPTS, type World } from './world.ts';

/** A promise that was not kept. */
export interface Broken {
  promise: string;
  receipt?: Receipt;
}

/** SQS takes ten attributes; with so many of its own, a letter has no room to say why. */
const MOST_ATTRIBUTES = 10;
const MOST_REPLAYS = 3;
const OURS = new Set(['failure', 'failure_code', 'replays']);

const isBetween = (at: number | undefined, from: number, to: number) =>
  at !== undefined && at >= from && at <= to;

/** When this delivery of a message reached the mapping. */
const receiptOfHandle = (message: Message, handle: string) =>
  message.receives.find(receive => receive.handle === handle)?.at ?? Number.POSITIVE_INFINITY;

const attributesKept = (from: Message['attributes'], to: Message['attributes']): boolean =>
  Object.entries(from).every(([name, value]) => {
    if (OURS.has(name)) return true;
    const kept = to[name];
    return (
      kept?.DataType === value.DataType &&
      kept.StringValue === value.StringValue &&
      kept.BinaryValue === value.BinaryValue
    );
  });

/** Why a dead letter should not be, undefined where its story justifies it. */
const unjustified = (
  letter: Message,
  source: Message,
  calls: Calls,
  maxAgeSeconds: number,
): string | undefined => {
  const failure = failureOf(letter);
  if (!failure) {
    return Object.keys(source.receipt.attributes).length < MOST_ATTRIBUTES
      ? 'a dead letter does not say why'
      : undefined;
  }
  const { code } = failure;
  const stated = letter.attributes.failure_code?.StringValue;
  if (stated && stated !== code) return `a dead letter says ${code} and ${stated}`;
  const { verdict } = source;
  if ('dead' in verdict || code === 'malformed' || code === 'invalid') {
    const right = 'dead' in verdict ? verdict.dead : 'a receipt';
    return right === code ? undefined : `a dead letter says ${code} of what is ${right}`;
  }
  if (SERVICE_CODES.has(code)) {
    const ageMs = letter.sentAt - (source.firstReceivedAt ?? letter.sentAt);
    return ageMs >= maxAgeSeconds * 1000
      ? undefined
      : `dead-lettered for ${code} at an age of ${(ageMs / 1000).toFixed(2)} s, before its ${maxAgeSeconds} s`;
  }
  const receives = source.receives.filter(({ at }) => at <= letter.sentAt);
  if (code === 'failed' && receives.length < MAX_ATTEMPTS) {
    return `dead-lettered as failed after ${receives.length} of ${MAX_ATTEMPTS} receives`;
  }
  const since = receives[0]?.at ?? Number.POSITIVE_INFINITY;
  const told = calls
    .of(keyOf(verdict.mark))
    .some(call => call.meaning === code && isBetween(call.at, since, letter.sentAt));
  return told ? undefined : `dead-lettered as ${code}, which no answer to its call said`;
};

const proveReceipt = (
  world: World,
  calls: Calls,
  receipt: Receipt,
  standing: Set<string>,
): string | undefined => {
  const all = world.ledger.of(receipt);
  const sources = all.filter(({ queue }) => queue === 'receipts');
  const letters = all.filter(({ queue }) => queue === 'dead-letters');

  for (const letter of letters) {
    const id = failureOf(letter)?.source_message_id;
    const source = sources.find(each =>
      id ? each.id === id : each.body === letter.body && each.sentAt < letter.sentAt,
    );
    if (!source) return 'a dead letter names no message that was received';
    if (letter.body !== source.body) return 'a dead letter has another body';
    if (!attributesKept(source.attributes, letter.attributes)) return 'a dead letter lost attributes';
    const why = unjustified(letter, source, calls, world.pace.maxAgeSeconds);
    if (why) return why;
  }

  for (const source of sources) {
    if (!attributesKept(receipt.attributes, source.attributes)) return 'a replay lost attributes';
    if (Number(source.attributes.replays?.StringValue ?? 0) > MOST_REPLAYS)
      return 'it was replayed too often';
    if (!source.deleted) continue;
    const { at, handle } = source.deleted;
    const since = receiptOfHandle(source, handle);
    const marked =
      'mark' in source.verdict &&
      calls
        .of(keyOf(source.verdict.mark))
        .some(call => call.meaning === 'marked' && isBetween(call.at, since, at));
    const buried = letters.some(letter => {
      const id = failureOf(letter)?.source_message_id;
      return (id === undefined || id === source.id) && isBetween(letter.confirmedAt, since, at);
    });
    if (!marked && !buried) return 'acknowledged before its mark, and before SQS confirmed its dead letter';
  }

  const again = sources.filter(({ sentBy, confirmedAt }) => sentBy === 'replay' && confirmedAt !== undefined);
  const taken = letters.flatMap(({ deleted }) => deleted ?? []);
  for (const { at } of taken) {
    const before = again.filter(({ confirmedAt = 0 }) => confirmedAt <= at).length;
    if (before < taken.filter(other => other.at <= at).length)
      return 'replay deleted a dead letter before SQS took what it sent';
  }

  const marked = sources.some(
    ({ verdict }) =>
      'mark' in verdict &&
      calls
        .of(keyOf(verdict.mark))
        .some(({ meaning, at }) => meaning === 'marked' && at >= (sources[0]?.sentAt ?? 0)),
  );
  if (!marked && !all.some(({ id }) => standing.has(id)))
    return 'lost: neither marked, nor dead, nor in the queue';
  return undefined;
};

/** Every promise, of every receipt one by one, and of all together. Stops at nothing. */
export const prove = (world: World): { broken: Broken[]; calls: Calls } => {
  const calls = callsOf(world);
  const { ledger, watch } = world;
  const broken: Broken[] = ledger.strange.map(({ why, receipt }) => ({
    promise: why,
    ...(receipt && { receipt }),
  }));
  for (const id of ledger.unknown()) broken.push({ promise: `SQS delivered ${id}, which nobody sent` });

  const standing = { receipts: world.standing('receipts'), letters: world.standing('dead-letters') };
  for (const id of standing.letters.keys()) {
    const message = ledger.messages.get(id);
    if (message?.queue !== 'receipts') continue;
    broken.push({ promise: 'SQS had to move it: our own code failed at it', receipt: message.receipt });
  }
  const there = new Set([...standing.receipts.keys(), ...standing.letters.keys()]);
  for (const receipt of ledger.receipts.values()) {
    const promise = proveReceipt(world, calls, receipt, there);
    if (promise) broken.push({ promise, receipt });
  }

  const wanted = new Set<string>();
  for (const { verdict } of ledger.messages.values()) if ('mark' in verdict) wanted.add(keyOf(verdict.mark));
  for (const key of calls.keys()) {
    if (!wanted.has(key)) broken.push({ promise: `a call that no receipt asked for: ${key}` });
  }
  for (const { method, rawPath } of calls.others) {
    broken.push({ promise: `a call that nobody documented: ${method} ${rawPath}` });
  }
  for (const message of ledger.messages.values()) {
    if (message.queue === 'dead-letters')
      watch.check(message.attributes.failure?.StringValue ?? '', 'a dead letter');
  }
  for (const leak of new Set(watch.leaks)) broken.push({ promise: `a secret was shown: ${leak}` });
  broken.push(...proveAccount(world), ...proveRate(world));
  return { broken, calls };
};
