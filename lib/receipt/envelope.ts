import { type Failure, failure } from '../failure.ts';
import { isObject } from '../json.ts';
import { timeMs } from './time.ts';

/** What came inside an envelope; of a bare body, the body itself. */
interface Opened {
  inside: unknown;
  /** For people: where it was. */
  where: string;
  /** The envelope and the name of the field that holds it; absent where there is none. */
  envelope?: Record<string, unknown>;
  field?: 'Message' | 'detail' | 'data';
  /** When the envelope says that it was sent, in milliseconds; absent where it does not say so readably. */
  at?: number;
}

/** Reads JSON. The parser is the caller's, as a repair keeps more than JSON.parse does. */
type Parse = (text: string) => unknown;

const read = (text: string, where: string, parse: Parse): { inside: unknown } | { failure: Failure } => {
  try {
    return { inside: parse(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // V8 quotes what it could not read; the dead letter holds the text anyway, a log should not.
    const reason = error.message.replace(/, (\.{3})?".*/s, '');
    return { failure: failure('malformed', `${where} is not JSON: ${reason}`) };
  }
};

/**
 * Takes the receipt out of a message's body: bare (an object with a case_id always is), or in an SNS notification,
 * an EventBridge event or a structured CloudEvent.
 *
 * @returns what is inside, which need not be a receipt; or the failure `malformed`: not JSON, or an empty envelope
 */
export const open = (body: string, parse: Parse = JSON.parse): Opened | { failure: Failure } => {
  const outer = read(body, 'the body', parse);
  if ('failure' in outer) return outer;
  const envelope = outer.inside;
  if (!isObject(envelope) || Object.hasOwn(envelope, 'case_id'))
    return { inside: envelope, where: 'the body' };

  const opened = (field: NonNullable<Opened['field']>, where: string, time: unknown) => {
    const at = timeMs(time);
    const inside = envelope[field] ?? undefined;
    if (inside === undefined) return { failure: failure('malformed', `${where} is missing`) };
    return { inside, where, envelope, field, ...(at !== undefined && { at }) };
  };
  if (envelope.Type === 'Notification') {
    const sns = opened('Message', 'Message of the SNS notification', envelope.Timestamp);
    if ('failure' in sns) return sns;
    if (typeof sns.inside !== 'string')
      return { failure: failure('malformed', `${sns.where} is no text: a receipt as JSON belongs there`) };
    const inner = read(sns.inside, sns.where, parse);
    return 'failure' in inner ? inner : { ...sns, ...inner };
  }
  if (Object.hasOwn(envelope, 'detail-type'))
    return opened('detail', 'detail of the EventBridge event', envelope.time);
  if (Object.hasOwn(envelope, 'specversion')) return opened('data', 'data of the CloudEvent', envelope.time);
  return { inside: envelope, where: 'the body' };
};
